package ebb.runtime;

import java.io.ByteArrayOutputStream;

/** The invocation whose code runs, and what it printed that has no line end yet. */
final class Running {
  volatile int stream; // 0 = none
  volatile String request; // null = none
  final Partial out = new Partial();
  final Partial err = new Partial();

  Running(int stream, String request) {
    this.stream = stream;
    this.request = request;
  }

  static final class Partial extends ByteArrayOutputStream {
    byte[] bytes() {
      return buf;
    }
  }
}

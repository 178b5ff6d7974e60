package ebb.runtime;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UnsupportedEncodingException;
import java.nio.charset.StandardCharsets;

/**
 * What the function prints and logs, sent as log frames of the request that is
 * running. Whole lines; a line that has no end leaves with the invocation.
 */
final class Output {
  static final int MAX_LINE = 256 * 1024;

  private static final byte[] NO_LEVEL = new byte[0];

  private final Channel channel;
  private final Lines out = new Lines();
  private final Lines err = new Lines();

  /** Of the invocation in flight, or the last one: late lines are its. */
  volatile int stream;

  Output(Channel channel) {
    this.channel = channel;
  }

  /** Takes over System.out and System.err for the life of the process. */
  void install() throws UnsupportedEncodingException {
    System.setOut(new PrintStream(out, false, "UTF-8"));
    System.setErr(new PrintStream(err, false, "UTF-8"));
    Runtime.getRuntime().addShutdownHook(new Thread(this::flush, "ebb-last-lines"));
  }

  /** Sends what has no line end yet. */
  void flush() {
    out.finish();
    err.finish();
  }

  /** Sends one entry, which may hold line ends. */
  void line(String level, byte[] text) {
    line(level.isEmpty() ? NO_LEVEL : level.getBytes(StandardCharsets.US_ASCII), text, 0, text.length);
  }

  private void line(byte[] level, byte[] text, int from, int to) {
    try {
      do {
        int cut = Math.min(to, from + MAX_LINE);
        channel.send(Channel.LOG, 0, stream, level, text, from, cut);
        from = cut;
      } while (from < to);
    } catch (IOException e) {
      // The platform is gone, and with it whoever could read this.
    }
  }

  /** Cuts a byte stream into lines, and keeps the one that has no end yet. */
  private final class Lines extends OutputStream {
    private final Partial partial = new Partial();

    @Override
    public synchronized void write(int b) {
      if (b == '\n') {
        cut();
      } else {
        partial.write(b);
        limit();
      }
    }

    @Override
    public synchronized void write(byte[] b, int from, int length) {
      int to = from + length;
      for (int at = from; at < to; at++) {
        if (b[at] != '\n') {
          continue;
        }
        if (partial.size() == 0) {
          line(NO_LEVEL, b, from, at);
        } else {
          partial.write(b, from, at - from);
          cut();
        }
        from = at + 1;
      }
      partial.write(b, from, to - from);
      limit();
    }

    synchronized void finish() {
      if (partial.size() > 0) {
        cut();
      }
    }

    private void limit() {
      if (partial.size() >= MAX_LINE) {
        cut();
      }
    }

    private void cut() {
      partial.emit();
      partial.reset();
    }
  }

  private final class Partial extends ByteArrayOutputStream {
    void emit() {
      line(NO_LEVEL, buf, 0, count);
    }
  }
}

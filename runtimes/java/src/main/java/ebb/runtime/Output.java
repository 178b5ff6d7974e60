package ebb.runtime;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UnsupportedEncodingException;
import java.nio.charset.StandardCharsets;

/**
 * What the function prints and logs, sent as log frames of the invocation that
 * prints it. Whole lines; a line that has no end leaves with the invocation.
 */
final class Output {
  static final int MAX_LINE = 256 * 1024;

  private static final byte[] NO_LEVEL = new byte[0];

  private final Channel channel;
  private final Lines out = new Lines(false);
  private final Lines err = new Lines(true);

  /** The invocation in flight, or the last one: late lines are its. */
  private final Running latest = new Running(0, null);

  /** Where several may be in flight: that of the thread, and of those it starts. */
  private volatile InheritableThreadLocal<Running> own; // null = one at a time

  Output(Channel channel) {
    this.channel = channel;
  }

  /** Takes over System.out and System.err for the life of the process. */
  void install() throws UnsupportedEncodingException {
    System.setOut(new PrintStream(out, false, "UTF-8"));
    System.setErr(new PrintStream(err, false, "UTF-8"));
    Runtime.getRuntime().addShutdownHook(new Thread("ebb-last-lines") {
      @Override
      public void run() {
        flush();
      }
    });
  }

  /** From now on several invocations may be in flight. */
  void share() {
    begin(0, null);
    own = new InheritableThreadLocal<>();
  }

  /** Says which invocation's code the thread is about to run. */
  void begin(int stream, String request) {
    if (own != null) {
      own.set(new Running(stream, request));
    } else {
      latest.stream = stream;
      latest.request = request;
    }
  }

  /** Says that the thread has run it. */
  void end() {
    if (own != null) {
      own.remove();
    }
  }

  /** The invocation whose code runs, as far as that can be told. */
  Running current() {
    Running running = own == null ? latest : own.get();
    return running == null ? latest : running;
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
        channel.send(Channel.LOG, 0, current().stream, level, text, from, cut);
        from = cut;
      } while (from < to);
    } catch (IOException e) {
      // The platform is gone, and with it whoever could read this.
    }
  }

  /** Cuts a byte stream into lines, and keeps the one that has no end yet. */
  private final class Lines extends OutputStream {
    private final boolean errors;

    Lines(boolean errors) {
      this.errors = errors;
    }

    private Running.Partial partial() {
      return errors ? current().err : current().out;
    }

    @Override
    public synchronized void write(int b) {
      Running.Partial partial = partial();
      if (b == '\n') {
        cut(partial);
      } else {
        partial.write(b);
        limit(partial);
      }
    }

    @Override
    public synchronized void write(byte[] b, int from, int length) {
      Running.Partial partial = partial();
      int to = from + length;
      for (int at = from; at < to; at++) {
        if (b[at] != '\n') {
          continue;
        }
        if (partial.size() == 0) {
          line(NO_LEVEL, b, from, at);
        } else {
          partial.write(b, from, at - from);
          cut(partial);
        }
        from = at + 1;
      }
      partial.write(b, from, to - from);
      limit(partial);
    }

    synchronized void finish() {
      Running.Partial partial = partial();
      if (partial.size() > 0) {
        cut(partial);
      }
    }

    private void limit(Running.Partial partial) {
      if (partial.size() >= MAX_LINE) {
        cut(partial);
      }
    }

    private void cut(Running.Partial partial) {
      line(NO_LEVEL, partial.bytes(), 0, partial.size());
      partial.reset();
    }
  }
}

package ebb.runtime;

import java.io.IOException;
import java.util.Arrays;

/**
 * Several invocations in flight, each on a thread of its own. The threads take
 * turns in reading: whoever has read an invocation runs it, while the next reads.
 * There are never more threads than invocations were in flight, and one.
 */
final class Workers {
  private final Instance instance;
  private final Channel channel;
  private final int places;

  private final Object turn = new Object(); // held by the one who reads

  // Guarded by this.
  private int threads = 1; // the one that calls run
  private int busy;

  Workers(Instance instance, Channel channel, int places) {
    this.instance = instance;
    this.channel = channel;
    this.places = places;
  }

  /** Serves until the other side ends the conversation. */
  void run() throws IOException {
    byte[] buffer = null;
    for (;;) {
      int stream;
      byte[] frame;
      int payload;
      synchronized (turn) {
        do {
          if (!channel.next()) {
            Runtime.getRuntime().halt(1); // the platform is gone
          }
        } while (channel.type != Channel.INVOKE && instance.handle());
        if (channel.type != Channel.INVOKE) {
          return;
        }
        stream = channel.stream;
        frame = Arrays.copyOfRange(channel.body, channel.head, channel.end);
        payload = channel.payload - channel.head;
        begin();
      }
      buffer = instance.invoke(stream, frame, 0, payload, frame.length, buffer);
      end();
    }
  }

  /** Sees to it that somebody reads while the caller is busy. */
  private synchronized void begin() {
    busy++;
    if (busy == threads && threads < places + 1) {
      threads++;
      Thread worker = new Thread(this::work, "ebb-" + threads);
      worker.setDaemon(true);
      worker.start();
    }
  }

  private synchronized void end() {
    busy--;
    if (busy == 0 && instance.ending()) {
      instance.exit();
    }
  }

  private void work() {
    try {
      run();
    } catch (IOException e) {
      Runtime.getRuntime().halt(1); // the platform is gone
    }
  }
}

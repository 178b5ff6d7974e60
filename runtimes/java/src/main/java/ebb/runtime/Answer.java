package ebb.runtime;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Arrays;

/**
 * What a handler answers. It is collected behind the room for a frame's header,
 * so that it leaves without being copied. What comes after the invocation is
 * refused, and nothing beyond the limit is kept.
 */
final class Answer extends OutputStream {
  /** A larger buffer is not kept for the next invocation. */
  private static final int KEEP = 64 * 1024;

  private static final int SMALL = 4 * 1024;

  private final int limit;
  private byte[] bytes;
  private int end = Channel.HEADER;
  private boolean tooLarge;

  Answer(byte[] buffer, int limit) {
    this.bytes = buffer == null ? new byte[SMALL] : buffer;
    this.limit = limit;
  }

  @Override
  public synchronized void write(int b) throws IOException {
    if (room(1)) {
      bytes[end++] = (byte) b;
    }
  }

  @Override
  public synchronized void write(byte[] b, int from, int length) throws IOException {
    if (room(length)) {
      System.arraycopy(b, from, bytes, end, length);
      end += length;
    }
  }

  private boolean room(int n) throws IOException {
    if (bytes == null) {
      throw new IOException("the invocation is over");
    }
    if (tooLarge || n > limit - (end - Channel.HEADER)) {
      tooLarge = true;
      return false;
    }
    if (n > bytes.length - end) {
      bytes = Arrays.copyOf(bytes, (int) Math.max((long) end + n, Math.min(2L * bytes.length, Integer.MAX_VALUE - 64)));
    }
    return true;
  }

  synchronized boolean tooLarge() {
    return tooLarge;
  }

  /** Sends the answer and returns the buffer for the next one. */
  synchronized byte[] send(Channel channel, int stream) throws IOException {
    channel.sendInPlace(Channel.RESPONSE, stream, bytes, end);
    return finish();
  }

  /** Ends the answer, sent or not, and returns the buffer for the next one. */
  synchronized byte[] finish() {
    byte[] buffer = bytes != null && bytes.length <= KEEP ? bytes : null;
    bytes = null;
    return buffer;
  }
}

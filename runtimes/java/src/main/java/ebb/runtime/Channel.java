package ebb.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;

/**
 * Frames on a stream socket: a header of 12 bytes (body length u32, type u8,
 * flags u8, head length u16, stream u32, big-endian), then head, then payload.
 * Any thread may send; one thread reads.
 */
final class Channel {
  static final int INIT = 1;
  static final int READY = 2;
  static final int INVOKE = 3;
  static final int RESPONSE = 4;
  static final int CHUNK = 5;
  static final int END = 6;
  static final int ERROR = 7;
  static final int LOG = 8;
  static final int PING = 9;
  static final int PONG = 10;
  static final int STOP = 11;
  static final int HOOK = 12;
  static final int DONE = 13;
  static final int WINDOW = 14;

  /** Flag of an error frame: the process ends after it. */
  static final int EXIT = 1;

  static final int HEADER = 12;

  private static final byte[] NOTHING = new byte[0];

  /** What the JDK reads and writes without a buffer of its own. */
  private static final int SMALL = 8 * 1024;

  /** What one system call moves at most: the JDK allocates that much for it. */
  private static final int LARGE = 64 * 1024;

  private final InputStream in;
  private final OutputStream out;
  private final byte[] small = new byte[SMALL];
  private int r;
  private int w;

  // The frame that next() found; body[head, payload) is its head and
  // body[payload, end) its payload, valid until the next call.
  int type;
  int stream;
  byte[] body = small;
  int head;
  int payload;
  int end;

  private final byte[] scratch = new byte[SMALL]; // guarded by this

  Channel(InputStream in, OutputStream out) {
    this.in = in;
    this.out = out;
  }

  /** Reads one frame, usually with one system call. False at the end. */
  boolean next() throws IOException {
    if (!fill(HEADER)) {
      return false;
    }
    int length = int32(small, r);
    type = small[r + 4] & 0xff;
    int headLength = (small[r + 6] & 0xff) << 8 | small[r + 7] & 0xff;
    stream = int32(small, r + 8);
    r += HEADER;
    if (length < 0 || headLength > length) {
      throw new IOException("frame of " + length + " bytes with a head of " + headLength);
    }
    if (length <= SMALL) {
      if (!fill(length)) {
        return false;
      }
      body = small;
      head = r;
      r += length;
    } else if (!large(length)) {
      return false;
    }
    payload = head + headLength;
    end = head + length;
    return true;
  }

  /** Buffers at least n bytes, n at most SMALL. */
  private boolean fill(int n) throws IOException {
    if (r == w) {
      r = w = 0;
    } else if (r + n > SMALL) {
      System.arraycopy(small, r, small, 0, w - r);
      w -= r;
      r = 0;
    }
    while (w - r < n) {
      int got = in.read(small, w, SMALL - w);
      if (got < 0) {
        return false;
      }
      w += got;
    }
    return true;
  }

  private boolean large(int length) throws IOException {
    // Only a little more than what has come: the length may be a lie.
    byte[] frame = new byte[Math.min(length, LARGE)];
    int have = w - r;
    System.arraycopy(small, r, frame, 0, have);
    r = w = 0;
    while (have < length) {
      if (have == frame.length) {
        frame = Arrays.copyOf(frame, (int) Math.min(length, 4L * have));
      }
      int got = in.read(frame, have, Math.min(LARGE, frame.length - have));
      if (got < 0) {
        return false;
      }
      have += got;
    }
    body = frame;
    head = 0;
    return true;
  }

  void send(int type, int flags, int stream, byte[] head, byte[] payload) throws IOException {
    send(type, flags, stream, head, payload, 0, payload.length);
  }

  /** Writes one frame, with one system call if it is small. */
  void send(int type, int flags, int stream, byte[] head, byte[] payload, int from, int to) throws IOException {
    int total = HEADER + head.length + to - from;
    synchronized (this) {
      byte[] frame = total <= SMALL ? scratch : new byte[total];
      header(frame, total - HEADER, type, flags, head.length, stream);
      System.arraycopy(head, 0, frame, HEADER, head.length);
      System.arraycopy(payload, from, frame, HEADER + head.length, to - from);
      write(frame, total);
    }
  }

  void send(int type, int stream) throws IOException {
    send(type, 0, stream, NOTHING, NOTHING);
  }

  /** Writes a frame whose payload lies in frame[HEADER, end) already. */
  void sendInPlace(int type, int stream, byte[] frame, int end) throws IOException {
    header(frame, end - HEADER, type, 0, 0, stream);
    synchronized (this) {
      write(frame, end);
    }
  }

  private void write(byte[] frame, int end) throws IOException {
    for (int at = 0; at < end; at += LARGE) {
      out.write(frame, at, Math.min(LARGE, end - at));
    }
  }

  private static void header(byte[] b, int body, int type, int flags, int head, int stream) {
    put32(b, 0, body);
    b[4] = (byte) type;
    b[5] = (byte) flags;
    b[6] = (byte) (head >>> 8);
    b[7] = (byte) head;
    put32(b, 8, stream);
  }

  private static int int32(byte[] b, int at) {
    return b[at] << 24 | (b[at + 1] & 0xff) << 16 | (b[at + 2] & 0xff) << 8 | b[at + 3] & 0xff;
  }

  private static void put32(byte[] b, int at, int value) {
    b[at] = (byte) (value >>> 24);
    b[at + 1] = (byte) (value >>> 16);
    b[at + 2] = (byte) (value >>> 8);
    b[at + 3] = (byte) value;
  }
}

package ebb.runtime;

import java.io.ByteArrayInputStream;
import java.util.Arrays;

/** The payload of an invocation. */
final class Event extends ByteArrayInputStream {
  Event(byte[] bytes, int from, int to) {
    super(bytes, from, to - from);
  }

  boolean isEmpty() {
    return count == pos;
  }

  /** The value that it is, if it is Plain. */
  Object plain(Class<?> as) {
    return Plain.read(buf, pos, count, as);
  }

  /** The same in memory of its own, for code that may keep it. */
  Event copy() {
    byte[] bytes = Arrays.copyOfRange(buf, pos, count);
    return new Event(bytes, 0, bytes.length);
  }
}

package ebb.runtime;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The environment as the C library has it: what children get, and native
 * libraries read. Java has no call for it, so a new one is put together in memory
 * of its own and the C library's variable, environ, made to point there.
 */
final class NativeEnvironment {
  /** Room for the value of the one variable that changes all the time. */
  private static final int ROOM = 1024;

  private final Object unsafe;
  private final Class<?> type;
  private final long environ; // where the variable is
  private final byte[] changing; // its name and =
  private long changingText;
  private long changingEntry;

  private NativeEnvironment(Object unsafe, long environ, String changing) {
    this.unsafe = unsafe;
    this.type = unsafe.getClass();
    this.environ = environ;
    this.changing = bytes(changing + "=");
  }

  /**
   * Finds it; null where it cannot be found. changing is the name of a variable
   * that set(String) sets.
   */
  static NativeEnvironment find(String changing) {
    try {
      long environ = address("environ");
      if (environ == 0) {
        return null;
      }
      NativeEnvironment found = new NativeEnvironment(unsafe(), environ, changing);
      // A program can have a copy of the variable; then this one is not in use.
      return found.getAddress(environ) == 0 ? null : found;
    } catch (ReflectiveOperationException | RuntimeException e) {
      return null;
    }
  }

  /** Sets all variables. The memory of those before stays: somebody may read it. */
  void set(Map<String, String> variables) throws ReflectiveOperationException {
    ByteArrayOutputStream text = new ByteArrayOutputStream();
    List<Integer> offsets = new ArrayList<>();
    try {
      for (Map.Entry<String, String> e : variables.entrySet()) {
        offsets.add(text.size());
        text.write(bytes(e.getKey() + "=" + e.getValue()));
        text.write(0);
      }
      changingText = text.size();
      text.write(new byte[changing.length + ROOM]);
    } catch (IOException e) {
      throw new IllegalStateException(e); // it is memory
    }
    long at = copy(text.toByteArray(), 0);
    changingText += at;
    ByteBuffer entries = ByteBuffer.allocate(8 * (offsets.size() + 2)).order(ByteOrder.nativeOrder());
    for (int offset : offsets) {
      entries.putLong(at + offset);
    }
    long table = copy(entries.array(), 0); // ends with room for one, and 0
    changingEntry = table + 8L * offsets.size();
    putAddress(environ, table);
  }

  /** Sets the variable that changes, or removes it if value is "" or too long. */
  void set(String value) throws ReflectiveOperationException {
    if (changingEntry == 0) {
      return;
    }
    byte[] text = bytes(value);
    putAddress(changingEntry, 0);
    if (text.length == 0 || text.length >= ROOM) {
      return;
    }
    byte[] entry = new byte[changing.length + text.length + 1];
    System.arraycopy(changing, 0, entry, 0, changing.length);
    System.arraycopy(text, 0, entry, changing.length, text.length);
    copy(entry, changingText);
    putAddress(changingEntry, changingText);
  }

  /** Copies bytes to an address, or to new memory if that is 0. */
  private long copy(byte[] bytes, long to) throws ReflectiveOperationException {
    if (to == 0) {
      to = (Long) call("allocateMemory", new Class<?>[] {long.class}, (long) bytes.length);
    }
    copy(bytes, base(), null, to, bytes.length);
    return to;
  }

  // Only methods without annotations are called: of those that have some the JVM
  // makes classes at the first call, which takes longer than all else here.

  private void copy(Object from, long offset, Object to, long at, long length) throws ReflectiveOperationException {
    call("copyMemory", new Class<?>[] {Object.class, long.class, Object.class, long.class, long.class},
        from, offset, to, at, length);
  }

  /** Where the elements of an array of bytes begin. */
  private long base() throws ReflectiveOperationException {
    return ((Number) call("arrayBaseOffset", new Class<?>[] {Class.class}, byte[].class)).longValue();
  }

  private long getAddress(long at) throws ReflectiveOperationException {
    byte[] value = new byte[8];
    copy(null, at, value, base(), value.length);
    return ByteBuffer.wrap(value).order(ByteOrder.nativeOrder()).getLong();
  }

  private void putAddress(long at, long value) throws ReflectiveOperationException {
    copy(ByteBuffer.allocate(8).order(ByteOrder.nativeOrder()).putLong(value).array(), at);
  }

  private Object call(String name, Class<?>[] types, Object... arguments) throws ReflectiveOperationException {
    Method method = type.getMethod(name, types);
    method.setAccessible(true);
    return method.invoke(unsafe, arguments);
  }

  private static byte[] bytes(String s) {
    return s.getBytes(StandardCharsets.UTF_8);
  }

  /** The JVM's own: the public one warns when it is used. Java 8 has only that. */
  private static Object unsafe() throws ReflectiveOperationException {
    Class<?> type;
    try {
      type = Class.forName("jdk.internal.misc.Unsafe");
    } catch (ClassNotFoundException e) {
      type = Class.forName("sun.misc.Unsafe");
    }
    Field field = type.getDeclaredField("theUnsafe");
    field.setAccessible(true);
    return field.get(null);
  }

  /** Where a symbol of the JVM's own libraries, and of those they use, is; or 0. */
  private static long address(String symbol) throws ReflectiveOperationException {
    for (Method m : ClassLoader.class.getDeclaredMethods()) {
      if (!m.getName().equals("findNative")) {
        continue;
      }
      m.setAccessible(true);
      Object[] arguments = new Object[m.getParameterCount()];
      for (int i = 0; i < arguments.length; i++) { // the symbol, and in later JVMs more to tell of a failure
        arguments[i] = m.getParameterTypes()[i] == String.class ? symbol : null;
      }
      return (Long) m.invoke(null, arguments);
    }
    return 0;
  }
}

package ebb.runtime;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Method;
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

  private final long environ; // where the variable is
  private final byte[] changing; // its name and =
  private long changingText;
  private long changingEntry;

  private NativeEnvironment(long environ, String changing) {
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
      NativeEnvironment found = new NativeEnvironment(environ, changing);
      // A program can have a copy of the variable; then this one is not in use.
      return Access.UNSAFE.getAddress(environ) == 0 ? null : found;
    } catch (ReflectiveOperationException | RuntimeException e) {
      return null;
    }
  }

  /** Sets all variables. The memory of those before stays: somebody may read it. */
  void set(Map<String, String> variables) {
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
    long at = Access.UNSAFE.allocateMemory(text.size());
    copy(text.toByteArray(), at);
    changingText += at;
    long table = Access.UNSAFE.allocateMemory(8L * (offsets.size() + 2)); // ends with room for one, and 0
    long entry = table;
    for (int offset : offsets) {
      Access.UNSAFE.putAddress(entry, at + offset);
      entry += 8;
    }
    Access.UNSAFE.putAddress(entry, 0);
    Access.UNSAFE.putAddress(entry + 8, 0);
    changingEntry = entry;
    Access.UNSAFE.putAddress(environ, table);
  }

  /** Sets the variable that changes, or removes it if value is "" or too long. */
  void set(String value) {
    if (changingEntry == 0) {
      return;
    }
    byte[] text = bytes(value);
    Access.UNSAFE.putAddress(changingEntry, 0);
    if (text.length == 0 || text.length >= ROOM) {
      return;
    }
    byte[] entry = new byte[changing.length + text.length + 1];
    System.arraycopy(changing, 0, entry, 0, changing.length);
    System.arraycopy(text, 0, entry, changing.length, text.length);
    copy(entry, changingText);
    Access.UNSAFE.putAddress(changingEntry, changingText);
  }

  /** Copies bytes to an address. */
  private static void copy(byte[] bytes, long to) {
    Access.UNSAFE.copyMemory(bytes, Access.UNSAFE.arrayBaseOffset(byte[].class), null, to, bytes.length);
  }

  private static byte[] bytes(String s) {
    return s.getBytes(StandardCharsets.UTF_8);
  }

  /** Where a symbol of the JVM's own libraries, and of those they use, is; or 0. */
  private static long address(String symbol) throws ReflectiveOperationException {
    try { // 15 and later; the class has few methods, and ClassLoader many
      Class<?> boot = Class.forName("jdk.internal.loader.BootLoader");
      Object libraries = Access.get(boot.getDeclaredField("NATIVE_LIBS"));
      return (Long) Access.call(libraries, libraries.getClass().getDeclaredMethod("find", String.class), symbol);
    } catch (ClassNotFoundException | NoSuchFieldException | NoSuchMethodException e) {
      return older(symbol);
    }
  }

  private static long older(String symbol) throws ReflectiveOperationException {
    for (Method m : ClassLoader.class.getDeclaredMethods()) {
      if (!m.getName().equals("findNative")) {
        continue;
      }
      Object[] arguments = new Object[m.getParameterCount()];
      for (int i = 0; i < arguments.length; i++) { // the symbol, and in later JVMs more to tell of a failure
        arguments[i] = m.getParameterTypes()[i] == String.class ? symbol : null;
      }
      return (Long) Access.call(null, m, arguments);
    }
    return 0;
  }
}

package ebb.runtime;

import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import sun.misc.Unsafe;

/**
 * Reaches what the JDK keeps to itself: file descriptor 3, the environment, the
 * class path. A JVM that is told to open packages when it starts builds its module
 * graph itself instead of taking it from its archive, which takes as long as all
 * the rest. And of calls by reflection there are as few as can be: since Java 18
 * the JVM makes classes for each.
 */
final class Access {
  /** As java.lang.reflect.AccessibleObject begins. */
  private static final class Likeness {
    boolean override;
    volatile Object cache;
  }

  static final Unsafe UNSAFE;

  static {
    try {
      Field field = Unsafe.class.getDeclaredField("theUnsafe");
      field.setAccessible(true);
      UNSAFE = (Unsafe) field.get(null);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e);
    }
  }

  private Access() {}

  private static long at(Class<?> type, String field) throws ReflectiveOperationException {
    return UNSAFE.objectFieldOffset(type.getDeclaredField(field));
  }

  /** Java's version: 8, 11, 17. */
  private static int version() {
    String version = System.getProperty("java.specification.version");
    return Integer.parseInt(version.startsWith("1.") ? version.substring(2) : version);
  }

  /** The value of a field that type has. */
  static Object get(Object object, Class<?> type, String field) throws ReflectiveOperationException {
    return UNSAFE.getObject(object, at(type, field));
  }

  static void set(Object object, Class<?> type, String field, Object value) throws ReflectiveOperationException {
    UNSAFE.putObject(object, at(type, field), value);
  }

  static void set(Object object, Class<?> type, String field, int value) throws ReflectiveOperationException {
    UNSAFE.putInt(object, at(type, field), value);
  }

  /** The value of a static field, of a class that is initialised. */
  static Object get(Field field) {
    return UNSAFE.getObject(UNSAFE.staticFieldBase(field), UNSAFE.staticFieldOffset(field));
  }

  static void set(Field field, Object value) {
    UNSAFE.putObject(UNSAFE.staticFieldBase(field), UNSAFE.staticFieldOffset(field), value);
  }

  /** Calls a method, of null if it is static. */
  static Object call(Object object, Method method, Object... arguments) throws ReflectiveOperationException {
    UNSAFE.putBoolean(method, at(Likeness.class, "override"), true);
    return method.invoke(object, arguments);
  }

  /**
   * Opens a package of java.base to functions. The method that is there for it
   * begins with a lambda, and the first of those takes the JVM longer than this.
   */
  static void open(String name) throws ReflectiveOperationException {
    if (version() < 17) {
      return; // Java 8 keeps nothing closed, and those in between are told when they start
    }
    Object base = get(Object.class, Class.class, "module");
    Object everybody = everybody(base.getClass());
    Object opened = get(Class.forName("java.lang.Module$ReflectionData").getDeclaredField("exports"));
    Map<String, Boolean> packages = new ConcurrentHashMap<>();
    packages.put(name, true);
    Method put = opened.getClass().getDeclaredMethod("putIfAbsent", Object.class, Object.class, Object.class);
    call(opened, put, base, everybody, packages);
  }
  /** The module that stands for all that are without one. */
  private static Object everybody(Class<?> module) throws ReflectiveOperationException {
    try { // among few fields, while listing those of the class itself takes one of Class's 160 methods
      Class<?> kept = Class.forName("java.lang.Module$ArchivedData");
      Object everybody = get(get(kept.getDeclaredField("archivedData")), kept, "allUnnamedModule");
      if (everybody != null) {
        return everybody;
      }
    } catch (ReflectiveOperationException | NullPointerException e) {
      // This Java keeps it elsewhere.
    }
    Method all = Class.class.getDeclaredMethod("getDeclaredFields0", boolean.class);
    for (Field field : (Field[]) call(module, all, false)) {
      if (field.getName().equals("ALL_UNNAMED_MODULE")) {
        return get(field);
      }
    }
    throw new NoSuchFieldException("ALL_UNNAMED_MODULE");
  }
}

package sun.misc;

import java.lang.reflect.Field;

/**
 * What the bootstrap uses of the JVM's class of this name, which compilers for
 * Java 8 do not show. The jar is without this one.
 */
public final class Unsafe {
  private Unsafe() {}

  public native long objectFieldOffset(Field field);

  public native Object staticFieldBase(Field field);

  public native long staticFieldOffset(Field field);

  public native Object getObject(Object object, long at);

  public native void putObject(Object object, long at, Object value);

  public native void putBoolean(Object object, long at, boolean value);

  public native void putInt(Object object, long at, int value);

  public native long allocateMemory(long bytes);

  public native int arrayBaseOffset(Class<?> array);

  public native void copyMemory(Object from, long offset, Object to, long at, long bytes);

  public native long getAddress(long at);

  public native void putAddress(long at, long value);
}

package ebb.runtime;

import java.lang.reflect.Field;
import java.util.Map;
import java.util.TimeZone;

/**
 * The environment of the process, which Java makes at its start and never
 * changes. The map behind System.getenv is the one that children get, so
 * changing it there changes it for both.
 */
final class Environment {
  private Environment() {}

  static void set(Map<String, String> variables) throws ReflectiveOperationException {
    String before = System.getenv("TZ");
    map().putAll(variables);
    String zone = variables.get("TZ");
    if (zone != null && !zone.equals(before)) { // the JVM has looked at it already
      String id = zone.startsWith(":") ? zone.substring(1) : zone;
      System.setProperty("user.timezone", id);
      TimeZone.setDefault(TimeZone.getTimeZone(id));
    }
  }

  /** Sets one variable, or removes it if value is "". */
  static void set(String name, String value) {
    try {
      if (value.isEmpty()) {
        map().remove(name);
      } else {
        map().put(name, value);
      }
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException(e); // set(Map) would have failed before
    }
  }

  /** The modifiable map below the one that System.getenv returns. */
  @SuppressWarnings("unchecked")
  private static Map<String, String> map() throws ReflectiveOperationException {
    Map<String, String> view = System.getenv();
    Field field = view.getClass().getDeclaredField("m");
    field.setAccessible(true);
    return (Map<String, String>) field.get(view);
  }
}

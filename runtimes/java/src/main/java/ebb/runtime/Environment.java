package ebb.runtime;

import java.util.HashMap;
import java.util.Map;
import java.util.TimeZone;

/**
 * The environment of the process. Java reads it when it starts and never changes
 * it, so it is set in both places: the map behind System.getenv, and the C
 * library's own.
 */
final class Environment {
  private static final String TRACE = "_X_AMZN_TRACE_ID";

  private final NativeEnvironment below = NativeEnvironment.find(TRACE);

  void set(Map<String, String> variables) throws ReflectiveOperationException {
    String before = System.getenv("TZ");
    map().putAll(variables);
    if (below != null) {
      below.set(new HashMap<>(System.getenv()));
    }
    String zone = variables.get("TZ");
    if (zone != null && !zone.equals(before)) { // the JVM has looked at it already
      String id = zone.startsWith(":") ? zone.substring(1) : zone;
      System.setProperty("user.timezone", id);
      TimeZone.setDefault(TimeZone.getTimeZone(id));
    }
  }

  /** Sets the trace that the invocation belongs to, "" = none. */
  void trace(String id) throws ReflectiveOperationException {
    if (id.isEmpty()) {
      map().remove(TRACE);
    } else {
      map().put(TRACE, id);
    }
    if (below != null) {
      below.set(id);
    }
  }

  /** The modifiable map below the one that System.getenv returns. */
  @SuppressWarnings("unchecked")
  private static Map<String, String> map() throws ReflectiveOperationException {
    Map<String, String> view = System.getenv();
    return (Map<String, String>) Access.get(view, view.getClass(), "m");
  }
}

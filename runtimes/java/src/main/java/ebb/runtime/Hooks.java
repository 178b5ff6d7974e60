package ebb.runtime;

import com.amazonaws.services.lambda.runtime.Context;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.HashMap;
import java.util.Map;

/**
 * Code of the function's that runs at points of its instance's life, apart from
 * invocations: 'package.Class::method', public, with a Context or without
 * parameters.
 */
final class Hooks {
  private static final String[][] KNOWN = {
    // hook, variable that names its handler, method if that names only a class
    {"initializer", "EBB_INITIALIZER", "initialize"},
    {"pre-freeze", "EBB_PRE_FREEZE", "preFreeze"},
    {"pre-stop", "EBB_PRE_STOP", "preStop"},
  };

  private interface Hook {
    void run(Context context) throws Throwable;
  }

  private final Map<String, Hook> named = new HashMap<>();

  /**
   * Finds what the environment names. A name that leads nowhere is an error now,
   * not when the hook's time has come.
   */
  Hooks(Map<String, String> env, ClassLoader loader, Handlers.Objects objects) throws Throwable {
    for (String[] known : KNOWN) {
      String name = env.get(known[1]);
      if (name != null && !name.isEmpty()) {
        named.put(known[0], find(new Handlers.Name(name), known[2], loader, objects));
      }
    }
  }

  /** Runs what the function names for the hook, if anything. */
  void run(String hook, Context context) throws Throwable {
    Hook found = named.get(hook);
    if (found != null) {
      found.run(context);
    }
  }

  private static Hook find(Handlers.Name name, String usual, ClassLoader loader, Handlers.Objects objects)
      throws Throwable {
    Class<?> type = Handlers.find(name.type, loader);
    String method = name.method == null ? usual : name.method;
    for (Method m : Handlers.methods(type)) {
      Class<?>[] p = m.getParameterTypes();
      boolean context = p.length == 1 && p[0].isAssignableFrom(Context.class);
      if (!m.getName().equals(method) || p.length > 0 && !context) {
        continue;
      }
      Object self = Modifier.isStatic(m.getModifiers()) ? null : objects.of(type);
      m.setAccessible(true); // its class need not be public
      return new Hook() {
        @Override
        public void run(Context c) throws Throwable {
          Handlers.invoke(m, self, context ? new Object[] {c} : new Object[0]);
        }
      };
    }
    throw new Fault("Runtime.HandlerNotFound", "No public method named " + method
        + " with a Context or without parameters found on class " + type.getName(), null);
  }
}

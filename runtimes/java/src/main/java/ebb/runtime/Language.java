package ebb.runtime;

import java.lang.invoke.CallSite;
import java.lang.invoke.LambdaMetafactory;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.Arrays;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * What the language itself does behind a function's back and what takes long the
 * first time: lambdas, joining texts with +, streams. The bootstrap's own are
 * ready-made, so they do not count.
 */
final class Language {
  private Language() {}

  static void use() throws Exception {
    lambda();
    for (Class<?>[] shape : SHAPES) {
      join(shape);
    }
    Arrays.asList("b", "a").stream().map(String::trim).sorted().collect(Collectors.toList());
    String.format("%s %d", "x", 1);
  }

  /** As javac has a lambda made where it stands. */
  private static void lambda() throws Exception {
    MethodHandles.Lookup lookup = MethodHandles.lookup();
    MethodType type = MethodType.methodType(String.class, String.class);
    MethodHandle trim = lookup.findVirtual(String.class, "trim", MethodType.methodType(String.class));
    CallSite site = LambdaMetafactory.metafactory(lookup, "apply", MethodType.methodType(Function.class),
        MethodType.methodType(Object.class, Object.class), trim, type);
    try {
      Function<?, ?> made = (Function<?, ?>) site.getTarget().invoke();
      made.hashCode();
    } catch (Throwable t) {
      throw new IllegalStateException(t);
    }
  }

  private static final Class<?>[][] SHAPES = {
    {String.class},
    {String.class, String.class},
    {String.class, String.class, String.class},
    {String.class, int.class},
    {int.class},
    {long.class},
    {Object.class},
    {String.class, Object.class},
  };

  /** As compilers since Java 9 have texts joined: "a" + x + "b" + y + "c". */
  private static void join(Class<?>[] values) throws Exception {
    Class<?> factory;
    try {
      factory = Class.forName("java.lang.invoke.StringConcatFactory");
    } catch (ClassNotFoundException e) {
      return; // Java 8
    }
    StringBuilder between = new StringBuilder("a");
    StringBuilder after = new StringBuilder();
    for (int i = 0; i < values.length; i++) {
      between.append("\u0001b");
      after.append("c\u0001");
    }
    MethodType type = MethodType.methodType(String.class, values);
    for (String recipe : new String[] {between.toString(), after.toString()}) {
      factory.getMethod("makeConcatWithConstants", MethodHandles.Lookup.class, String.class, MethodType.class,
          String.class, Object[].class).invoke(null, MethodHandles.lookup(), "x", type, recipe, new Object[0]);
    }
  }
}

package ebb.runtime;

import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.databind.JavaType;
import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.databind.type.TypeFactory;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.CustomPojoSerializer;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Finding the handler: 'package.Class::method' or 'package.Class'. Here and
 * wherever a start comes past there are no lambdas: the first takes the JVM longer
 * than all of this.
 */
final class Handlers {
  private static final String DEFAULT_METHOD = "handleRequest";

  private final ClassLoader loader;
  private final CustomPojoSerializer custom;
  private final Objects objects;

  private Handlers(ClassPath path, Objects objects) throws Fault {
    this.loader = path.loader;
    this.custom = Json.custom(path);
    this.objects = objects;
  }

  /** Makes the handler. What it throws is a Fault or what the function threw. */
  static Handler load(String name, ClassPath path, Objects objects) throws Throwable {
    Name named = new Name(name);
    String method = named.method;
    Class<?> type = find(named.type, path.loader);
    if (method == null && RequestStreamHandler.class.isAssignableFrom(type)) {
      return streams((RequestStreamHandler) objects.of(type));
    }
    Handlers handlers = new Handlers(path, objects);
    if (method == null && RequestHandler.class.isAssignableFrom(type)) {
      return handlers.object(type);
    }
    return handlers.method(type, method == null ? DEFAULT_METHOD : method);
  }

  /** A handler's name in its two parts; method is null without one. */
  static final class Name {
    final String type;
    final String method;

    Name(String name) throws Fault {
      int colons = name.lastIndexOf("::");
      type = colons < 0 ? name : name.substring(0, colons);
      method = colons < 0 ? null : name.substring(colons + 2);
      if (type.isEmpty() || method != null && method.isEmpty()) {
        throw new Fault("Runtime.MalformedHandlerName", "Invalid handler: `" + name + "'", null);
      }
    }
  }

  /** The function's objects, one of each class: a class may hold several handlers. */
  static final class Objects {
    private final Map<Class<?>, Object> made = new HashMap<>();

    Object of(Class<?> type) throws Throwable {
      Object object = made.get(type);
      if (object == null) {
        object = make(type);
        made.put(type, object);
      }
      return object;
    }
  }

  static Class<?> find(String name, ClassLoader loader) throws Fault {
    try {
      return Class.forName(name, true, loader);
    } catch (ClassNotFoundException e) {
      throw new Fault(e.getClass().getName(), "Class not found: " + name, null);
    } catch (Throwable e) { // of the class itself: its static parts, its file, what it needs
      String why = e.getMessage() == null ? "" : ": " + e.getMessage();
      throw new Fault(e.getClass().getName(), "Error loading class " + name + why, e);
    }
  }

  private static Object make(Class<?> type) throws Throwable {
    Constructor<?> constructor;
    try {
      constructor = type.getConstructor();
    } catch (NoSuchMethodException e) {
      boolean inner = type.getEnclosingClass() != null && !Modifier.isStatic(type.getModifiers());
      throw new Fault("java.lang.Exception", "Class " + type.getName() + (inner
          ? " cannot be instantiated because it is a non-static inner class"
          : " has no public zero-argument constructor"), null);
    }
    try {
      constructor.setAccessible(true); // its class need not be public
      return constructor.newInstance();
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static Handler streams(RequestStreamHandler handler) {
    return new Handler() {
      @Override
      public void handle(Event event, Context context, Answer answer) throws Throwable {
        handler.handleRequest(event.copy(), answer, context);
      }
    };
  }

  /** A RequestHandler. Its type parameters may come from anywhere above it. */
  private Handler object(Class<?> type) throws Throwable {
    @SuppressWarnings("unchecked")
    RequestHandler<Object, Object> handler = (RequestHandler<Object, Object>) objects.of(type);
    Call call = new Call() {
      @Override
      public Object call(Object input, Context context) {
        return handler.handleRequest(input, context);
      }
    };
    Type[] plain = parameters(type);
    if (plain != null) {
      return json(Json.plain(plain[0]), Json.plain(plain[1]), call);
    }
    TypeFactory types = Json.mapper().getTypeFactory();
    JavaType[] parameters = types.findTypeParameters(types.constructType(type), RequestHandler.class);
    boolean raw = parameters.length != 2;
    return json(json(raw ? TypeFactory.unknownType() : parameters[0]), json(raw ? TypeFactory.unknownType() : parameters[1]), call);
  }

  /** The parameters of the RequestHandler that type says it is, if both are plain, or null. */
  private Type[] parameters(Class<?> type) {
    for (Type t : type.getGenericInterfaces()) {
      if (t instanceof ParameterizedType && ((ParameterizedType) t).getRawType() == RequestHandler.class) {
        Type[] parameters = ((ParameterizedType) t).getActualTypeArguments();
        return plain(parameters[0], parameters[1]) ? parameters : null;
      }
    }
    return null;
  }

  /** True if what is read and what is written may be plain; in is null if nothing is read. */
  private boolean plain(Type in, Type out) {
    return custom == null && (in == null || Plain.read(in) != null) && (out == void.class || out == Void.class || Plain.written(out));
  }

  /** What turns values of a type into JSON and back; null for void. */
  private Json json(JavaType type) {
    return type.hasRawClass(void.class) || type.hasRawClass(Void.class) ? null : Json.of(type, custom, loader);
  }

  /** Something between JSON and JSON; reader is null if it takes none, writer if it gives none. */
  private static Handler json(Json reader, Json writer, Call call) {
    return new Handler() {
      @Override
      public void handle(Event event, Context context, Answer answer) throws Throwable {
        Object input = null;
        if (reader != null) {
          try {
            input = reader.read(event);
          } catch (Throwable t) {
            throw new RuntimeException("An error occurred during JSON parsing", t);
          }
        }
        Object output = call.call(input, context);
        try {
          if (writer == null) {
            nothing(answer);
          } else {
            writer.write(output, answer);
          }
        } catch (Throwable t) {
          throw new RuntimeException("An error occurred during JSON serialization of response", t);
        }
      }
    };
  }

  private static void nothing(OutputStream answer) throws java.io.IOException {
    answer.write(new byte[] {'n', 'u', 'l', 'l'});
  }

  private interface Call {
    Object call(Object input, Context context) throws Throwable;
  }

  /** The public method of that name that fits best, in Lambda's order. */
  private Handler method(Class<?> type, String name) throws Throwable {
    List<Method> named = new ArrayList<>();
    for (Method m : methods(type)) {
      if (m.getName().equals(name)) {
        named.add(m);
      }
    }
    Collections.sort(named, new Comparator<Method>() {
      @Override
      public int compare(Method a, Method b) {
        return order(a, b);
      }
    });
    for (Method m : named) {
      Handler handler = fit(type, m);
      if (handler != null) {
        return handler;
      }
    }
    throw new Fault("Runtime.HandlerNotFound", "No public method named " + name
        + " with appropriate method signature found on class " + type.getName(), null);
  }

  static Method[] methods(Class<?> type) throws Fault {
    try {
      return type.getMethods();
    } catch (NoClassDefFoundError e) {
      throw new Fault(e.getClass().getName(), "Error loading class " + type.getName() + ": " + e.getMessage(), e);
    }
  }

  /** Written methods before bridges, then more parameters, a Context counting double. */
  private static int order(Method a, Method b) {
    if (a.isBridge() != b.isBridge()) {
      return a.isBridge() ? 1 : -1;
    }
    return Integer.compare(weight(b), weight(a));
  }

  private static int weight(Method m) {
    Class<?>[] p = m.getParameterTypes();
    return p.length + (p.length > 0 && p[p.length - 1] == Context.class ? 1 : 0);
  }

  /**
   * The handler that m is, or null if it is none: (InputStream, OutputStream,
   * Context) with any of them left out, or (anything, Context) likewise.
   */
  private Handler fit(Class<?> type, Method m) throws Throwable {
    Class<?>[] p = m.getParameterTypes();
    int n = p.length;
    boolean context = n > 0 && p[n - 1] == Context.class;
    if (context) {
      n--;
    }
    boolean in = n > 0 && p[0] == InputStream.class;
    boolean out = n > 0 && p[n - 1] == OutputStream.class;
    if (n > (in && out ? 2 : 1) || n > 0 && p[0] == Context.class) {
      return null;
    }
    Object self = Modifier.isStatic(m.getModifiers()) ? null : objects.of(type);
    m.setAccessible(true); // its class need not be public
    if (in || out) {
      return streams(m, self, in, out, context);
    }
    boolean takes = n > 0;
    Call call = new Call() {
      @Override
      public Object call(Object value, Context c) throws Throwable {
        return Handlers.invoke(m, self, arguments(takes, value, context, c));
      }
    };
    Type input = takes ? m.getGenericParameterTypes()[0] : null;
    if (plain(input, m.getGenericReturnType())) {
      boolean gives = m.getReturnType() != void.class && m.getReturnType() != Void.class;
      return json(takes ? Json.plain(input) : null, gives ? Json.plain(m.getGenericReturnType()) : null, call);
    }
    TypeFactory types = Json.mapper().getTypeFactory();
    JavaType owner = types.constructType(type).findSuperType(m.getDeclaringClass());
    JavaType returned = types.resolveMemberType(m.getGenericReturnType(), owner.getBindings());
    return json(takes ? json(types.resolveMemberType(input, owner.getBindings())) : null, json(returned), call);
  }

  private static Object[] arguments(boolean takes, Object value, boolean context, Context c) {
    if (!takes) {
      return context ? new Object[] {c} : new Object[0];
    }
    return context ? new Object[] {value, c} : new Object[] {value};
  }

  private static Handler streams(Method m, Object self, boolean in, boolean out, boolean context) {
    return new Handler() {
      @Override
      public void handle(Event event, Context c, Answer answer) throws Throwable {
        List<Object> arguments = new ArrayList<>(3);
        if (in) {
          arguments.add(event.copy());
        }
        if (out) {
          arguments.add(answer);
        }
        if (context) {
          arguments.add(c);
        }
        Handlers.invoke(m, self, arguments.toArray());
        if (!out) {
          nothing(answer);
        }
      }
    };
  }

  static Object invoke(Method m, Object self, Object[] arguments) throws Throwable {
    try {
      return m.invoke(self, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }
}

package ebb.runtime;

/** What becoming a function changes in this process. */
class Jvm {
  private final Environment environment;
  private String trace = "";

  Jvm(Environment environment) {
    this.environment = environment;
  }

  /** Makes the process the function's, and returns where its classes are. */
  ClassPath specialise(Init init) throws Exception {
    environment.set(init.env);
    Access.open("java.io");
    return ClassPath.with(init.taskRoot);
  }

  /** Tells the tracing libraries which trace the invocation belongs to. */
  void trace(String id) throws ReflectiveOperationException {
    if (id.equals(trace)) {
      return;
    }
    trace = id;
    if (id.isEmpty()) {
      System.clearProperty("com.amazonaws.xray.traceHeader");
    } else {
      System.setProperty("com.amazonaws.xray.traceHeader", id);
    }
    environment.trace(id);
  }

  void exit(int code) {
    System.exit(code);
  }
}

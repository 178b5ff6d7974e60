package ebb.runtime;

/** What becoming a function changes in this process. */
class Jvm {
  private String trace = "";

  /** Makes the process the function's, and returns where its classes are. */
  ClassLoader specialise(Init init) throws Exception {
    Environment.set(init.env);
    ClassPath.append(init.taskRoot);
    return ClassLoader.getSystemClassLoader();
  }

  /** Tells the tracing libraries which trace the invocation belongs to. */
  void trace(String id) {
    if (id.equals(trace)) {
      return;
    }
    trace = id;
    if (id.isEmpty()) {
      System.clearProperty("com.amazonaws.xray.traceHeader");
    } else {
      System.setProperty("com.amazonaws.xray.traceHeader", id);
    }
    Environment.set("_X_AMZN_TRACE_ID", id);
  }

  void exit(int code) {
    System.exit(code);
  }
}

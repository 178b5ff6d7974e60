package ebb.runtime;

/**
 * Functions that log through aws-lambda-java-log4j2 find the request's id as
 * AWSRequestId in log4j's thread context.
 */
final class Log4j {
  private Log4j() {}

  static void tell(ClassLoader loader, String id) {
    put(loader, "org.apache.logging.log4j.ThreadContext", String.class, id);
    put(loader, "org.apache.log4j.MDC", Object.class, id);
  }

  private static void put(ClassLoader loader, String type, Class<?> value, String id) {
    try {
      Class.forName(type, true, loader).getMethod("put", String.class, value).invoke(null, "AWSRequestId", id);
    } catch (ReflectiveOperationException | LinkageError e) {
      // The function has the other log4j.
    }
  }
}

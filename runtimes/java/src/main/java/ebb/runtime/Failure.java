package ebb.runtime;

import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.core.JsonFactory;
import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOError;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;

/** An exception as callers and logs see it. */
final class Failure {
  private static final String OURS = Failure.class.getPackage().getName() + ".";
  private static final int MAX_CAUSES = 16;

  // Made before they are needed: then there may be no memory to make them.
  private static final byte[] OUT_OF_MEMORY =
      utf8("{\"errorMessage\":\"Java heap space\",\"errorType\":\"java.lang.OutOfMemoryError\"}");

  final String type;
  final byte[] document;
  final String text;

  /** True if the JVM is in no state to go on. */
  final boolean fatal;

  private Failure(String type, byte[] document, String text, boolean fatal) {
    this.type = type;
    this.document = document;
    this.text = text;
    this.fatal = fatal;
  }

  /** Describes t. Never throws, whatever was thrown. */
  static Failure of(Throwable t) {
    boolean fatal = t instanceof VirtualMachineError || t instanceof IOError;
    try {
      trim(t, Collections.newSetFromMap(new IdentityHashMap<>()));
      return new Failure(type(t), json(t), text(t), fatal);
    } catch (OutOfMemoryError e) {
      return new Failure("java.lang.OutOfMemoryError", OUT_OF_MEMORY, "java.lang.OutOfMemoryError", true);
    } catch (Throwable e) {
      String name = t.getClass().getName();
      return new Failure(name, utf8("{\"errorMessage\":\"the exception cannot be described\",\"errorType\":\""
          + name + "\"}"), name, fatal);
    }
  }

  static Failure tooLarge(int limit) {
    return of(new Fault("Function.ResponseSizeTooLarge",
        "Response payload size exceeded maximum allowed payload size (" + limit + " bytes).", null));
  }

  /** Takes the frames below the handler out of the stack traces: they are ours. */
  private static void trim(Throwable t, Set<Throwable> seen) {
    if (t == null || !seen.add(t)) {
      return;
    }
    StackTraceElement[] all = t.getStackTrace();
    int end = all.length;
    if (end > 0 && ours(all[end - 1].getClassName())) { // else it is of a thread of the function's
      while (end > 0 && (ours(all[end - 1].getClassName()) || reflection(all[end - 1].getClassName()))) {
        end--;
      }
      t.setStackTrace(Arrays.copyOf(all, end));
    }
    trim(t.getCause(), seen);
    for (Throwable suppressed : t.getSuppressed()) {
      trim(suppressed, seen);
    }
  }

  private static boolean ours(String name) {
    return name.startsWith(OURS);
  }

  private static boolean reflection(String name) {
    return name.startsWith("java.lang.reflect.") || name.startsWith("jdk.internal.reflect.")
        || name.startsWith("sun.reflect.") || name.startsWith("java.lang.invoke.");
  }

  private static String type(Throwable t) {
    return t instanceof Fault ? ((Fault) t).type : t.getClass().getName();
  }

  private static String message(Throwable t) {
    String message = t.getLocalizedMessage();
    return message == null ? t.getClass().getName() : message;
  }

  private static byte[] json(Throwable t) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator g = new JsonFactory().createGenerator(out)) {
      write(g, t, MAX_CAUSES);
    }
    return out.toByteArray();
  }

  private static void write(JsonGenerator g, Throwable t, int causes) throws IOException {
    g.writeStartObject();
    g.writeStringField("errorMessage", message(t));
    g.writeStringField("errorType", type(t));
    if (!(t instanceof Fault)) {
      g.writeArrayFieldStart("stackTrace");
      for (StackTraceElement e : t.getStackTrace()) {
        g.writeString(e.toString());
      }
      g.writeEndArray();
    }
    Throwable cause = t.getCause();
    if (cause != null && cause != t && causes > 0) {
      g.writeFieldName("cause");
      write(g, cause, causes - 1);
    }
    g.writeEndObject();
  }

  /** As Lambda logs it: the message, the class, and the trace. */
  private static String text(Throwable t) {
    if (t instanceof Fault && t.getCause() == null) {
      return message(t) + ": " + type(t);
    }
    StringWriter trace = new StringWriter();
    Throwable shown = t instanceof Fault ? t.getCause() : t;
    shown.printStackTrace(new PrintWriter(trace, true));
    return message(t) + ": " + type(t) + "\n" + trace.toString().replaceAll("\\s+$", "");
  }

  private static byte[] utf8(String s) {
    return s.getBytes(StandardCharsets.UTF_8);
  }
}

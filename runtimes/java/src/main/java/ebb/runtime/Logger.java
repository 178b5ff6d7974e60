package ebb.runtime;

import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.core.JsonFactory;
import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.core.JsonGenerator;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;

/** The logger of the context: one call is one entry. */
final class Logger implements LambdaLogger {
  private final Output output;
  private boolean json;

  Logger(Output output) {
    this.output = output;
  }

  /** Makes this what LambdaRuntime.getLogger() returns; appenders use that. */
  void install(boolean json) throws ReflectiveOperationException {
    this.json = json;
    LambdaRuntime.getLogger(); // initialises the class
    Access.set(LambdaRuntime.class.getDeclaredField("logger"), this);
  }

  @Override
  public void log(String message) {
    log(message, LogLevel.UNDEFINED);
  }

  @Override
  public void log(byte[] message) {
    log(message, LogLevel.UNDEFINED);
  }

  @Override
  public void log(String message, LogLevel level) {
    String text = String.valueOf(message);
    if (json) {
      text = object(text, level);
    } else if (level != null && level != LogLevel.UNDEFINED) {
      text = "[" + level + "] " + text;
    }
    log(text.getBytes(StandardCharsets.UTF_8), level);
  }

  /** Bytes stay as they are. */
  @Override
  public void log(byte[] message, LogLevel level) {
    byte[] text = message == null ? new byte[0] : message;
    int length = text.length;
    if (length > 0 && text[length - 1] == '\n') { // an entry ends anyway
      text = Arrays.copyOf(text, length - 1);
    }
    output.line(level == null || level == LogLevel.UNDEFINED ? "" : level.toString(), text);
  }

  /** Logs what became of an invocation, or of the initialisation. */
  void failure(String text) {
    String entry = json ? object(text, LogLevel.ERROR) : text;
    output.line("ERROR", entry.getBytes(StandardCharsets.UTF_8));
  }

  private String object(String message, LogLevel level) {
    StringWriter text = new StringWriter();
    try (JsonGenerator g = new JsonFactory().createGenerator(text)) {
      g.writeStartObject();
      g.writeStringField("timestamp", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
      if (level != null && level != LogLevel.UNDEFINED) {
        g.writeStringField("level", level.toString());
      }
      g.writeStringField("message", message);
      String request = output.current().request;
      if (request != null) {
        g.writeStringField("AWSRequestId", request);
      }
      g.writeEndObject();
    } catch (IOException e) {
      throw new IllegalStateException(e); // nothing is written anywhere
    }
    return text.toString();
  }
}

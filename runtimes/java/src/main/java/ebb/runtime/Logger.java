package ebb.runtime;

import com.amazonaws.services.lambda.runtime.LambdaLogger;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;

/** The logger of the context: one call is one entry. */
final class Logger implements LambdaLogger {
  private final Output output;

  Logger(Output output) {
    this.output = output;
  }

  /** Makes this what LambdaRuntime.getLogger() returns; appenders use that. */
  void install() throws ReflectiveOperationException {
    Field field = LambdaRuntime.class.getDeclaredField("logger");
    field.setAccessible(true);
    field.set(null, this);
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
    if (level != null && level != LogLevel.UNDEFINED) {
      text = "[" + level + "] " + text;
    }
    log(text.getBytes(StandardCharsets.UTF_8), level);
  }

  @Override
  public void log(byte[] message, LogLevel level) {
    byte[] text = message == null ? new byte[0] : message;
    int length = text.length;
    if (length > 0 && text[length - 1] == '\n') { // an entry ends anyway
      text = java.util.Arrays.copyOf(text, length - 1);
    }
    output.line(level == null || level == LogLevel.UNDEFINED ? "" : level.toString(), text);
  }
}

package functions;

import com.amazonaws.services.lambda.runtime.CustomPojoSerializer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.reflect.Type;
import java.util.Scanner;

/** A function's own way with JSON. */
public class OwnSerializer implements CustomPojoSerializer {
  @Override
  @SuppressWarnings("unchecked")
  public <T> T fromJson(InputStream in, Type type) {
    try (Scanner s = new Scanner(in)) {
      return (T) ("read " + s.nextLine());
    }
  }

  @Override
  @SuppressWarnings("unchecked")
  public <T> T fromJson(String in, Type type) {
    return (T) in;
  }

  @Override
  public <T> void toJson(T value, OutputStream out, Type type) {
    try {
      out.write(("written " + value).getBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

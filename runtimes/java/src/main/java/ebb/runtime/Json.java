package ebb.runtime;

import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.databind.JavaType;
import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.databind.ObjectMapper;
import com.amazonaws.services.lambda.runtime.CustomPojoSerializer;
import com.amazonaws.services.lambda.runtime.serialization.PojoSerializer;
import com.amazonaws.services.lambda.runtime.serialization.events.LambdaEventSerializers;
import com.amazonaws.services.lambda.runtime.serialization.factories.JacksonFactory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.Type;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.ServiceLoader;

/**
 * JSON to objects of one type and back, by the rules of Lambda: Jackson for all
 * types, with special rules for the events of aws-lambda-java-events, unless the
 * function brings a serializer of its own. Jackson is only loaded for what is not
 * Plain.
 */
final class Json {
  private static final byte[] NULL = "null".getBytes(StandardCharsets.US_ASCII);

  /** All the packages that Lambda has special rules for begin so. */
  private static final String EVENTS = "com.amazonaws.services.";

  private static final String CUSTOM = "META-INF/services/" + CustomPojoSerializer.class.getName();

  private final Type type;
  private final Class<?> read; // plain values as what; null = not at all
  private final boolean written; // values may be plain
  private final CustomPojoSerializer custom;
  private PojoSerializer<Object> serializer; // null until something is not plain

  private Json(Type type, Class<?> read, boolean written, PojoSerializer<Object> serializer, CustomPojoSerializer custom) {
    this.type = type;
    this.read = read;
    this.written = written;
    this.serializer = serializer;
    this.custom = custom;
  }

  static ObjectMapper mapper() {
    return JacksonFactory.getInstance().getMapper();
  }

  /** The serializer that the function brings, or null. */
  static CustomPojoSerializer custom(ClassPath path) throws Fault {
    if (!path.has(CUSTOM)) {
      return null;
    }
    Iterator<CustomPojoSerializer> found = ServiceLoader.load(CustomPojoSerializer.class, path.loader).iterator();
    if (!found.hasNext()) {
      return null;
    }
    CustomPojoSerializer custom = found.next();
    if (found.hasNext()) {
      throw new Fault("com.amazonaws.services.lambda.runtime.api.client.TooManyServiceProvidersFoundException",
          "Too many serializers provided inside the META-INF/services folder, only one is allowed", null);
    }
    return custom;
  }

  /** For values of a type that may be plain. */
  static Json plain(Type type) {
    return new Json(type, Plain.read(type), Plain.written(type), null, null);
  }

  @SuppressWarnings("unchecked")
  static Json of(JavaType type, CustomPojoSerializer custom, ClassLoader loader) {
    if (custom != null) {
      return new Json(type, null, false, null, custom);
    }
    Class<?> raw = type.getRawClass();
    if (raw.getName().startsWith(EVENTS) && LambdaEventSerializers.isLambdaSupportedEvent(raw.getName())) {
      return new Json(type, null, false, LambdaEventSerializers.serializerFor((Class<Object>) raw, loader), null);
    }
    return new Json(type, null, false, JacksonFactory.getInstance().getSerializer(type), null);
  }

  private synchronized PojoSerializer<Object> serializer() {
    if (serializer == null) {
      serializer = JacksonFactory.getInstance().getSerializer(type);
    }
    return serializer;
  }

  Object read(Event event) {
    if (custom == null && read != null) {
      Object value = event.isEmpty() ? null : event.plain(read);
      if (value != Plain.NOT) {
        return value;
      }
    }
    InputStream in = event.isEmpty() ? new Event(NULL, 0, NULL.length) : event;
    return custom != null ? custom.fromJson(in, type) : serializer().fromJson(in);
  }

  void write(Object value, OutputStream to) throws IOException {
    if (custom != null) {
      custom.toJson(value, to, type);
      return;
    }
    if (written) {
      ByteArrayOutputStream plain = new ByteArrayOutputStream();
      if (Plain.write(value, plain)) {
        plain.writeTo(to);
        return;
      }
    }
    serializer().toJson(value, to);
  }
}

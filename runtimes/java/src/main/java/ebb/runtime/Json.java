package ebb.runtime;

import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.databind.JavaType;
import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.databind.ObjectMapper;
import com.amazonaws.services.lambda.runtime.CustomPojoSerializer;
import com.amazonaws.services.lambda.runtime.serialization.PojoSerializer;
import com.amazonaws.services.lambda.runtime.serialization.events.LambdaEventSerializers;
import com.amazonaws.services.lambda.runtime.serialization.factories.JacksonFactory;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Iterator;
import java.util.ServiceLoader;

/**
 * JSON to objects of one type and back, by the rules of Lambda: Jackson for all
 * types, with special rules for the events of aws-lambda-java-events, unless the
 * function brings a serializer of its own.
 */
final class Json {
  private static final byte[] NULL = "null".getBytes(StandardCharsets.US_ASCII);

  private final JavaType type;
  private final PojoSerializer<Object> serializer;
  private final CustomPojoSerializer custom;

  private Json(JavaType type, PojoSerializer<Object> serializer, CustomPojoSerializer custom) {
    this.type = type;
    this.serializer = serializer;
    this.custom = custom;
  }

  static ObjectMapper mapper() {
    return JacksonFactory.getInstance().getMapper();
  }

  /** The serializer that the function brings, or null. */
  static CustomPojoSerializer custom(ClassLoader loader) throws Fault {
    Iterator<CustomPojoSerializer> found = ServiceLoader.load(CustomPojoSerializer.class, loader).iterator();
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

  @SuppressWarnings("unchecked")
  static Json of(JavaType type, CustomPojoSerializer custom, ClassLoader loader) {
    if (custom != null) {
      return new Json(type, null, custom);
    }
    Class<?> raw = type.getRawClass();
    if (LambdaEventSerializers.isLambdaSupportedEvent(raw.getName())) {
      return new Json(type, LambdaEventSerializers.serializerFor((Class<Object>) raw, loader), null);
    }
    return new Json(type, JacksonFactory.getInstance().getSerializer(type), null);
  }

  Object read(Event event) {
    InputStream in = event.isEmpty() ? new Event(NULL, 0, NULL.length) : event;
    return custom != null ? custom.fromJson(in, type) : serializer.fromJson(in);
  }

  void write(Object value, OutputStream to) {
    if (custom != null) {
      custom.toJson(value, to, type);
    } else {
      serializer.toJson(value, to);
    }
  }
}

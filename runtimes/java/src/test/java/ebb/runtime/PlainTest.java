package ebb.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.amazonaws.services.lambda.runtime.serialization.PojoSerializer;
import com.amazonaws.services.lambda.runtime.serialization.factories.JacksonFactory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Type;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is read and written without Jackson is what Jackson reads and writes. */
class PlainTest {
  private static final PojoSerializer<Object> JACKSON = JacksonFactory.getInstance().getSerializer(Object.class);

  /** Handlers whose types are looked at. */
  interface Types {
    Object object();

    Map<String, Object> map();

    Map<String, ?> wild();

    @SuppressWarnings("rawtypes")
    Map raw();

    List<Object> list();

    Map<String, String> texts();

    Map<Integer, Object> numbers();

    HashMap<String, Object> hash();

    Long large();

    Random other();
  }

  private static Object read(String json, Class<?> as) {
    byte[] b = ("x" + json + "y").getBytes(StandardCharsets.UTF_8);
    return Plain.read(b, 1, b.length - 1, as);
  }

  private static void same(Object want, Object got, String json) {
    assertEquals(want, got, json);
    if (want == null) {
      return;
    }
    assertSame(want.getClass(), got.getClass(), json);
    if (want instanceof Map) {
      assertEquals(new ArrayList<>(((Map<?, ?>) want).keySet()), new ArrayList<>(((Map<?, ?>) got).keySet()), json);
      ((Map<?, ?>) want).forEach((k, v) -> same(v, ((Map<?, ?>) got).get(k), json));
    } else if (want instanceof List) {
      for (int i = 0; i < ((List<?>) want).size(); i++) {
        same(((List<?>) want).get(i), ((List<?>) got).get(i), json);
      }
    }
  }

  private static final String[] PIECES = {
    "{", "}", "[", "]", ",", ":", " ", "\n", "\"a\"", "\"b\":", "\"\"", "\"\\u00fc\\n\\\"\"", "\"\u00fc\u4e2d\ud83d\ude00\"",
    "0", "-1", "12", "2147483648", "-9223372036854775808", "123456789012345678901", "1.5", "1e3", "0.1", "-0", "01", "-0.5", "1.",
    "true", "false", "null", "nul", "NaN", "'x'", "\"\\x\"", "\"\\ud83d\"", "\ufffd", "\"\ufffd\"", "\t", "/", "\"\u0001\"",
  };

  @Test
  void readsWhatJacksonReads() {
    Random random = new Random(7);
    int plain = 0;
    for (int i = 0; i < 200_000; i++) {
      StringBuilder json = new StringBuilder();
      if (i % 2 == 0) {
        text(random, json, 3);
      }
      for (int n = i % 2 == 0 ? random.nextInt(10) / 9 : random.nextInt(9); n > 0; n--) {
        json.insert(random.nextInt(json.length() + 1), PIECES[random.nextInt(PIECES.length)]);
      }
      Object got = read(json.toString(), Object.class);
      if (got != Plain.NOT) {
        plain++;
        same(JACKSON.fromJson(new ByteArrayInputStream(json.toString().getBytes(StandardCharsets.UTF_8))), got, json.toString());
      }
    }
    assertTrue(plain > 60_000, plain + " were plain");
  }

  private static void text(Random random, StringBuilder json, int depth) {
    int kind = random.nextInt(depth > 0 ? 4 : 2);
    if (kind < 2) {
      json.append(PIECES[kind == 0 ? 11 + random.nextInt(5) : 26 + random.nextInt(3)]);
      return;
    }
    json.append(kind == 2 ? '[' : '{');
    for (int n = random.nextInt(4); n > 0; n--) {
      if (kind == 3) {
        json.append("\"k").append(random.nextInt(3)).append("\" :");
      }
      text(random, json, depth - 1);
      json.append(n > 1 ? ", " : "");
    }
    json.append(kind == 2 ? ']' : '}');
  }

  @Test
  void writesWhatJacksonWrites() throws IOException {
    Random random = new Random(8);
    int plain = 0;
    for (int i = 0; i < 50_000; i++) {
      Object value = value(random, 3);
      ByteArrayOutputStream got = new ByteArrayOutputStream();
      ByteArrayOutputStream want = new ByteArrayOutputStream();
      if (Plain.write(value, got)) {
        plain++;
        JACKSON.toJson(value, want);
        assertEquals(new String(want.toByteArray(), StandardCharsets.UTF_8), new String(got.toByteArray(), StandardCharsets.UTF_8));
      }
    }
    assertTrue(plain > 20_000, plain + " were plain");
  }

  private static Object value(Random random, int depth) {
    Object[] simple = {
      null, true, false, random.nextInt(), random.nextLong(), random.nextGaussian() * Math.pow(10, random.nextInt(40) - 20), 0.0, -0.0,
      1e7, 1e-3, "", "a \"quoted\" \\ / text", "\u0000\u0001\b\t\n\u000b\f\r\u001f\u007f\u0080", "\u00fc\u4e2d\ud83d\ude00\u2028\ufffd",
      Double.NaN, Float.MAX_VALUE, 'c', (short) 7, BigInteger.TEN, Double.POSITIVE_INFINITY,
    };
    int kind = random.nextInt(depth > 0 ? 26 : 20);
    if (kind < 20) {
      return simple[random.nextInt(random.nextInt(20) == 0 ? simple.length : simple.length - 6)];
    }
    List<Object> list = new ArrayList<>();
    Map<String, Object> map = kind % 2 == 0 ? new LinkedHashMap<>() : new TreeMap<>();
    for (int n = random.nextInt(4); n > 0; n--) {
      list.add(value(random, depth - 1));
      map.put("k\n" + random.nextInt(9), value(random, depth - 1));
    }
    switch (kind) {
      case 20:
        return list;
      case 21:
        return Collections.unmodifiableList(list);
      case 22:
        return new LinkedHashSet<>(list);
      case 23:
        return Arrays.asList(list.toArray());
      case 24:
        return Collections.unmodifiableMap(map);
      default:
        return map;
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "1 2", "{}x", "\"", "\"\\", "\"\\u12", "-", "1e", "tru", "truex"})
  void leavesWhatIsNoJSON(String json) {
    assertSame(Plain.NOT, read(json, Object.class));
  }

  @Test
  void leavesWhatIsTooDeepOrOfAnotherType() {
    StringBuilder deep = new StringBuilder();
    Object nested = 1;
    for (int i = 0; i < 101; i++) {
      deep.insert(0, '[').append(']');
      nested = Collections.singletonList(nested);
    }
    assertSame(Plain.NOT, read(deep.toString(), Object.class));
    assertFalse(Plain.write(nested, new ByteArrayOutputStream()));
    assertSame(Plain.NOT, read("1", String.class));
    assertSame(Plain.NOT, read("[]", Map.class));
    assertNull(read("null", Map.class));
    byte[] broken = {'"', (byte) 0xc3, '"'};
    assertSame(Plain.NOT, Plain.read(broken, 0, broken.length, Object.class));
  }

  @Test
  void leavesValuesOfOtherKinds() {
    Map<Object, Object> keys = new HashMap<>();
    keys.put(1, 1);
    for (Object value : new Object[] {keys, new Properties(), "\ud83d", new Object[0], new Random(), Collections.singletonMap("\ude00", 1)}) {
      assertFalse(Plain.write(value, new ByteArrayOutputStream()), value.getClass().getName());
    }
  }

  private static Type type(String name) throws ReflectiveOperationException {
    return Types.class.getMethod(name).getGenericReturnType();
  }

  @Test
  void types() throws ReflectiveOperationException {
    for (String plain : new String[] {"object", "map", "wild", "raw", "list"}) {
      assertTrue(Plain.read(type(plain)) != null && Plain.written(type(plain)), plain);
    }
    for (String not : new String[] {"texts", "numbers", "hash", "large", "other"}) {
      assertNull(Plain.read(type(not)), not);
    }
    assertFalse(Plain.written(type("other")));
  }
}

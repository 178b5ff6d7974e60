package ebb.runtime;

import java.io.ByteArrayOutputStream;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.WildcardType;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;

/**
 * JSON that is nothing but objects, lists, texts, numbers and truth values, read
 * and written as Jackson does it, for functions that have no use for more:
 * loading Jackson takes longer than starting a JVM. Whatever is not plain to see
 * is refused, and left to Jackson.
 */
final class Plain {
  /** What read returns for what is left to Jackson. */
  static final Object NOT = new Object();

  private static final int MAX_DEPTH = 100;
  private static final int MAX_NUMBER = 18; // characters: less than a long holds

  private static final Set<Class<?>> WRITTEN = new HashSet<>(Arrays.<Class<?>>asList(
      Object.class, Map.class, HashMap.class, LinkedHashMap.class, TreeMap.class, Collection.class, List.class,
      ArrayList.class, Set.class, String.class, Boolean.class, Integer.class, Long.class, Double.class,
      boolean.class, int.class, long.class, double.class));

  private Plain() {}

  /** The class that values of a type are read as, or null if that takes Jackson. */
  static Class<?> read(Type type) {
    if (type == Object.class || type == String.class || type == Map.class || type == List.class
        || type == Boolean.class || type == Integer.class || type == Double.class) {
      return (Class<?>) type;
    }
    if (!(type instanceof ParameterizedType)) {
      return null;
    }
    Type raw = ((ParameterizedType) type).getRawType();
    Type[] of = ((ParameterizedType) type).getActualTypeArguments();
    boolean map = raw == Map.class && of[0] == String.class;
    return (map || raw == List.class) && anything(of[of.length - 1]) ? (Class<?>) raw : null;
  }

  private static boolean anything(Type type) {
    return type == Object.class || type instanceof WildcardType && Arrays.equals(
        ((WildcardType) type).getUpperBounds(), new Type[] {Object.class})
        && ((WildcardType) type).getLowerBounds().length == 0;
  }

  /** True if values of a type may be plain. Whether one is, write says. */
  static boolean written(Type type) {
    return WRITTEN.contains(type instanceof ParameterizedType ? ((ParameterizedType) type).getRawType() : type);
  }

  /** The value that b[from, to) is as a whole, or NOT. */
  static Object read(byte[] b, int from, int to, Class<?> as) {
    Reader reader = new Reader(b, from, to);
    Object value = reader.value(0);
    if (value == NOT || !reader.end() || value != null && !as.isInstance(value)) {
      return NOT;
    }
    return value;
  }

  /** Writes a value to out. False: it is not plain, and what is in out is nothing. */
  static boolean write(Object value, ByteArrayOutputStream out) {
    return new Writer(out).value(value, 0);
  }

  private static final class Reader {
    private final byte[] b;
    private final int to;
    private int at;

    Reader(byte[] b, int from, int to) {
      this.b = b;
      this.at = from;
      this.to = to;
    }

    boolean end() {
      return next() < 0;
    }

    /** The next byte that is no space, which stays; less than 0 at the end and beyond ASCII. */
    private int next() {
      while (at < to && (b[at] == ' ' || b[at] == '\n' || b[at] == '\r' || b[at] == '\t')) {
        at++;
      }
      return at < to ? b[at] & 0xff : -1;
    }

    Object value(int depth) {
      int c = next();
      switch (c) {
        case '{':
          return depth < MAX_DEPTH ? object(depth) : NOT;
        case '[':
          return depth < MAX_DEPTH ? list(depth) : NOT;
        case '"':
          return text();
        case 't':
          return word("true", Boolean.TRUE);
        case 'f':
          return word("false", Boolean.FALSE);
        case 'n':
          return word("null", null);
        default:
          return c == '-' || c >= '0' && c <= '9' ? number() : NOT;
      }
    }

    private Object object(int depth) {
      Map<String, Object> object = new LinkedHashMap<>();
      at++;
      if (next() == '}') {
        at++;
        return object;
      }
      for (;;) {
        Object name = next() == '"' ? text() : NOT;
        if (name == NOT || next() != ':') {
          return NOT;
        }
        at++;
        Object value = value(depth + 1);
        if (value == NOT) {
          return NOT;
        }
        object.put((String) name, value);
        int c = next();
        at++;
        if (c == '}') {
          return object;
        }
        if (c != ',') {
          return NOT;
        }
      }
    }

    private Object list(int depth) {
      List<Object> list = new ArrayList<>();
      at++;
      if (next() == ']') {
        at++;
        return list;
      }
      for (;;) {
        Object value = value(depth + 1);
        if (value == NOT) {
          return NOT;
        }
        list.add(value);
        int c = next();
        at++;
        if (c == ']') {
          return list;
        }
        if (c != ',') {
          return NOT;
        }
      }
    }

    private Object word(String word, Object value) {
      if (to - at < word.length()) {
        return NOT;
      }
      for (int i = 0; i < word.length(); i++) {
        if (b[at + i] != word.charAt(i)) {
          return NOT;
        }
      }
      at += word.length();
      return delimited() ? value : NOT;
    }

    /** True if what was read ends here. */
    private boolean delimited() {
      int c = at < to ? b[at] : ' ';
      return c == ' ' || c == ',' || c == '}' || c == ']' || c == '\n' || c == '\r' || c == '\t';
    }

    private Object number() {
      int from = at;
      boolean whole = true;
      if (b[at] == '-') {
        at++;
      }
      int first = at;
      digits();
      boolean plain = at > first && (b[first] != '0' || at == first + 1 && first == from);
      if (at < to && b[at] == '.') {
        whole = false;
        first = ++at;
        digits();
        plain &= at > first;
      }
      if (at < to && (b[at] == 'e' || b[at] == 'E')) {
        whole = false;
        at++;
        if (at < to && (b[at] == '-' || b[at] == '+')) {
          at++;
        }
        first = at;
        digits();
        plain &= at > first;
      }
      if (!plain || at - from > MAX_NUMBER || !delimited()) {
        return NOT;
      }
      String text = new String(b, from, at - from, StandardCharsets.ISO_8859_1);
      if (!whole) {
        return Double.valueOf(text);
      }
      long n = Long.parseLong(text);
      if (n == (int) n) {
        return (int) n;
      }
      return n;
    }

    private void digits() {
      while (at < to && b[at] >= '0' && b[at] <= '9') {
        at++;
      }
    }

    private Object text() {
      int from = ++at;
      boolean ascii = true;
      for (; at < to; at++) {
        int c = b[at];
        if (c == '"') {
          return part(from, at++, ascii);
        }
        if (c == '\\') {
          return escaped(from, ascii);
        }
        if (c < 0) {
          ascii = false;
        } else if (c < ' ') {
          return NOT;
        }
      }
      return NOT;
    }

    /** The text of b[from, end); NOT if it is no UTF-8, or looks as if. */
    private Object part(int from, int end, boolean ascii) {
      String s = new String(b, from, end - from, ascii ? StandardCharsets.ISO_8859_1 : StandardCharsets.UTF_8);
      return ascii || s.indexOf('\ufffd') < 0 ? s : NOT;
    }

    /** The rest of a text that began at from; at is at its first backslash. */
    private Object escaped(int from, boolean ascii) {
      StringBuilder text = new StringBuilder();
      for (; at < to; at++) {
        int c = b[at];
        if (c < 0) {
          ascii = false;
        } else if (c < ' ') {
          return NOT;
        }
        if (c != '"' && c != '\\') {
          continue;
        }
        Object part = part(from, at, ascii);
        if (part == NOT) {
          return NOT;
        }
        text.append((String) part);
        if (c == '"') {
          at++;
          return text.toString();
        }
        int meant = escape();
        if (meant < 0) {
          return NOT;
        }
        text.append((char) meant);
        from = at + 1;
        ascii = true;
      }
      return NOT;
    }

    /** What the escape at at means, or less than 0; at is at its end then. */
    private int escape() {
      at++;
      switch (at < to ? b[at] : 0) {
        case '"':
        case '\\':
        case '/':
          return b[at];
        case 'b':
          return '\b';
        case 'f':
          return '\f';
        case 'n':
          return '\n';
        case 'r':
          return '\r';
        case 't':
          return '\t';
        case 'u':
          break;
        default:
          return -1;
      }
      int c = 0;
      for (int i = 0; i < 4; i++) {
        int digit = ++at < to ? Character.digit(b[at], 16) : -1;
        if (digit < 0) {
          return -1;
        }
        c = c << 4 | digit;
      }
      return c;
    }
  }

  private static final class Writer {
    private static final byte[] HEX = "0123456789ABCDEF".getBytes(StandardCharsets.US_ASCII);

    private final ByteArrayOutputStream out;

    Writer(ByteArrayOutputStream out) {
      this.out = out;
    }

    boolean value(Object value, int depth) {
      if (value instanceof String) {
        return text((String) value);
      }
      if (value == null || value instanceof Boolean || value instanceof Integer || value instanceof Long) {
        return word(String.valueOf(value));
      }
      if (value instanceof Double) {
        double d = (Double) value;
        return d - d == 0 && word(String.valueOf(d));
      }
      if (depth == MAX_DEPTH || !value.getClass().getName().startsWith("java.util.") || value instanceof Properties) {
        return false;
      }
      if (value instanceof Map) {
        return object((Map<?, ?>) value, depth);
      }
      return value instanceof Collection && list((Collection<?>) value, depth);
    }

    private boolean object(Map<?, ?> object, int depth) {
      int before = '{';
      for (Map.Entry<?, ?> e : object.entrySet()) {
        if (!(e.getKey() instanceof String)) {
          return false;
        }
        if (e.getValue() == null) { // is left out
          continue;
        }
        out.write(before);
        before = ',';
        if (!text((String) e.getKey())) {
          return false;
        }
        out.write(':');
        if (!value(e.getValue(), depth + 1)) {
          return false;
        }
      }
      if (before == '{') {
        out.write('{');
      }
      out.write('}');
      return true;
    }

    private boolean list(Collection<?> list, int depth) {
      int before = '[';
      for (Object value : list) {
        out.write(before);
        before = ',';
        if (!value(value, depth + 1)) {
          return false;
        }
      }
      if (before == '[') {
        out.write('[');
      }
      out.write(']');
      return true;
    }

    private boolean word(String word) {
      bytes(word.getBytes(StandardCharsets.ISO_8859_1));
      return true;
    }

    private void bytes(byte[] b) {
      out.write(b, 0, b.length);
    }

    private boolean text(String s) {
      if (pairs(s)) {
        return false;
      }
      byte[] b = s.getBytes(StandardCharsets.UTF_8);
      out.write('"');
      int from = 0;
      for (int i = 0; i < b.length; i++) {
        int c = b[i];
        if (c >= ' ' && c != '"' && c != '\\' || c < 0) {
          continue;
        }
        out.write(b, from, i - from);
        from = i + 1;
        escape(c);
      }
      out.write(b, from, b.length - from);
      out.write('"');
      return true;
    }

    private void escape(int c) {
      out.write('\\');
      int known = "\b\t\n\f\r".indexOf(c);
      if (known >= 0) {
        out.write("btnfr".charAt(known));
      } else if (c >= ' ') {
        out.write(c);
      } else {
        bytes(new byte[] {'u', '0', '0', HEX[c >> 4], HEX[c & 15]});
      }
    }

    /** True if s holds parts of characters beyond 16 bits: Jackson has its own way with those. */
    private static boolean pairs(String s) {
      for (int i = 0; i < s.length(); i++) {
        if (Character.isSurrogate(s.charAt(i))) {
          return true;
        }
      }
      return false;
    }
  }
}

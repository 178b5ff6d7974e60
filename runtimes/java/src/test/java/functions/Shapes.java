package functions;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Instant;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Handlers of every shape that Lambda accepts, and of some that it does not. */
public class Shapes {
  public static class Item {
    private String name;
    private int count;
    private boolean ready;
    private Item inner;
    public String open;

    public String getName() {
      return name;
    }

    public void setName(String name) {
      this.name = name;
    }

    public int getCount() {
      return count;
    }

    public void setCount(int count) {
      this.count = count;
    }

    public boolean isReady() {
      return ready;
    }

    public void setReady(boolean ready) {
      this.ready = ready;
    }

    public Item getInner() {
      return inner;
    }

    public void setInner(Item inner) {
      this.inner = inner;
    }
  }

  public enum Color { RED, GREEN }

  public String text(String s) {
    return s + "!";
  }

  public int number(int n) {
    return n + 1;
  }

  public long large(Long n) {
    return n + 1;
  }

  public double fraction(double d) {
    return d / 2;
  }

  public boolean flag(boolean b) {
    return !b;
  }

  public List<Integer> list(List<Integer> all) {
    List<Integer> more = new ArrayList<>();
    for (Integer n : all) {
      more.add(n + 1); // a ClassCastException if the elements were read as anything else
    }
    return more;
  }

  public Map<String, Item> map(Map<String, Item> all) {
    all.values().forEach(i -> i.setCount(i.getCount() + 1));
    return all;
  }

  public Item item(Item item, Context context) {
    item.setName(item.getName() + " of " + context.getFunctionName());
    return item;
  }

  public Item[] array(Item[] items) {
    return items;
  }

  public Color color(Color c) {
    return c;
  }

  public Optional<String> optional(Map<String, Object> event) {
    return Optional.ofNullable((String) event.get("maybe"));
  }

  public Map<String, Object> time() {
    Map<String, Object> m = new LinkedHashMap<>();
    m.put("at", Instant.ofEpochSecond(1));
    return m;
  }

  public byte[] bytes(byte[] b) {
    return b;
  }

  public void nothing(Object event) {}

  public Object none() {
    return null;
  }

  public String only(Context context) {
    return context.getAwsRequestId();
  }

  public static String fixed(String s) {
    return "static " + s;
  }

  public void in(InputStream in) throws IOException {
    if (in.read() != '"') {
      throw new IOException("not a text");
    }
  }

  public void out(OutputStream out) throws IOException {
    out.write("[\"out\"]".getBytes());
  }

  public void inContext(InputStream in, Context context) {}

  public void outContext(OutputStream out, Context context) throws IOException {
    out.write(('"' + context.getAwsRequestId() + '"').getBytes());
  }

  public void inOut(InputStream in, OutputStream out) throws IOException {
    copy(in, out);
  }

  public void all(InputStream in, OutputStream out, Context context) throws IOException {
    copy(in, out);
  }

  static void copy(InputStream in, OutputStream out) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (int b = in.read(); b >= 0; b = in.read()) {
      bytes.write(b);
    }
    bytes.writeTo(out);
  }

  // Overloads: the one with most parameters, and of those the one with a Context.
  public String many(String a) {
    return "one";
  }

  public String many(String a, Context c) {
    return "one and context";
  }

  public String many(String a, String b, String c, String d) {
    return "too many";
  }

  public String few() {
    return "none";
  }

  public String few(String a, String b) {
    return "second is no context";
  }

  public String wrong(Context c, String s) {
    return "context first";
  }

  public static class Streams implements RequestStreamHandler {
    @Override
    public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException {
      copy(in, out);
    }
  }

  public static class Typed implements RequestHandler<Item, List<Item>> {
    @Override
    public List<Item> handleRequest(Item item, Context context) {
      List<Item> all = new ArrayList<>();
      all.add(item);
      return all;
    }
  }

  /** What a handler of its own framework looks like. */
  public abstract static class Base<I, O> implements RequestHandler<Map<String, I>, List<O>> {
    @Override
    public List<O> handleRequest(Map<String, I> event, Context context) {
      List<O> all = new ArrayList<>();
      event.values().forEach(v -> all.add(one(v)));
      return all;
    }

    protected abstract O one(I value);

    public String named(I value) {
      return "named " + one(value);
    }
  }

  public abstract static class Middle<T> extends Base<T, String> {}

  public static class Derived extends Middle<Item> {
    @Override
    protected String one(Item item) { // a ClassCastException if it was read as a map
      return item.getName();
    }
  }

  public interface Default extends RequestHandler<Integer, Integer> {
    @Override
    default Integer handleRequest(Integer n, Context context) {
      return n * 2;
    }
  }

  public static class FromInterface implements Default {}

  @SuppressWarnings("rawtypes")
  public static class Raw implements RequestHandler {
    @Override
    public Object handleRequest(Object event, Context context) {
      return event.getClass().getSimpleName();
    }
  }

  public static class NoInterface {
    public String handleRequest(String s) {
      return "by its name: " + s;
    }
  }

  public static class Empty {}

  public class Inner {
    public String handleRequest(String s) {
      return s;
    }
  }

  public static class Closed {
    public Closed(String needs) {}

    public String handleRequest(String s) {
      return s;
    }
  }

  public static class Nothing implements RequestHandler<String, Void> {
    @Override
    public Void handleRequest(String s, Context context) {
      return null;
    }
  }

  /** A class that is not public can be a handler. */
  static class Hidden {
    public Hidden() {}

    public String handleRequest(String s) {
      return s;
    }
  }

  /** Cannot be written as JSON. */
  public static class Loop {
    public Loop getSelf() {
      return this;
    }
  }

  public Loop loop() {
    return new Loop();
  }
}

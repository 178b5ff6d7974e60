package ebb.runtime;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import com.amazonaws.services.lambda.runtime.RequestStreamHandler;
import com.amazonaws.services.lambda.runtime.serialization.events.LambdaEventSerializers;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * A process that waits uses the time: it plays functions of its own through the
 * same code, so that classes are loaded and methods compiled when a version
 * comes. A process that is needed at once does without.
 */
final class Warmup {
  private static final int ROUNDS = 10;

  private final InputStream platform;
  private int done;

  Warmup(InputStream platform) {
    this.platform = platform;
  }

  /** Goes on until all is warm or something arrives from the platform. */
  void run() {
    try {
      while (platform.available() == 0 && step(done)) {
        done++;
      }
    } catch (Exception e) {
      done = Integer.MAX_VALUE; // what went wrong here will be told when a function needs it
    }
  }

  /** One part; false after the last. */
  private static boolean step(int n) throws Exception {
    switch (n) {
      case 0:
        rehearse(Streams.class.getName(), "{}", "{\"custom\":{\"a\":\"b\"}}");
        return true;
      case 1:
        plain();
        return true;
      case 2:
        rehearse(Beans.class.getName(), Bean.JSON);
        return true;
      case 3:
        rehearse(Beans.class.getName() + "::texts", "\"text\"");
        return true;
      case 4:
        rehearse(Beans.class.getName() + "::convert", "{\"name\":\"x\"}");
        return true;
      case 5:
        rehearse(Beans.class.getName() + "::fails", "[1]");
        return true;
      case 6:
        LambdaEventSerializers.isLambdaSupportedEvent("");
        return true;
      case 7:
        new Environment().trace("");
        return true;
      case 8:
        classes();
        return true;
      case 9:
        Language.use();
        return true;
      default:
        return false;
    }
  }

  /** A function of plain values. */
  static void plain() throws IOException {
    String event = "{\"a\":[1,2.5,\"x\",null,true,{\"b\":12345678901}]}";
    rehearse(Maps.class.getName(), event);
    rehearse(Maps.class.getName() + "::handleRequest", event);
  }

  /** What finding a class takes, in a directory and in a jar. */
  private static void classes() throws Exception {
    URL home = new File(System.getProperty("java.home")).toURI().toURL();
    try (URLClassLoader directory = new URLClassLoader(new URL[] {home}, null)) {
      directory.findResource("release");
    }
    String own = Warmup.class.getName().replace('.', '/') + ".class";
    try (InputStream text = Warmup.class.getClassLoader().getResourceAsStream(own)) {
      while (text.read() >= 0) {
        // To the end, where its checksum is.
      }
    }
  }

  /** Runs a whole conversation about one handler against nobody. */
  private static void rehearse(String handler, String event) throws IOException {
    rehearse(handler, event, "");
  }

  private static void rehearse(String handler, String event, String client) throws IOException {
    ByteArrayOutputStream frames = new ByteArrayOutputStream();
    Channel platform = new Channel(null, frames);
    String init = "{\"handler\":\"" + handler + "\",\"taskRoot\":\"\",\"arn\":\"a\",\"env\":{\"A\":\"B\"},\"maxResponse\":100000}";
    platform.send(Channel.INIT, 0, 0, new byte[0], utf8(init));
    byte[] head = utf8("id\n4102444800000\n\n\n" + client);
    for (int i = 1; i <= ROUNDS; i++) {
      platform.send(Channel.INVOKE, 0, i, head, utf8(event));
    }
    Channel channel = new Channel(new ByteArrayInputStream(frames.toByteArray()), new Nowhere());
    new Instance(channel, new Output(channel), new Nothing(), null).run();
  }

  private static byte[] utf8(String s) {
    return s.getBytes(StandardCharsets.UTF_8);
  }

  /** A rehearsal changes nothing. */
  private static final class Nothing extends Jvm {
    Nothing() {
      super(null);
    }

    @Override
    ClassPath specialise(Init init) {
      return new ClassPath(Warmup.class.getClassLoader());
    }

    @Override
    void trace(String id) {}

    @Override
    void exit(int code) {}
  }

  private static final class Nowhere extends OutputStream {
    @Override
    public void write(int b) {}

    @Override
    public void write(byte[] b, int from, int length) {}
  }

  /** Rehearses streams and the logger. */
  public static final class Streams implements RequestStreamHandler {
    @Override
    public void handleRequest(InputStream in, OutputStream out, Context context) throws IOException {
      for (int b = in.read(); b >= 0; b = in.read()) {
        out.write(b);
      }
      context.getLogger().log("line");
    }
  }

  /** Rehearses untyped JSON. */
  public static final class Maps implements RequestHandler<Map<String, Object>, Object> {
    @Override
    public Object handleRequest(Map<String, Object> event, Context context) {
      return event;
    }
  }

  /** Rehearses objects, methods and failures. */
  public static final class Beans implements RequestHandler<Bean, Bean> {
    @Override
    public Bean handleRequest(Bean event, Context context) {
      return event;
    }

    public List<String> texts(String event, Context context) {
      return Collections.singletonList(event);
    }

    public Made convert(Sent event, Context context) {
      return new Made(event.name, 1);
    }

    public static void fails(List<Integer> event) {
      throw new IllegalStateException("rehearsed");
    }
  }

  /** Is only sent. */
  public static class Sent {
    private String name;

    public void setName(String name) {
      this.name = name;
    }
  }

  /** Is only answered. */
  public static class Made {
    public final String message;
    private final long count;

    Made(String message, long count) {
      this.message = message;
      this.count = count;
    }

    public long getCount() {
      return count;
    }
  }

  /** Has a property of each usual kind. */
  public static final class Bean {
    static final String JSON =
        "{\"name\":\"x\",\"number\":1,\"list\":[\"a\"],\"map\":{\"k\":1.5},\"flag\":true}";

    private String name;
    private int number;
    private Boolean flag;
    private List<String> list;
    private Map<String, Double> map;

    public String getName() {
      return name;
    }

    public void setName(String name) {
      this.name = name;
    }

    public int getNumber() {
      return number;
    }

    public void setNumber(int number) {
      this.number = number;
    }

    public Boolean getFlag() {
      return flag;
    }

    public void setFlag(Boolean flag) {
      this.flag = flag;
    }

    public List<String> getList() {
      return list;
    }

    public void setList(List<String> list) {
      this.list = list;
    }

    public Map<String, Double> getMap() {
      return map;
    }

    public void setMap(Map<String, Double> map) {
      this.map = map;
    }
  }
}

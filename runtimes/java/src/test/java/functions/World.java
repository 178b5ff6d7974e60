package functions;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaRuntime;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Scanner;
import java.util.TimeZone;
import java.util.concurrent.CompletableFuture;

/** Functions that look at what is around them. */
public class World {
  private static OutputStream kept;

  public Map<String, Object> environment(Map<String, String> event) throws Exception {
    java.lang.Process child = new ProcessBuilder("sh", "-c", "echo $MINE; echo $_X_AMZN_TRACE_ID").start();
    Map<String, Object> m = new LinkedHashMap<>();
    String childTrace;
    try (Scanner out = new Scanner(child.getInputStream(), "UTF-8")) {
      m.put("child", out.nextLine());
      childTrace = out.nextLine();
    }
    m.put("mine", System.getenv("MINE"));
    m.put("inMap", System.getenv().get("MINE"));
    m.put("startedWith", System.getenv("STARTED_WITH"));
    m.put("trace", System.getenv("_X_AMZN_TRACE_ID"));
    m.put("childTrace", childTrace);
    m.put("zone", TimeZone.getDefault().getID());
    return m;
  }

  /** What of the JDK is open: true for java.io, as on Lambda. */
  public boolean opened(Object event) throws Exception {
    java.lang.reflect.Field field = java.io.FilterOutputStream.class.getDeclaredField("out");
    field.setAccessible(true);
    return field.get(System.out) != null;
  }

  /** The jars that two of the handler interfaces are from. */
  public String interfaces(Object event) {
    StringBuilder jars = new StringBuilder();
    for (Class<?> type : new Class<?>[] {Context.class, com.amazonaws.services.lambda.runtime.CustomPojoSerializer.class}) {
      jars.append(' ').append(new File(type.getProtectionDomain().getCodeSource().getLocation().getPath()).getName());
    }
    return jars.substring(1);
  }

  public Map<String, Object> context(Object event, Context c) {
    Map<String, Object> m = new LinkedHashMap<>();
    m.put("id", c.getAwsRequestId());
    m.put("arn", c.getInvokedFunctionArn());
    m.put("memory", c.getMemoryLimitInMB());
    m.put("trace", c.getXrayTraceId());
    m.put("property", System.getProperty("com.amazonaws.xray.traceHeader"));
    m.put("identity", c.getIdentity().getIdentityId());
    m.put("custom", c.getClientContext() == null ? null : c.getClientContext().getCustom());
    m.put("time", c.getRemainingTimeInMillis() > 30000);
    return m;
  }

  /** Everything that prints. */
  public void prints(Object event, Context c) {
    System.out.println("out");
    System.err.println("err: \u00fc");
    System.out.print("a part, ");
    System.out.printf("and %d more%n", 2);
    c.getLogger().log("logged");
    c.getLogger().log("with\ntwo lines\n");
    c.getLogger().log(new byte[] {'b', 'y', 't', 'e', 's'});
    c.getLogger().log("warned", LogLevel.WARN);
    LambdaRuntime.getLogger().log("global");
    java.util.logging.Logger.getLogger("mine").warning("from java.util.logging");
    System.out.print("no end");
  }

  public void fails() {
    inner();
  }

  private void inner() {
    try {
      throw new IOException("the cause");
    } catch (IOException e) {
      throw new IllegalArgumentException("it broke", e);
    }
  }

  public int deep() {
    return 1 + deep();
  }

  public int memory() {
    List<byte[]> all = new ArrayList<>();
    for (;;) {
      all.add(new byte[1 << 20]);
    }
  }

  public void exits(int code) {
    System.out.print("before the exit");
    System.exit(code);
  }

  public void interrupts() {
    Thread.currentThread().interrupt();
  }

  public boolean interrupted() {
    return Thread.currentThread().isInterrupted();
  }

  /** Keeps the stream of one invocation and writes to it in the next. */
  public void late(OutputStream out) throws IOException {
    if (kept == null) {
      kept = out;
      out.write("\"first\"".getBytes());
      return;
    }
    String said = "nothing";
    try {
      kept.write("late".getBytes());
    } catch (IOException e) {
      said = e.getMessage();
    }
    out.write(('"' + said + '"').getBytes());
  }

  public int length(String s) {
    return s.length();
  }

  public String repeat(int n) {
    StringBuilder s = new StringBuilder();
    for (int i = 0; i < n; i++) {
      s.append('x');
    }
    return s.toString();
  }

  /** Where classes and resources come from, on this thread and on others. */
  public Map<String, Object> classes() throws Exception {
    Map<String, Object> m = new LinkedHashMap<>();
    m.put("which", new Which().from());
    m.put("resource", resource(Thread.currentThread().getContextClassLoader()));
    m.put("pool", CompletableFuture.supplyAsync(() -> resource(Thread.currentThread().getContextClassLoader())).get());
    m.put("system", resource(ClassLoader.getSystemClassLoader()));
    String task = new File(World.class.getResource("World.class").toURI()).getParentFile().getParent();
    List<String> path = new ArrayList<>();
    for (String p : System.getProperty("java.class.path").split(File.pathSeparator)) {
      path.add(p.startsWith(task) ? p.substring(task.length()) : Paths.get(p).getFileName().toString());
    }
    m.put("path", path);
    return m;
  }

  private static String resource(ClassLoader loader) {
    try (Scanner s = new Scanner(loader.getResourceAsStream("mine.txt"))) {
      return s.nextLine();
    }
  }
}

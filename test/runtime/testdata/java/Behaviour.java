import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.logging.LogLevel;
import java.io.File;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

/** The functions of the runtime contract suite, one per behaviour. */
public class Behaviour {
  private int count;

  public Object echo(Object event) {
    return event;
  }

  public int counter() {
    return ++count;
  }

  public Map<String, Object> context(Object event, Context context) {
    Map<String, Object> told = new LinkedHashMap<>();
    told.put("requestId", context.getAwsRequestId());
    told.put("arn", context.getInvokedFunctionArn());
    told.put("name", context.getFunctionName());
    told.put("version", context.getFunctionVersion());
    told.put("memory", context.getMemoryLimitInMB());
    told.put("group", context.getLogGroupName());
    told.put("stream", context.getLogStreamName());
    told.put("remaining", context.getRemainingTimeInMillis());
    told.put("trace", System.getProperty("com.amazonaws.xray.traceHeader", ""));
    told.put("custom", context.getClientContext() == null ? null : context.getClientContext().getCustom());
    return told;
  }

  public Map<String, String> environment() {
    return System.getenv();
  }

  public void error() throws CustomError {
    throw new CustomError("it broke: ü");
  }

  public void crash() {
    System.out.println("before the crash");
    Runtime.getRuntime().halt(3);
  }

  public void exit() {
    System.out.println("before the exit");
    System.exit(1);
  }

  public String big(int size) {
    char[] text = new char[size];
    Arrays.fill(text, 'x');
    return new String(text);
  }

  public void lines(int count) {
    for (int i = 0; i < count; i++) {
      System.out.println("line " + i);
    }
  }

  public void no_newline() {
    System.out.print("one\ntwo");
  }

  public void binary() throws IOException {
    System.out.write(new byte[] {(byte) 0xff, 0, (byte) 0xfe, '\n'});
  }

  public int child() throws Exception {
    return new ProcessBuilder("sh", "-c", "echo from the child; exit 5").inheritIO().start().waitFor();
  }

  public void sleep() throws InterruptedException {
    System.out.println("going to sleep");
    Thread.sleep(60000);
  }

  public Map<String, Object> files() throws IOException {
    String code = "writable";
    File root = new File(System.getenv("LAMBDA_TASK_ROOT"));
    try {
      // Not createNewFile: it does not fail if an earlier run could write.
      new FileOutputStream(new File(root, "written")).close();
    } catch (IOException e) {
      code = "read-only";
    }
    File scratch = new File("/tmp/x");
    scratch.createNewFile();
    scratch.delete();
    Map<String, Object> found = new LinkedHashMap<>();
    found.put("code", code);
    // Not by its name alone: the process must be where the files are.
    found.put("cwd", new File("").getAbsoluteFile().equals(root) && new File("Behaviour.class").exists());
    return found;
  }

  private final List<String> ran = new ArrayList<>();

  public List<String> ran_so_far() {
    return ran;
  }

  public void initialize(Context context) {
    ran.add("initializer of " + context.getFunctionName() + " with "
        + (context.getRemainingTimeInMillis() > 1000 ? "time" : "no time"));
  }

  public void pre_freeze() {
    System.out.println("freezing");
    ran.add("pre-freeze");
  }

  public void pre_stop(Context context) throws CustomError {
    throw new CustomError("it broke: ü");
  }

  public void hang() throws InterruptedException {
    Thread.sleep(60000);
  }

  private final AtomicInteger present = new AtomicInteger();

  /** Waits until as many are here as the event says. */
  public Map<String, Object> meet(int all, Context context) throws InterruptedException {
    System.out.print(context.getAwsRequestId() + " has ");
    present.incrementAndGet();
    while (present.get() < all) {
      Thread.sleep(1);
    }
    System.out.println("come");
    Thread child = new Thread(() -> context.getLogger().log("of " + context.getAwsRequestId(), LogLevel.WARN));
    child.start();
    child.join();
    System.out.print(context.getAwsRequestId() + " leaves");
    Map<String, Object> told = new LinkedHashMap<>();
    told.put("id", context.getAwsRequestId());
    told.put("remaining", context.getRemainingTimeInMillis());
    return told;
  }

  /** Sleeps, fails or answers, as it is told. */
  public String perhaps(String what) throws Exception {
    switch (what) {
      case "fail":
        throw new CustomError("it broke: ü");
      case "exit":
        System.exit(1);
        return null;
      case "sleep":
        Thread.sleep(60000);
        return null;
      default:
        return what;
    }
  }
}

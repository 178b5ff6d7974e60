package ebb.runtime;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.Base64;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import javax.net.ssl.SSLContext;

/**
 * The runs from which the JVM's archive of ready-made classes is made, see Archive.
 */
final class Training {
  private Training() {}

  /** What every start does, and a function of plain values. */
  static void start() throws Exception {
    Warmup.plain();
    become();
    new Output(new Channel(null, new ByteArrayOutputStream())).install();
  }

  /** All that the bootstrap does, and what functions usually need of the JDK. */
  static void run() throws Exception {
    new Warmup(new ByteArrayInputStream(new byte[0])).run();
    usual();
    known();
    become();
  }

  /** What the JDK's own archive has: this one is instead of it. */
  private static void known() throws IOException {
    Path list = Paths.get(System.getProperty("java.home"), "lib", "classlist");
    if (!Files.exists(list)) {
      return;
    }
    for (String line : Files.readAllLines(list)) {
      if (line.startsWith("#") || line.startsWith("@")) {
        continue; // not a class
      }
      try {
        Class.forName(line.split(" ")[0].replace('/', '.'), false, null);
      } catch (ClassNotFoundException | LinkageError e) {
        // It is made while the JVM runs, or not the JVM's own loader's.
      }
    }
  }

  /** What a rehearsal leaves out, because it is for good. */
  private static void become() throws Exception {
    Jvm jvm = new Jvm(new Environment());
    Init init = new Init();
    init.taskRoot = System.getProperty("java.io.tmpdir");
    init.env.put("A", "B");
    ClassPath path = jvm.specialise(init);
    jvm.trace("Root=1");
    path.has("nothing");
    try {
      Class.forName("Nothing", true, path.loader);
    } catch (ClassNotFoundException e) {
      // It was looked for, in a directory and in a jar.
    }
  }

  private static void usual() throws Exception {
    String text = Arrays.asList("b", "a").stream().sorted().filter(s -> !s.isEmpty()).collect(Collectors.joining(","));
    text += String.format("%s %d %.2f", text, 1, 1.5) + Pattern.compile("[a-z]+").matcher(text).replaceAll("x");
    text += ZonedDateTime.now(ZoneOffset.UTC).format(DateTimeFormatter.ISO_INSTANT) + UUID.randomUUID();
    text += Base64.getEncoder().encodeToString(text.getBytes(StandardCharsets.UTF_8));
    java.security.MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    ExecutorService pool = Executors.newFixedThreadPool(1);
    CompletableFuture.supplyAsync(() -> "x", pool).thenApply(String::trim).get();
    pool.shutdown();
    Files.exists(Paths.get("/tmp"));
    ((HttpURLConnection) new URL("http://localhost/").openConnection()).disconnect();
    SSLContext.getDefault().getSocketFactory();
    java.util.logging.Logger.getLogger("ebb").fine("trained");
  }
}

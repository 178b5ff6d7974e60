package ebb.runtime;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.File;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The other side: starts the built jar as a box does and speaks the protocol. Its
 * own code of frames, so that a mistake is not made twice.
 */
final class Platform implements AutoCloseable {
  private static final String JAVA =
      System.getProperty("ebb.java", new File(System.getProperty("java.home"), "bin/java").getPath());

  private static final List<String> CLASS_PATH = Arrays.asList("-cp", System.getProperty("ebb.jar"), "ebb.runtime.Bootstrap");

  /** Of the JVM: 8, 17. */
  static final int VERSION = version();

  private static final List<String> OPTIONS = options();

  private static int version() {
    try {
      java.lang.Process probe = bootstrap(Collections.singletonList(JAVA), "probe").start();
      return Integer.parseInt(new ObjectMapper().readTree(probe.getInputStream()).get("version").asText().replaceAll("[.].*", ""));
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The bootstrap on a JVM, with arguments. */
  static ProcessBuilder bootstrap(List<String> java, String... arguments) {
    List<String> command = new ArrayList<>(java);
    command.addAll(CLASS_PATH);
    command.addAll(Arrays.asList(arguments));
    return new ProcessBuilder(command);
  }

  /** The JVM as the catalog has it started, with further options. */
  static List<String> java(String... options) {
    List<String> java = new ArrayList<>();
    java.add(JAVA);
    java.addAll(OPTIONS);
    java.addAll(Arrays.asList(options));
    return java;
  }

  /** What the catalog has a JVM of this version told. */
  private static List<String> options() {
    try {
      ObjectMapper json = new ObjectMapper();
      List<String> options = new ArrayList<>();
      for (JsonNode family : json.readTree(new File("../catalog.json")).get("families")) {
        for (JsonNode entry : family.path("options")) {
          if (family.get("name").asText().equals("java") && entry.get("since").asInt() <= VERSION) {
            options.clear();
            entry.get("argv").forEach(a ->
                options.add(a.asText().replace("{/var/runtime", new File("").getAbsolutePath()).replace("}", "")));
          }
        }
      }
      return options;
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Takes what the process prints to the pipe. */
  private final File output;

  final java.lang.Process process;
  private final Socket socket;
  private final DataInputStream in;
  private int stream;

  /** How many invocations may be in flight. */
  int places = 1;

  /** Lines of the last answer, "LEVEL text" where there is a level. */
  final List<String> lines = new ArrayList<>();

  /** Environment of the function, besides what every one has. */
  final Map<String, String> env = new LinkedHashMap<>();

  static final class Frame {
    int type;
    int flags;
    int stream;
    String head;
    byte[] payload;

    String text() {
      return new String(payload, StandardCharsets.UTF_8);
    }
  }

  Platform(String... options) throws IOException {
    output = File.createTempFile("ebb-output", "");
    env.put("AWS_LAMBDA_FUNCTION_NAME", "tested");
    env.put("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
    List<String> command = new ArrayList<>();
    // A shell can give a child a socket as descriptor 3; Java cannot.
    try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      command.addAll(Arrays.asList("bash", "-c",
          "exec 3<>/dev/tcp/127.0.0.1/" + listener.getLocalPort() + "; exec \"$@\"", "bash"));
      command.addAll(java("-Xmx128m"));
      command.addAll(Arrays.asList(options));
      command.addAll(CLASS_PATH);
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output);
      builder.environment().put("STARTED_WITH", "yes");
      builder.environment().put("TZ", ":UTC");
      process = builder.start();
      listener.setSoTimeout(30000);
      socket = listener.accept();
    }
    socket.setSoTimeout(60000);
    socket.setTcpNoDelay(true);
    in = new DataInputStream(socket.getInputStream());
  }

  void send(int type, String head, byte[] payload) throws IOException {
    byte[] h = head.getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    java.io.DataOutputStream out = new java.io.DataOutputStream(bytes);
    out.writeInt(h.length + payload.length);
    out.writeByte(type);
    out.writeByte(0);
    out.writeShort(h.length);
    out.writeInt(type == 3 ? ++stream : 0);
    out.write(h);
    out.write(payload);
    socket.getOutputStream().write(bytes.toByteArray());
  }

  Frame receive() throws IOException {
    Frame f = new Frame();
    int length = in.readInt();
    f.type = in.readUnsignedByte();
    f.flags = in.readUnsignedByte();
    int head = in.readUnsignedShort();
    f.stream = in.readInt();
    byte[] h = new byte[head];
    in.readFully(h);
    f.head = new String(h, StandardCharsets.UTF_8);
    f.payload = new byte[length - head];
    in.readFully(f.payload);
    return f;
  }

  /** The next frame that is not a line. */
  Frame answer() throws IOException {
    lines.clear();
    for (;;) {
      Frame f = receive();
      if (f.type != 8) {
        return f;
      }
      if (f.stream != stream && f.stream != 0) {
        throw new AssertionError("line of stream " + f.stream + ": " + f.text());
      }
      lines.add(f.head.isEmpty() ? f.text() : f.head + " " + f.text());
    }
  }

  Frame init(String handler, Path taskRoot) throws IOException {
    StringBuilder variables = new StringBuilder();
    env.forEach((k, v) -> variables.append(variables.length() == 0 ? "" : ",").append(quote(k)).append(':').append(quote(v)));
    send(1, "", ("{\"handler\":" + quote(handler) + ",\"taskRoot\":" + quote(taskRoot.toString())
        + ",\"arn\":\"the-arn\",\"env\":{" + variables + "},\"maxResponse\":6291556,\"maxStream\":1,\"concurrency\":" + places + ",\"new\":{\"a\":[1]}}")
        .getBytes(StandardCharsets.UTF_8));
    return answer();
  }

  private static String quote(String s) {
    return '"' + s.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
  }

  Frame invoke(String event) throws IOException {
    return invoke(event, "");
  }

  Frame invoke(String event, String clientContext) throws IOException {
    ask(event, clientContext);
    return answer();
  }

  /** Begins an invocation. */
  void ask(String event) throws IOException {
    ask(event, "");
  }

  private void ask(String event, String clientContext) throws IOException {
    long deadline = System.currentTimeMillis() + 60000;
    send(3, "request-" + (stream + 1) + "\n" + deadline + "\n\nRoot=1\n" + clientContext,
        event.getBytes(StandardCharsets.UTF_8));
  }

  int exit() throws InterruptedException {
    if (!process.waitFor(30, TimeUnit.SECONDS)) {
      throw new AssertionError("the process does not end");
    }
    return process.exitValue();
  }

  String printed() throws IOException {
    return new String(Files.readAllBytes(output.toPath()), StandardCharsets.UTF_8);
  }

  /** Ends the conversation, as a platform that is gone does. */
  void hangUp() throws IOException {
    socket.close();
  }

  @Override
  public void close() throws IOException {
    process.destroyForcibly();
    socket.close();
    Files.delete(output.toPath());
  }
}

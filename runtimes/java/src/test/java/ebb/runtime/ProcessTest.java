package ebb.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import functions.Broken;
import functions.Events;
import functions.Jackson;
import functions.Log4j2;
import functions.Logback;
import functions.OwnSerializer;
import functions.Shapes;
import functions.Which;
import functions.World;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The jar as a box starts it, with functions as they are deployed. */
class ProcessTest {
  private static final String WORLD = World.class.getName() + "::";

  @TempDir Path dir;
  private Package code;

  @BeforeEach
  void begin() {
    code = new Package(dir);
  }

  private static void ready(Platform.Frame f) {
    assertEquals(2, f.type, f.text());
    assertTrue(f.text().startsWith("{\"runtime\":\"java/"), f.text());
  }

  private static String answered(Platform.Frame f) {
    assertEquals(4, f.type, f.text());
    return f.text();
  }

  @Test
  void environment() throws Exception {
    code.with(World.class).with(Which.class);
    try (Platform p = new Platform()) {
      p.env.put("MINE", "it's \u00fc");
      p.env.put("TZ", "Asia/Shanghai");
      ready(p.init(WORLD + "environment", code.root));
      assertEquals("{\"child\":\"it's \u00fc\",\"mine\":\"it's \u00fc\",\"inMap\":\"it's \u00fc\",\"startedWith\":\"yes\","
          + "\"trace\":\"Root=1\",\"childTrace\":\"Root=1\",\"zone\":\"Asia/Shanghai\"}", answered(p.invoke("{}")));
    }
  }

  @Test
  void context() throws Exception {
    code.with(World.class);
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "context", code.root));
      assertEquals("{\"id\":\"request-1\",\"arn\":\"the-arn\",\"memory\":256,\"trace\":\"Root=1\",\"property\":\"Root=1\","
          + "\"identity\":\"\",\"custom\":{\"a\":\"b\"},\"time\":true}", answered(p.invoke("{}", "{\n\"custom\":{\"a\":\"b\"}}")));
      assertFalse(answered(p.invoke("{}")).contains("\"custom\""));
    }
  }

  @Test
  void lines() throws Exception {
    code.with(World.class);
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "prints", code.root));
      assertEquals("null", answered(p.invoke("{}")));
      assertEquals(Arrays.asList("out", "err: \u00fc", "a part, and 2 more", "logged", "with\ntwo lines", "bytes",
          "WARN [WARN] warned", "global"), p.lines.subList(0, 8));
      assertTrue(p.lines.get(8).contains("functions.World prints"), p.lines.toString());
      assertEquals(Arrays.asList("WARNING: from java.util.logging", "no end"), p.lines.subList(9, 11));
      assertEquals("", p.printed(), "something went past the frames");
    }
  }

  @Test
  void linesAsJson() throws Exception {
    code.with(World.class);
    try (Platform p = new Platform()) {
      p.env.put("AWS_LAMBDA_LOG_FORMAT", "JSON");
      ready(p.init(WORLD + "prints", code.root));
      p.invoke("{}");
      assertEquals("out", p.lines.get(0));
      assertTrue(p.lines.get(6).matches("WARN \\{\"timestamp\":\"[-0-9]{10}T[:.0-9]+Z\",\"level\":\"WARN\","
          + "\"message\":\"warned\",\"AWSRequestId\":\"request-1\"}"), p.lines.get(6));
    }
    try (Platform p = new Platform()) {
      p.env.put("AWS_LAMBDA_LOG_FORMAT", "JSON");
      ready(p.init(WORLD + "fails", code.root));
      p.invoke("{}");
      assertTrue(p.lines.get(0).startsWith("ERROR {\"timestamp\":") && p.lines.get(0).contains("\"message\":\"it broke: java"),
          p.lines.toString());
    }
  }

  @Test
  void failures() throws Exception {
    code.with(World.class);
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "fails", code.root));
      for (int i = 0; i < 2; i++) {
        Platform.Frame f = p.invoke("{}");
        assertEquals(7, f.type);
        assertEquals(0, f.flags);
        assertEquals("java.lang.IllegalArgumentException", f.head);
        assertTrue(f.text().matches("\\{\"errorMessage\":\"it broke\",\"errorType\":\"java.lang.IllegalArgumentException\","
            + "\"stackTrace\":\\[\"functions.World.inner\\(World.java:\\d+\\)\",\"functions.World.fails\\(World.java:\\d+\\)\"],"
            + "\"cause\":\\{\"errorMessage\":\"the cause\",\"errorType\":\"java.io.IOException\","
            + "\"stackTrace\":\\[\"functions.World.inner\\(World.java:\\d+\\)\",\"functions.World.fails\\(World.java:\\d+\\)\"]}}"), f.text());
        assertEquals(1, p.lines.size());
        assertTrue(p.lines.get(0).startsWith("ERROR it broke: java.lang.IllegalArgumentException\n"), p.lines.get(0));
        assertTrue(p.lines.get(0).contains("\nCaused by: java.io.IOException: the cause\n"), p.lines.get(0));
      }
    }
  }

  /** The JVM is in no state to go on: the platform is told, and the process ends. */
  @Test
  void fatalFailures() throws Exception {
    code.with(World.class);
    for (String[] c : new String[][] {{"deep", "java.lang.StackOverflowError"}, {"memory", "java.lang.OutOfMemoryError"}}) {
      try (Platform p = new Platform()) {
        ready(p.init(WORLD + c[0], code.root));
        Platform.Frame f = p.invoke("{}");
        assertEquals(7, f.type);
        assertEquals(c[1], f.head);
        assertEquals(1, f.flags);
        assertTrue(f.text().contains("\"errorType\":\"" + c[1] + "\""), f.text());
        assertEquals(1, p.exit());
      }
    }
  }

  @Test
  void exits() throws Exception {
    code.with(World.class);
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "exits", code.root));
      try {
        p.invoke("7");
        throw new AssertionError("answered");
      } catch (java.io.EOFException e) {
        assertEquals(Collections.singletonList("before the exit"), p.lines);
      }
      assertEquals(7, p.exit());
    }
  }

  @Test
  void initFailures() throws Exception {
    code.with(Broken.class).without(Broken.Parent.class);
    String[][] all = {
        {"$Constructor", "java.lang.IllegalStateException", "in the constructor"},
        {"$Initializer", "java.lang.ExceptionInInitializerError", "Error loading class functions.Broken$Initializer"},
        {"$Child", "java.lang.NoClassDefFoundError", "Error loading class functions.Broken$Child: functions/Broken$Parent"},
        {"$Nowhere", "java.lang.ClassNotFoundException", "Class not found: functions.Broken$Nowhere"},
    };
    for (String[] c : all) {
      try (Platform p = new Platform()) {
        Platform.Frame f = p.init(Broken.class.getName() + c[0], code.root);
        assertEquals(7, f.type, f.text());
        assertEquals(1, f.flags);
        assertEquals(0, f.stream);
        assertEquals(c[1], f.head);
        assertTrue(f.text().startsWith("{\"errorMessage\":\"" + c[2] + "\",\"errorType\":\"" + c[1] + "\""), f.text());
        assertTrue(p.lines.get(p.lines.size() - 1).startsWith("ERROR " + c[2] + ": " + c[1]), p.lines.toString());
        assertEquals(c[0].equals("$Constructor"), p.lines.get(0).equals("constructing"));
        assertEquals(1, p.exit());
      }
    }
  }

  @Test
  void whatOneInvocationLeavesDoesNotDisturbTheNext() throws Exception {
    code.with(World.class);
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "late", code.root));
      assertEquals("\"first\"", answered(p.invoke("{}")));
      assertEquals("\"the invocation is over\"", answered(p.invoke("{}")));
    }
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "interrupts", code.root));
      answered(p.invoke("{}"));
      assertEquals("null", answered(p.invoke("{}")));
    }
  }

  @Test
  void largeEventsAndAnswers() throws Exception {
    code.with(World.class);
    char[] many = new char[5000000];
    Arrays.fill(many, 'x');
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "length", code.root));
      assertEquals("5000000", answered(p.invoke('"' + new String(many) + '"')));
      assertEquals("1", answered(p.invoke("\"x\"")));
    }
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "repeat", code.root));
      assertEquals(5000002, answered(p.invoke("5000000")).length());
      Platform.Frame f = p.invoke("7000000");
      assertEquals("Function.ResponseSizeTooLarge", f.head);
      assertTrue(f.text().contains("6291556 bytes"), f.text());
      assertEquals("\"x\"", answered(p.invoke("1")));
    }
  }

  @Test
  void openPackages() throws Exception {
    code.with(World.class);
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "opened", code.root));
      assertEquals("true", answered(p.invoke("{}")));
    }
  }

  /** A function's own copy of the handler interfaces is not used: everybody speaks of the same. */
  @Test
  void theInterfacesAreTheRuntimes() throws Exception {
    code.with(World.class).library("com.amazonaws.services.lambda.runtime.RequestHandler");
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "interfaces", code.root));
      assertEquals("\"ebb-runtime.jar ebb-runtime.jar\"", answered(p.invoke("{}")));
    }
  }

  @Test
  void classPath() throws Exception {
    code.with(World.class).resource("mine.txt", "a resource").jar("b.jar", Which.class).jar("a.jar", Which.class);
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "classes", code.root));
      assertEquals("{\"which\":\"a.jar\",\"resource\":\"a resource\",\"pool\":\"a resource\",\"system\":\"a resource\","
          + "\"path\":[\"ebb-runtime.jar\",\"\",\"/lib/a.jar\",\"/lib/b.jar\"]}", answered(p.invoke("{}")));
    }
    code.with(Which.class);
    try (Platform p = new Platform()) {
      ready(p.init(WORLD + "classes", code.root));
      assertTrue(answered(p.invoke("{}")).startsWith("{\"which\":\"task root\""));
    }
  }

  @Test
  void aJacksonOfItsOwn() throws Exception {
    code.with(Jackson.class).library("com.fasterxml.jackson.databind.ObjectMapper")
        .library("com.fasterxml.jackson.core.JsonParser").library("com.fasterxml.jackson.annotation.JsonProperty");
    try (Platform p = new Platform()) {
      ready(p.init(Jackson.class.getName() + "::both", code.root));
      assertEquals("{\"version\":\"2.9.10\",\"runtimes\":\"x\",\"own\":\"y\",\"written\":\"{\\\"renamed\\\":\\\"x\\\"}\"}",
          answered(p.invoke("{\"name\":\"x\"}")).replace("2.9.10-8", "2.9.10"));
    }
  }

  @Test
  void aLoggingFramework() throws Exception {
    code.with(Logback.class).library("org.slf4j.Logger").library("ch.qos.logback.classic.Logger")
        .library("ch.qos.logback.core.Appender").resource("logback.xml", "<configuration>"
            + "<appender name=\"A\" class=\"ch.qos.logback.core.ConsoleAppender\"><encoder>"
            + "<pattern>%level %X{id} %logger{0}: %msg%n%ex{short}</pattern></encoder></appender>"
            + "<root level=\"INFO\"><appender-ref ref=\"A\"/></root></configuration>");
    try (Platform p = new Platform()) {
      ready(p.init(Logback.class.getName() + "::logs", code.root));
      answered(p.invoke("{}"));
      assertEquals("INFO request-1 Logback: hello there", p.lines.get(0));
      assertEquals("ERROR request-1 Logback: it broke", p.lines.get(1));
      assertEquals("java.lang.IllegalStateException: why", p.lines.get(2));
      answered(p.invoke("{}"));
      assertEquals("INFO request-2 Logback: hello there", p.lines.get(0));
    }
  }

  @Test
  void log4jWithTheAppenderForLambda() throws Exception {
    code.with(Log4j2.class).library("org.apache.logging.log4j.core.Logger").library("org.apache.logging.log4j.Logger")
        .library("com.amazonaws.services.lambda.runtime.log4j2.LambdaAppender")
        .resource("log4j2.xml", "<Configuration><Appenders><Lambda name=\"L\"><LambdaTextFormat>"
            + "<PatternLayout><pattern>%X{AWSRequestId} %-5p %c{1} - %m%n</pattern></PatternLayout></LambdaTextFormat></Lambda>"
            + "</Appenders><Loggers><Root level=\"INFO\"><AppenderRef ref=\"L\"/></Root></Loggers></Configuration>");
    try (Platform p = new Platform()) {
      ready(p.init(Log4j2.class.getName() + "::logs", code.root));
      answered(p.invoke("{}"));
      answered(p.invoke("{}"));
      assertTrue(p.lines.toString().contains("request-2 INFO  Log4j2 - hello there"), p.lines.toString());
      assertTrue(p.lines.toString().contains("request-2 WARN  Log4j2 - careful"), p.lines.toString());
    }
  }

  @Test
  void events() throws Exception {
    code.with(Events.class).library("com.amazonaws.services.lambda.runtime.events.SQSEvent").library("org.joda.time.DateTime");
    String[][] all = {
        {"sqs", "{\"Records\":[{\"messageId\":\"m\",\"body\":\"text\",\"eventSourceARN\":\"arn:x\",\"messageAttributes\":"
            + "{\"a\":{\"stringValue\":\"v\",\"dataType\":\"String\"}}}]}",
            "{\"batchItemFailures\":[{\"itemIdentifier\":\"text v arn:x\"}]}"},
        {"sns", "{\"Records\":[{\"EventSource\":\"aws:sns\",\"Sns\":{\"Message\":\"hi\",\"Timestamp\":\"1970-01-01T00:00:01.000Z\"}}]}",
            "\"hi 1000\""},
        {"s3", "{\"Records\":[{\"eventTime\":\"1970-01-01T00:00:00.000Z\",\"s3\":{\"bucket\":{\"name\":\"b\"},"
            + "\"object\":{\"key\":\"a+b\",\"size\":1}}}]}", "\"b/a b\""},
        {"kinesis", "{\"Records\":[{\"kinesis\":{\"data\":\"aGk=\",\"approximateArrivalTimestamp\":1428537600}}]}", "\"hi\""},
        {"dynamodb", "{\"Records\":[{\"dynamodb\":{\"NewImage\":{\"id\":{\"S\":\"x\"}},\"ApproximateCreationDateTime\":1}}]}", "\"x\""},
        {"scheduled", "{\"detail-type\":\"Scheduled Event\",\"time\":\"2026-01-01T00:00:00Z\",\"detail\":{}}", "\"Scheduled Event 2026\""},
        {"http", "{\"version\":\"2.0\",\"queryStringParameters\":{\"q\":\"x\"},\"requestContext\":{\"http\":{\"method\":\"GET\"}}}",
            "{\"statusCode\":201,\"body\":\"GET x\",\"isBase64Encoded\":false}"},
    };
    for (String[] c : all) {
      try (Platform p = new Platform()) {
        ready(p.init(Events.class.getName() + "::" + c[0], code.root));
        assertEquals(c[2], answered(p.invoke(c[1])), c[0]);
      }
    }
  }

  @Test
  void aSerializerOfItsOwn() throws Exception {
    code.with(Shapes.class).with(OwnSerializer.class).resource(
        "META-INF/services/com.amazonaws.services.lambda.runtime.CustomPojoSerializer", OwnSerializer.class.getName());
    try (Platform p = new Platform()) {
      ready(p.init(Shapes.class.getName() + "::text", code.root));
      assertEquals("written read [1]!", answered(p.invoke("[1]")));
    }
  }

  /** What a start consists of was written down, but for the function. */
  @Test
  void archive() throws Exception {
    assumeTrue(Platform.VERSION >= 17);
    String below = dir.resolve("start.jsa").toString();
    String above = dir.resolve("classes.jsa").toString();
    List<String> arguments = new ArrayList<>(Arrays.asList("archive", below, above));
    arguments.addAll(Platform.java("-Xmx256m"));
    assertEquals(0, Platform.bootstrap(Platform.java("-Xmx64m"), arguments.toArray(new String[0])).inheritIO().start().waitFor());
    code.with(Shapes.class);
    Path log = dir.resolve("loaded");
    try (Platform p = new Platform("-XX:SharedArchiveFile=" + below + ":" + above, "-Xlog:class+load:file=" + log)) {
      ready(p.init(Shapes.class.getName() + "::text", code.root));
      assertEquals("\"a!\"", answered(p.invoke("\"a\"")));
    }
    List<String> others = new ArrayList<>();
    for (String line : Files.readAllLines(log)) {
      if (line.contains(" source: jrt:") || line.contains(" source: file:") && !line.contains(" functions.")) {
        others.add(line);
      }
    }
    assertEquals(Collections.emptyList(), others);
  }

  @Test
  void lifeAndDeath() throws Exception {
    code.with(Shapes.class);
    try (Platform p = new Platform()) {
      for (int i = 0; i < 2; i++) { // before init, as one that waits is asked
        p.send(9, "", new byte[0]);
        assertEquals(10, p.answer().type);
      }
      ready(p.init(Shapes.class.getName() + "::text", code.root));
      assertEquals("\"a!\"", answered(p.invoke("\"a\"")));
      p.send(11, "", new byte[0]);
      assertEquals(0, p.exit());
    }
    try (Platform p = new Platform()) {
      ready(p.init(Shapes.class.getName() + "::text", code.root));
      p.hangUp();
      assertEquals(1, p.exit(), "the platform is gone");
    }
    try (Platform p = new Platform()) {
      p.send(200, "", new byte[0]);
      assertEquals(1, p.exit(), "a frame that nobody knows");
    }
    try (Platform p = new Platform()) {
      ready(p.init(Shapes.class.getName() + "::text", code.root));
      p.process.destroy();
      assertEquals(143, p.exit());
      assertFalse(p.process.isAlive());
    }
  }
}

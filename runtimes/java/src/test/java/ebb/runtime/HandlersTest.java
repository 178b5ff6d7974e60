package ebb.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.amazonaws.services.lambda.runtime.Context;
import functions.Shapes;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which handlers are found, and what they are called with. */
class HandlersTest {
  private static final String SHAPES = Shapes.class.getName();

  private static String call(String handler, String event) throws Throwable {
    Handler found = Handlers.load(handler, new ClassPath(HandlersTest.class.getClassLoader()), new Handlers.Objects());
    ByteArrayOutputStream frames = new ByteArrayOutputStream();
    Answer answer = new Answer(null, 1000);
    byte[] bytes = event.getBytes(StandardCharsets.UTF_8);
    found.handle(new Event(bytes, 0, bytes.length), context(), answer);
    answer.send(new Channel(null, frames), 1);
    byte[] frame = frames.toByteArray();
    return new String(frame, Channel.HEADER, frame.length - Channel.HEADER, StandardCharsets.UTF_8);
  }

  private static Context context() throws IOException {
    HashMap<String, String> env = new HashMap<>();
    env.put("AWS_LAMBDA_FUNCTION_NAME", "tested");
    return new InvocationContext(new Fixed(env, null), null, "the-id", Long.MAX_VALUE, "arn", "", "");
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
    "::text | \"a\" | \"a!\"",
    "::text | 5 | \"5!\"",
    "::number | 41 | 42",
    "::number | null | 1",
    "::number | \"41\" | 42",
    "::large | 12345678901 | 12345678902",
    "::fraction | 5 | 2.5",
    "::flag | false | true",
    "::list | [1,2] | [2,3]",
    "::list | 1 | [2]",
    "::map | {\"a\":{\"count\":1}} | {\"a\":{\"count\":2,\"ready\":false}}",
    "::item | {\"name\":\"x\",\"ready\":true,\"inner\":{\"open\":\"o\"},\"unknown\":[1]} | {\"name\":\"x of tested\",\"count\":0,\"ready\":true,\"inner\":{\"count\":0,\"ready\":false,\"open\":\"o\"}}",
    "::array | [{\"count\":3}] | [{\"count\":3,\"ready\":false}]",
    "::color | \"GREEN\" | \"GREEN\"",
    "::color | \"BLUE\" | null",
    "::optional | {\"maybe\":\"y\"} | \"y\"",
    "::time | {} | {\"at\":1.000000000}",
    "::bytes | \"AAEC\" | \"AAEC\"",
    "::nothing | {} | null",
    "::none | {} | null",
    "::only | {} | \"the-id\"",
    "::fixed | \"x\" | \"static x\"",
    "::in | \"text\" | null",
    "::out | {} | [\"out\"]",
    "::inContext | {} | null",
    "::outContext | {} | \"the-id\"",
    "::inOut | not JSON | not JSON",
    "::all | not JSON | not JSON",
    "::many | \"x\" | \"one and context\"",
    "::few | \"x\" | \"none\"",
    "$Streams | {} | {}",
    "$Streams::handleRequest | {} | {}",
    "$Typed | {\"name\":\"x\"} | [{\"name\":\"x\",\"count\":0,\"ready\":false}]",
    "$Typed::handleRequest | {\"name\":\"x\"} | [{\"name\":\"x\",\"count\":0,\"ready\":false}]",
    "$Derived | {\"a\":{\"name\":\"x\"}} | [\"x\"]",
    "$Derived::handleRequest | {\"a\":{\"name\":\"x\"}} | [\"x\"]",
    "$Derived::named | {\"name\":\"x\"} | \"named x\"",
    "$FromInterface | 4 | 8",
    "$Raw | {} | \"LinkedHashMap\"",
    "$NoInterface | \"x\" | \"by its name: x\"",
    "$Nothing | \"x\" | null",
    "$Hidden | \"x\" | \"x\"",
  })
  void calls(String handler, String event, String want) throws Throwable {
    assertEquals(want, call(SHAPES + handler, event));
  }

  @Test
  void anEventOfNoBytesIsNull() throws Throwable {
    assertEquals("\"null!\"", call(SHAPES + "::text", ""));
    assertEquals("", call(SHAPES + "::all", ""));
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
    "::x | Runtime.MalformedHandlerName | Invalid handler: `::x'",
    "functions.Shapes:: | Runtime.MalformedHandlerName | Invalid handler: `functions.Shapes::'",
    "functions.Nowhere | java.lang.ClassNotFoundException | Class not found: functions.Nowhere",
    "functions/Shapes | java.lang.NoClassDefFoundError | Error loading class functions/Shapes: ",
    "functions.Shapes::nowhere | Runtime.HandlerNotFound | No public method named nowhere with appropriate method signature found on class functions.Shapes",
    "functions.Shapes::wrong | Runtime.HandlerNotFound | No public method named wrong",
    "functions.Shapes$Empty | Runtime.HandlerNotFound | No public method named handleRequest",
    "functions.Shapes$Inner | java.lang.Exception | Class functions.Shapes$Inner cannot be instantiated because it is a non-static inner class",
    "functions.Shapes$Closed | java.lang.Exception | Class functions.Shapes$Closed has no public zero-argument constructor",
  })
  void refuses(String handler, String type, String message) {
    Fault fault = assertThrows(Fault.class, () -> call(handler, "{}"));
    // Class loaders disagree about names with slashes.
    if (!handler.contains("/") || fault.type.equals(type)) {
      assertEquals(type, fault.type);
      assertTrue(fault.getMessage().startsWith(message), fault.getMessage());
    }
  }

  @Test
  void badEventsAndAnswersSayWhichItWas() {
    RuntimeException e = assertThrows(RuntimeException.class, () -> call(SHAPES + "::number", "{"));
    assertEquals("An error occurred during JSON parsing", e.getMessage());
    e = assertThrows(RuntimeException.class, () -> call(SHAPES + "::loop", "{}"));
    assertEquals("An error occurred during JSON serialization of response", e.getMessage());
  }

  @Test
  void anAnswerKeepsNoMoreThanItsLimit() throws Throwable {
    Answer answer = new Answer(null, 10);
    answer.write(new byte[10]);
    assertTrue(!answer.tooLarge());
    answer.write(1);
    assertTrue(answer.tooLarge());
    answer.write(new byte[1 << 20]);
    assertEquals(4096, answer.finish().length, "the buffer has not grown");
    assertThrows(IOException.class, () -> answer.write(1));
  }

  @Test
  void clientContext() throws Throwable {
    SentContext sent = new SentContext("{\"custom\":{\"a\":\"b\",\"n\":5,\"o\":{\"x\":1},\"z\":null},"
        + "\"env\":{\"locale\":\"de\"},\"client\":{\"installation_id\":\"i\",\"app_title\":\"t\"}}");
    assertEquals("b", sent.getCustom().get("a"));
    assertEquals("5", sent.getCustom().get("n"));
    assertEquals("{\"x\":1}", sent.getCustom().get("o"));
    assertNull(sent.getCustom().get("z"));
    assertEquals("de", sent.getEnvironment().get("locale"));
    assertEquals("i", sent.getClient().getInstallationId());
    assertEquals("t", sent.getClient().getAppTitle());
    assertNull(sent.getClient().getAppPackageName());
    SentContext empty = new SentContext("{}");
    assertNull(empty.getCustom());
    assertNull(empty.getClient());
  }

  @ParameterizedTest
  @CsvSource({"17.0.15, 17.0.15", "1.8.0_392, 8.0.392", "25, 25", "26-ea, 26", "11.0.20.1, 11.0.20.1"})
  void versions(String java, String want) {
    assertEquals(want, Probe.version(java));
  }

  @Test
  void probe() throws Throwable {
    String told = Probe.describe();
    assertTrue(told.matches("\\{\"version\":\"[0-9.]+\",\"build\":\"[^\"]+\",\"executable\":\"/.*/bin/java\",\"mounts\":\\[\"/.*\"]}"), told);
  }

  /** Frames arrive in any pieces, and a length that is a lie costs nothing. */
  @Test
  void framesInPieces() throws Throwable {
    ByteArrayOutputStream sent = new ByteArrayOutputStream();
    Channel out = new Channel(null, sent);
    int[] sizes = {0, 1, 8167, 8168, 8169, 70000, 300000};
    for (int size : sizes) {
      out.send(Channel.INVOKE, 0, size, new byte[] {7}, new byte[size]);
    }
    for (int piece : new int[] {1, 11, 4096, 1 << 20}) {
      Channel in = new Channel(new ByteArrayInputStream(sent.toByteArray()) {
        @Override
        public synchronized int read(byte[] b, int from, int length) {
          return super.read(b, from, Math.min(length, piece));
        }
      }, null);
      for (int size : sizes) {
        assertTrue(in.next());
        assertEquals(size, in.stream);
        assertEquals(size, in.end - in.payload);
        assertEquals(7, in.body[in.head]);
      }
      assertTrue(!in.next());
    }
    byte[] lie = {127, -1, -1, -1, 3, 0, 0, 0, 0, 0, 0, 1, 5};
    assertTrue(!new Channel(new ByteArrayInputStream(lie), null).next());
    byte[] impossible = {0, 0, 0, 1, 3, 0, 0, 2, 0, 0, 0, 1, 5};
    assertThrows(IOException.class, () -> new Channel(new ByteArrayInputStream(impossible), null).next());
  }

  @Test
  void failures() {
    Exception cause = new Exception("cause");
    Exception e = new IllegalStateException("it broke: \u00fc\n\"", cause);
    cause.addSuppressed(e); // a circle
    Failure f = Failure.of(e);
    String doc = new String(f.document, StandardCharsets.UTF_8);
    assertTrue(doc.startsWith("{\"errorMessage\":\"it broke: \u00fc\\n\\\"\",\"errorType\":\"java.lang.IllegalStateException\",\"stackTrace\":["), doc);
    assertTrue(doc.contains("\"cause\":{\"errorMessage\":\"cause\",\"errorType\":\"java.lang.Exception\""), doc);
    assertTrue(!f.fatal);
    assertTrue(Failure.of(new StackOverflowError()).fatal);
    Failure broken = Failure.of(new RuntimeException() {
      @Override
      public String getMessage() {
        throw new IllegalStateException("even this");
      }
    });
    assertTrue(broken.type.startsWith("ebb.runtime.HandlersTest$"), broken.type);
  }
}

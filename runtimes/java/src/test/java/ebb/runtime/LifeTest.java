package ebb.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import functions.Life;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Hooks, and several invocations in one process. */
class LifeTest {
  private static final String LIFE = Life.class.getName();
  private static final int READY = 2;
  private static final int RESPONSE = 4;
  private static final int ERROR = 7;
  private static final int DONE = 13;

  @TempDir Path dir;
  private Package code;

  @BeforeEach
  void begin() throws Exception {
    code = new Package(dir).with(Life.class);
  }

  private static Platform.Frame hook(Platform p, String name) throws Exception {
    p.send(12, name + "\n" + (System.currentTimeMillis() + 10000), new byte[0]);
    return p.answer();
  }

  @Test
  void eachHookRunsWhenItsTimeHasCome() throws Exception {
    try (Platform p = new Platform()) {
      p.env.put("EBB_INITIALIZER", LIFE);
      p.env.put("EBB_PRE_FREEZE", LIFE + "::preFreeze");
      p.env.put("EBB_PRE_STOP", LIFE + "::end");
      assertEquals(READY, p.init(LIFE + "::seen", code.root).type);
      assertEquals(DONE, hook(p, "initializer").type);
      assertEquals(Collections.singletonList("beginning"), p.lines);
      for (int i = 0; i < 2; i++) {
        assertEquals(DONE, hook(p, "pre-freeze").type);
      }
      assertEquals(DONE, hook(p, "pre-stop").type);
      assertEquals("[\"initializetrue\",\"preFreeze\",\"preFreeze\",\"end\"]", p.invoke("{}").text());
    }
  }

  @Test
  void whatIsNotNamedDoesNothing() throws Exception {
    try (Platform p = new Platform()) {
      assertEquals(READY, p.init(LIFE + "::seen", code.root).type);
      for (String name : Arrays.asList("initializer", "pre-freeze", "pre-stop")) {
        assertEquals(DONE, hook(p, name).type);
      }
      assertEquals("[]", p.invoke("{}").text());
    }
  }

  @Test
  void aFailureIsToldAndEndsNothing() throws Exception {
    try (Platform p = new Platform()) {
      p.env.put("EBB_INITIALIZER", LIFE + "::fails");
      assertEquals(READY, p.init(LIFE + "::seen", code.root).type);
      for (int i = 0; i < 2; i++) {
        Platform.Frame f = hook(p, "initializer");
        assertEquals(ERROR, f.type);
        assertEquals("java.lang.IllegalStateException", f.head);
        assertTrue(f.text().contains("no database"), f.text());
      }
      assertEquals("[]", p.invoke("{}").text());
    }
  }

  @Test
  void anExitIsAnExit() throws Exception {
    try (Platform p = new Platform()) {
      p.env.put("EBB_PRE_STOP", LIFE + "::exits");
      assertEquals(READY, p.init(LIFE + "::seen", code.root).type);
      p.send(12, "pre-stop\n", new byte[0]);
      assertEquals(4, p.exit());
    }
  }

  @Test
  void aNameThatLeadsNowhereIsFoundAtOnce() throws Exception {
    for (String name : Arrays.asList(LIFE + "::nothing", "functions.Nobody::x")) {
      try (Platform p = new Platform()) {
        p.env.put("EBB_PRE_FREEZE", name);
        assertEquals(ERROR, p.init(LIFE + "::seen", code.root).type, name);
        assertEquals(1, p.exit());
      }
    }
  }

  @Test
  void severalAtOnce() throws Exception {
    try (Platform p = new Platform()) {
      p.places = 4;
      assertEquals(READY, p.init(LIFE + "::meets", code.root).type);
      for (int i = 1; i <= 4; i++) { // each waits for the others
        p.ask(String.valueOf(i));
      }
      Map<Integer, String> answers = new TreeMap<>();
      Map<Integer, String> lines = new TreeMap<>();
      while (answers.size() < 4) {
        Platform.Frame f = p.receive();
        if (f.type == 8) {
          lines.merge(f.stream, f.text(), (a, b) -> a + "," + b);
        } else {
          answers.put(f.stream, f.type == RESPONSE ? f.text() : f.head);
        }
      }
      for (int i = 1; i <= 4; i++) {
        assertEquals(i == 3 ? "java.lang.IllegalArgumentException" : "\"" + i + "request-" + i + "\"", answers.get(i));
        assertTrue(lines.get(i).startsWith("line " + i + ",end " + i), lines.toString());
      }
    }
  }
}

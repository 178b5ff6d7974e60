package ebb.runtime;

import java.io.File;
import java.io.IOException;

/** What the catalog asks a JVM that it found. */
final class Probe {
  private Probe() {}

  /** Version, program and what the program needs, as JSON. */
  static String describe() throws IOException {
    File home = new File(System.getProperty("java.home")).getCanonicalFile();
    String java = new File(home, "bin/java").getPath();
    return "{\"version\":" + quote(version(System.getProperty("java.version")))
        + ",\"build\":" + quote(System.getProperty("java.vm.version"))
        + ",\"executable\":" + quote(java) + ",\"mounts\":[" + quote(home.getPath()) + "]}";
  }

  /** Numbers and dots: 1.8.0_392 is 8.0.392, 25-ea is 25. */
  static String version(String version) {
    String numbers = version.replace('_', '.').replaceAll("[^0-9.].*", "");
    return numbers.startsWith("1.") ? numbers.substring(2) : numbers;
  }

  private static String quote(String s) {
    return "\"" + s.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
  }
}

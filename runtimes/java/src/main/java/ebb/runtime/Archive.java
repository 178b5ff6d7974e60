package ebb.runtime;

import java.io.File;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Makes the archive of ready-made classes, in two layers. What every start loads
 * lies by itself below: the JVM writes into each class that it takes, so that a
 * page is copied for it, and the fewer pages the classes are on the faster is the
 * start. Above is what functions usually need.
 */
final class Archive {
  private final List<String> java;
  private final String below;
  private final String above;

  private Archive(String below, String above, List<String> java) {
    this.java = java;
    this.below = below;
    this.above = above;
  }

  /** Makes both files; java is the JVM that they are for, with its options. */
  static void make(String below, String above, List<String> java) throws Exception {
    new Archive(below, above, java).make();
  }

  private void make() throws Exception {
    String list = below + ".list";
    run(Arrays.asList("-XX:DumpLoadedClassList=" + list), "start");
    // Only this collector writes objects down, and others can use some of them.
    run(Arrays.asList("-XX:-UseSerialGC", "-XX:+UseG1GC", "-Xshare:dump",
        "-XX:SharedClassListFile=" + list, "-XX:SharedArchiveFile=" + below), null);
    run(Arrays.asList("-XX:SharedArchiveFile=" + below, "-XX:ArchiveClassesAtExit=" + above), "train");
  }

  /** Runs the JVM with further options, and the bootstrap in it unless what is null. */
  private void run(List<String> options, String what) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(java);
    command.addAll(options);
    command.addAll(Arrays.asList("-Xlog:disable", "-Xlog:all=error:stderr", "-cp", System.getProperty("java.class.path")));
    if (what != null) {
      command.addAll(Arrays.asList(Bootstrap.class.getName(), what));
    }
    int code = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.INHERIT).start().waitFor();
    if (code != 0) {
      throw new IOException(String.join(" ", command) + " ended with " + code);
    }
    String made = what == null ? below : above;
    if (!"start".equals(what) && !new File(made).exists()) {
      throw new IOException(String.join(" ", command) + " has not made " + made);
    }
  }
}

package ebb.runtime;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/** The program: no argument = be a function's process. */
public final class Bootstrap {
  private static final int SOCKET = 3;

  private Bootstrap() {}

  public static void main(String[] args) throws Exception {
    if (args.length == 0) {
      run();
    } else if (args[0].equals("probe")) {
      System.out.println(Probe.describe());
    } else if (args[0].equals("start")) {
      Training.start();
    } else if (args[0].equals("train")) {
      Training.run();
    } else if (args[0].equals("archive")) {
      Archive.make(args[1], args[2], Arrays.asList(args).subList(3, args.length));
    } else {
      System.err.println("what is " + args[0] + "?");
      System.exit(2);
    }
  }

  private static void run() throws Exception {
    FileDescriptor fd = descriptor(SOCKET);
    InputStream in = new FileInputStream(fd);
    Channel channel = new Channel(in, new FileOutputStream(fd));
    Output output = new Output(channel);
    output.install();
    Warmup warmup = new Warmup(in);
    warmup.run();
    try {
      new Instance(channel, output, new Jvm(new Environment()), warmup).run();
    } catch (IOException e) {
      // As at the end of the stream: the platform is gone.
    }
    Runtime.getRuntime().halt(1);
  }

  /**
   * An open file descriptor as Java sees it. There is no other way to a socket
   * that was inherited as anything but standard input.
   */
  private static FileDescriptor descriptor(int fd) throws ReflectiveOperationException {
    FileDescriptor made = new FileDescriptor();
    Access.set(made, FileDescriptor.class, "fd", fd);
    return made;
  }
}

package ebb.runtime;

import java.io.File;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Where the function's classes come from: the task root, its lib/*.jar, the
 * layers' jars. They are put on the class path of the JVM itself, so that
 * everything that looks for classes (threads, service loaders, logging) finds
 * them as in a program started by hand.
 */
final class ClassPath {
  /** The handler interfaces: the runtime's own, whatever the function brings. */
  private static final String[] INTERFACES = {
    "Client", "ClientContext", "CognitoIdentity", "Context", "CustomPojoSerializer", "LambdaLogger", "LambdaRuntime",
    "LambdaRuntimeInternal", "RequestHandler", "RequestStreamHandler", "logging.LogFormat", "logging.LogLevel",
  };

  final ClassLoader loader;
  private final URLClassLoader own; // sees only what is the function's

  ClassPath(ClassLoader loader, URL... own) {
    this.loader = loader;
    this.own = new URLClassLoader(own, null);
  }

  /** Puts a function's classes on the class path. */
  static ClassPath with(String taskRoot) throws Exception {
    List<String> paths = new ArrayList<>();
    paths.add(taskRoot);
    jars(new File(taskRoot, "lib"), paths);
    jars(new File("/opt/java/lib"), paths);
    URL[] urls = new URL[paths.size()];
    for (int i = 0; i < urls.length; i++) {
      urls[i] = new File(paths.get(i)).toURI().toURL();
    }
    String bootstrap = System.getProperty("java.class.path", "");
    ClassLoader loader = ClassLoader.getSystemClassLoader();
    lead(loader, urls, new File(bootstrap).toURI().toURL());
    System.setProperty("java.class.path", bootstrap + File.pathSeparator + String.join(File.pathSeparator, paths));
    return new ClassPath(loader, urls);
  }

  /**
   * Has a loader look at urls before the bootstrap's large jar: that need not be
   * opened for a class that is the function's, and its own classes are in the
   * JVM's archive.
   */
  private static void lead(ClassLoader loader, URL[] urls, URL bootstrap) throws ReflectiveOperationException {
    for (String name : INTERFACES) {
      Class.forName("com.amazonaws.services.lambda.runtime." + name, false, loader);
    }
    URL[] all = Arrays.copyOf(urls, urls.length + 1);
    all[urls.length] = bootstrap;
    Object path = Access.get(new URLClassLoader(all, null), URLClassLoader.class, "ucp");
    Access.set(loader, loader.getClass().getSuperclass(), "ucp", path);
  }

  /** In the order of their names, whatever the file system says. */
  private static void jars(File directory, List<String> to) {
    String[] names = directory.list();
    if (names == null) {
      return;
    }
    Arrays.sort(names);
    for (String name : names) {
      if (name.endsWith(".jar")) {
        to.add(new File(directory, name).getPath());
      }
    }
  }

  /** False if nothing of the function's has that name. */
  boolean has(String resource) {
    return own.findResource(resource) != null;
  }
}

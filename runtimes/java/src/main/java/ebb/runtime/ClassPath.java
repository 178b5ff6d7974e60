package ebb.runtime;

import java.io.File;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Where the function's classes come from: the task root, its lib/*.jar, the
 * layers' jars. They are added to the class path of the JVM itself, so that
 * everything that looks for classes (threads, service loaders, logging) finds
 * them as in a program started by hand.
 */
final class ClassPath {
  private ClassPath() {}

  static void append(String taskRoot) throws Exception {
    List<String> paths = new ArrayList<>();
    paths.add(taskRoot);
    jars(new File(taskRoot, "lib"), paths);
    jars(new File("/opt/java/lib"), paths);
    ClassLoader loader = ClassLoader.getSystemClassLoader();
    StringBuilder all = new StringBuilder(System.getProperty("java.class.path", ""));
    for (String path : paths) {
      append(loader, path);
      all.append(File.pathSeparator).append(path);
    }
    System.setProperty("java.class.path", all.toString());
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

  private static void append(ClassLoader loader, String path) throws Exception {
    Method append = method(loader);
    append.invoke(loader, loader instanceof URLClassLoader ? new File(path).toURI().toURL() : path);
  }

  /** False if nothing on the class path has that name. The JVM's own modules are not asked, which takes long. */
  static boolean has(ClassLoader loader, String resource) {
    try {
      if (loader instanceof URLClassLoader) {
        return ((URLClassLoader) loader).findResource(resource) != null;
      }
      Method find = loader.getClass().getSuperclass().getDeclaredMethod("findResourceOnClassPath", String.class);
      find.setAccessible(true);
      return find.invoke(loader, resource) != null;
    } catch (ReflectiveOperationException | RuntimeException e) {
      return true; // perhaps: this JVM has no such method
    }
  }

  /** How a class path grows: in Java 8 by URL, later as the JVM does it for agents. */
  static Method method(ClassLoader loader) throws ReflectiveOperationException {
    Method append = loader instanceof URLClassLoader
        ? URLClassLoader.class.getDeclaredMethod("addURL", URL.class)
        : loader.getClass().getDeclaredMethod("appendToClassPathForInstrumentation", String.class);
    append.setAccessible(true);
    return append;
  }
}

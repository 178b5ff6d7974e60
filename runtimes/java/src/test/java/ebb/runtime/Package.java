package ebb.runtime;

import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;

/** A function's package as it lies in a box: classes, resources, lib/*.jar. */
final class Package {
  final Path root;

  Package(Path root) {
    this.root = root;
  }

  /** Adds a test class and the classes in it. */
  Package with(Class<?> type) throws IOException {
    return with(type, root);
  }

  private Package with(Class<?> type, Path to) throws IOException {
    File[] all = file(type).getParentFile().listFiles((d, n) ->
        n.equals(type.getSimpleName() + ".class") || n.startsWith(type.getSimpleName() + "$"));
    Path folder = Files.createDirectories(to.resolve(type.getPackage().getName().replace('.', '/')));
    for (File f : all) {
      Files.copy(f.toPath(), folder.resolve(f.getName()));
    }
    return this;
  }

  Package without(Class<?> type) throws IOException {
    Files.delete(root.resolve(type.getName().replace('.', '/') + ".class"));
    return this;
  }

  private static File file(Class<?> type) {
    return new File(type.getResource("/" + type.getName().replace('.', '/') + ".class").getFile());
  }

  /** Adds the jar that has a class of a library. */
  Package library(String className) throws IOException {
    try {
      Path jar = new File(Class.forName(className, false, Package.class.getClassLoader())
          .getProtectionDomain().getCodeSource().getLocation().toURI()).toPath();
      Files.copy(jar, Files.createDirectories(root.resolve("lib")).resolve(jar.getFileName()));
      return this;
    } catch (ClassNotFoundException | URISyntaxException e) {
      throw new IOException(e);
    }
  }

  /** Adds a jar with one class, in lib. */
  Package jar(String name, Class<?> type) throws IOException {
    Path file = Files.createDirectories(root.resolve("lib")).resolve(name);
    try (OutputStream out = Files.newOutputStream(file);
        JarOutputStream jar = new JarOutputStream(out);
        InputStream text = Files.newInputStream(file(type).toPath())) {
      jar.putNextEntry(new JarEntry(type.getName().replace('.', '/') + ".class"));
      byte[] bytes = new byte[1 << 16];
      for (int n = text.read(bytes); n > 0; n = text.read(bytes)) {
        jar.write(bytes, 0, n);
      }
      jar.closeEntry();
    }
    return this;
  }

  Package resource(String name, String text) throws IOException {
    Path file = root.resolve(name);
    Files.createDirectories(file.getParent());
    Files.write(file, text.getBytes(java.nio.charset.StandardCharsets.UTF_8));
    return this;
  }
}

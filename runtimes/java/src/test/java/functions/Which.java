package functions;

/** Is in several places of a package. */
public class Which {
  public String from() {
    String source = Which.class.getProtectionDomain().getCodeSource().getLocation().getPath();
    return source.endsWith(".jar") ? source.substring(source.lastIndexOf('/') + 1) : "task root";
  }
}

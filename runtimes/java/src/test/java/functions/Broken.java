package functions;

/** Classes that cannot be handlers. */
public class Broken {
  public static class Constructor {
    public Constructor() {
      System.out.println("constructing");
      throw new IllegalStateException("in the constructor");
    }

    public String handleRequest(String s) {
      return s;
    }
  }

  public static class Initializer {
    private static final int ZERO = "".length();
    public static final int NUMBER = 1 / ZERO;

    public String handleRequest(String s) {
      return s;
    }
  }

  public static class Parent {}

  public static class Child extends Parent {
    public String handleRequest(String s) {
      return s;
    }
  }
}

public class BrokenInit {
  private static final int[] NUMBERS = new int["x".length() - 2];

  public int handler() {
    return NUMBERS.length;
  }
}

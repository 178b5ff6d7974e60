public class CustomError extends Exception {
  public CustomError(String message) {
    super(message);
  }
}

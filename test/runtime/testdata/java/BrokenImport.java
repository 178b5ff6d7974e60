public class BrokenImport extends Gone {
  public String handler() {
    return "";
  }
}

package ebb.runtime;

/** A failure that is told with a type of its own instead of its class's name. */
final class Fault extends Exception {
  final String type;

  Fault(String type, String message, Throwable cause) {
    super(message, cause);
    this.type = type;
  }
}

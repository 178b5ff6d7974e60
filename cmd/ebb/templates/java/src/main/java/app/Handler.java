package app;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;

/** A function: handleRequest is called once per invocation. */
public class Handler implements RequestHandler<Map<String, Object>, Map<String, String>> {
  @Override
  public Map<String, String> handleRequest(Map<String, Object> event, Context context) {
    // event is the JSON that came in; what is returned goes out as JSON.
    Object name = event.getOrDefault("name", "world");
    context.getLogger().log("greeting " + name + ", " + context.getRemainingTimeInMillis() + " ms left");
    return Map.of("message", "Hello, " + name + "!");
  }
}

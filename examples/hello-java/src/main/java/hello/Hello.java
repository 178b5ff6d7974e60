package hello;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;

/** Says hello: to an invocation with {"name": …}, and to a browser on its URL. */
public class Hello implements RequestHandler<Hello.Event, Hello.Answer> {

  @Override
  public Answer handleRequest(Event event, Context context) {
    String name = event.name();
    context.getLogger().log("saying hello to " + name); // goes to the function's log
    return new Answer("Hello, " + name + ", from Java!", context.getFunctionName(), context.getAwsRequestId());
  }

  /** What both kinds of caller send: JSON becomes an object by its setters. */
  public static class Event {
    private String name;
    private Map<String, String> query; // from the function URL only

    public void setName(String name) {
      this.name = name;
    }

    public void setQueryStringParameters(Map<String, String> query) {
      this.query = query;
    }

    String name() {
      if (name != null) {
        return name;
      }
      return query == null ? "world" : query.getOrDefault("name", "world");
    }
  }

  /** What is answered: an object becomes JSON by its getters, and that a 200 on the URL. */
  public static class Answer {
    private final String message;
    private final String function;
    private final String requestId;

    Answer(String message, String function, String requestId) {
      this.message = message;
      this.function = function;
      this.requestId = requestId;
    }

    public String getMessage() {
      return message;
    }

    public String getFunction() {
      return function;
    }

    public String getRequestId() {
      return requestId;
    }
  }
}

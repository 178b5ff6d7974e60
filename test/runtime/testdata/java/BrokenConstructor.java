import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;

public class BrokenConstructor implements RequestHandler<String, String> {
  public BrokenConstructor() {
    throw new IllegalStateException("at construction");
  }

  @Override
  public String handleRequest(String event, Context context) {
    return event;
  }
}

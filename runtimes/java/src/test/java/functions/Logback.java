package functions;

import com.amazonaws.services.lambda.runtime.Context;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/** Logs through slf4j and logback, configured by a file in the package. */
public class Logback {
  private static final Logger LOG = LoggerFactory.getLogger(Logback.class);

  public void logs(Object event, Context context) {
    MDC.put("id", context.getAwsRequestId());
    LOG.info("hello {}", "there");
    LOG.debug("not this");
    LOG.error("it broke", new IllegalStateException("why"));
  }
}

package functions;

import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/** Logs through log4j 2 and AWS's appender for it. */
public class Log4j2 {
  private static final Logger LOG = LogManager.getLogger(Log4j2.class);

  public void logs() {
    LOG.info("hello there");
    LOG.warn("careful");
  }
}

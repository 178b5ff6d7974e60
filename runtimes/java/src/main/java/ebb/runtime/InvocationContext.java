package ebb.runtime;

import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.CognitoIdentity;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.LambdaLogger;
import java.io.IOException;

/** The context object that a handler gets. */
final class InvocationContext implements Context {
  private final Fixed fixed;
  private final LambdaLogger logger;
  private final String id;
  private final long deadline; // milliseconds since 1970
  private final String arn;
  private final String trace;
  private final ClientContext client;

  /** clientContext is JSON, or "". */
  InvocationContext(Fixed fixed, LambdaLogger logger, String id, long deadline, String arn, String trace,
      String clientContext) throws IOException {
    this.fixed = fixed;
    this.logger = logger;
    this.id = id;
    this.deadline = deadline;
    this.arn = arn;
    this.trace = trace;
    this.client = clientContext.isEmpty() ? null : new SentContext(clientContext);
  }

  @Override
  public String getAwsRequestId() {
    return id;
  }

  @Override
  public String getLogGroupName() {
    return fixed.group;
  }

  @Override
  public String getLogStreamName() {
    return fixed.stream;
  }

  @Override
  public String getFunctionName() {
    return fixed.name;
  }

  @Override
  public String getFunctionVersion() {
    return fixed.version;
  }

  @Override
  public String getInvokedFunctionArn() {
    return arn;
  }

  /** Never null; ebb knows no such identities. */
  @Override
  public CognitoIdentity getIdentity() {
    return NOBODY;
  }

  @Override
  public ClientContext getClientContext() {
    return client;
  }

  @Override
  public int getRemainingTimeInMillis() {
    return (int) Math.max(0, Math.min(Integer.MAX_VALUE, deadline - System.currentTimeMillis()));
  }

  @Override
  public int getMemoryLimitInMB() {
    return fixed.memory;
  }

  @Override
  public LambdaLogger getLogger() {
    return logger;
  }

  @Override
  public String getXrayTraceId() {
    return trace.isEmpty() ? null : trace;
  }

  @Override
  public String getTenantId() {
    return fixed.tenant;
  }

  @Override
  public String toString() {
    return "Context{awsRequestId=" + id + ", functionName=" + fixed.name + ", functionVersion=" + fixed.version + "}";
  }

  private static final CognitoIdentity NOBODY = new CognitoIdentity() {
    @Override
    public String getIdentityId() {
      return "";
    }

    @Override
    public String getIdentityPoolId() {
      return "";
    }
  };
}

// The context object that a handler gets.
'use strict';

const fixed = { name: '', version: '', memory: '', group: '', stream: '', tenant: undefined };

class Context {
  // describe takes what is the same for all invocations.
  static describe(env, tenantID) {
    fixed.tenant = tenantID;
    fixed.name = env.AWS_LAMBDA_FUNCTION_NAME;
    fixed.version = env.AWS_LAMBDA_FUNCTION_VERSION;
    fixed.memory = env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE;
    fixed.group = env.AWS_LAMBDA_LOG_GROUP_NAME;
    fixed.stream = env.AWS_LAMBDA_LOG_STREAM_NAME;
  }

  constructor(call, requestID, deadline, arn) {
    call.context = this;
    this.callbackWaitsForEmptyEventLoop = true;
    this.functionVersion = fixed.version;
    this.functionName = fixed.name;
    this.memoryLimitInMB = fixed.memory;
    this.logGroupName = fixed.group;
    this.logStreamName = fixed.stream;
    this.clientContext = undefined;
    this.identity = undefined;
    this.tenantId = fixed.tenant;
    this.invokedFunctionArn = arn;
    this.awsRequestId = requestID;
    // Own properties, because handlers take them apart: const { done } = context.
    this.getRemainingTimeInMillis = () => deadline - Date.now();
    this.done = (err, value) => {
      this.callbackWaitsForEmptyEventLoop = false;
      call.callback(err, value);
    };
    this.succeed = (value) => this.done(null, value);
    this.fail = (err) => this.done(err === undefined || err === null ? 'handled' : err);
  }
}

module.exports = { Context };

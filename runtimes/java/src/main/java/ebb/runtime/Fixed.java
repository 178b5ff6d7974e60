package ebb.runtime;

import java.util.Map;

/** What a context tells that is the same for all invocations. */
final class Fixed {
  final String name;
  final String version;
  final String group;
  final String stream;
  final int memory;
  final String tenant; // null = none

  Fixed(Map<String, String> env, String tenant) {
    this.tenant = tenant;
    name = env.get("AWS_LAMBDA_FUNCTION_NAME");
    version = env.get("AWS_LAMBDA_FUNCTION_VERSION");
    group = env.get("AWS_LAMBDA_LOG_GROUP_NAME");
    stream = env.get("AWS_LAMBDA_LOG_STREAM_NAME");
    String size = env.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
    memory = size == null ? 0 : Integer.parseInt(size);
  }
}

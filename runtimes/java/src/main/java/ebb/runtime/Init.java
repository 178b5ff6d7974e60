package ebb.runtime;

import java.io.IOException;
import java.util.HashMap;
import java.util.Map;

/** The payload of the init frame: what this process is to become. */
final class Init {
  String handler = "";
  String taskRoot = "";
  String arn = "";
  String tenant;
  final Map<String, String> env = new HashMap<>();
  int maxResponse = Integer.MAX_VALUE;
  int concurrency = 1;

  static Init read(byte[] json, int from, int to) throws IOException {
    Object sent = Plain.read(json, from, to, Map.class);
    if (sent == Plain.NOT) { // what is escaped, or not Latin, in an odd way
      sent = Json.mapper().readValue(json, from, to - from, Map.class);
    }
    Init init = new Init();
    for (Map.Entry<?, ?> e : ((Map<?, ?>) sent).entrySet()) {
      init.field((String) e.getKey(), e.getValue());
    }
    return init;
  }

  private void field(String name, Object value) {
    switch (name) {
      case "handler":
        handler = (String) value;
        break;
      case "taskRoot":
        taskRoot = (String) value;
        break;
      case "arn":
        arn = (String) value;
        break;
      case "tenantId":
        tenant = (String) value;
        break;
      case "maxResponse":
        long max = ((Number) value).longValue();
        maxResponse = max <= 0 ? maxResponse : (int) Math.min(max, Integer.MAX_VALUE - 64);
        break;
      case "concurrency":
        concurrency = Math.max(1, ((Number) value).intValue());
        break;
      case "env":
        for (Map.Entry<?, ?> e : ((Map<?, ?>) value).entrySet()) {
          env.put((String) e.getKey(), (String) e.getValue());
        }
        break;
      default: // of a newer platform
    }
  }
}

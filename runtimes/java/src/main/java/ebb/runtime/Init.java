package ebb.runtime;

import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.core.JsonFactory;
import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.core.JsonParser;
import com.amazonaws.lambda.thirdparty.com.fasterxml.jackson.core.JsonToken;
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
    Init init = new Init();
    try (JsonParser p = new JsonFactory().createParser(json, from, to - from)) {
      for (p.nextToken(); p.nextToken() == JsonToken.FIELD_NAME; ) {
        String name = p.getCurrentName();
        p.nextToken();
        init.field(name, p);
      }
    }
    return init;
  }

  private void field(String name, JsonParser p) throws IOException {
    switch (name) {
      case "handler":
        handler = p.getText();
        break;
      case "taskRoot":
        taskRoot = p.getText();
        break;
      case "arn":
        arn = p.getText();
        break;
      case "tenantId":
        tenant = p.getText();
        break;
      case "maxResponse":
        long max = p.getLongValue();
        maxResponse = max <= 0 ? maxResponse : (int) Math.min(max, Integer.MAX_VALUE - 64);
        break;
      case "concurrency":
        concurrency = Math.max(1, p.getIntValue());
        break;
      case "env":
        while (p.nextToken() == JsonToken.FIELD_NAME) {
          String key = p.getCurrentName();
          p.nextToken();
          env.put(key, p.getText());
        }
        break;
      default:
        p.skipChildren(); // of a newer platform
    }
  }
}

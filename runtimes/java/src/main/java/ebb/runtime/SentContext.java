package ebb.runtime;

import com.amazonaws.services.lambda.runtime.Client;
import com.amazonaws.services.lambda.runtime.ClientContext;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;

/** What the caller sent in X-Amz-Client-Context. */
final class SentContext implements ClientContext {
  private final Map<String, String> custom;
  private final Map<String, String> environment;
  private final Map<String, String> client;

  SentContext(String json) throws IOException {
    Map<?, ?> sent = Json.mapper().readValue(json, Map.class);
    custom = texts(sent.get("custom"));
    environment = texts(sent.get("env"));
    client = texts(sent.get("client"));
  }

  /** A JSON object's members as text; null if it is none. */
  private static Map<String, String> texts(Object value) throws IOException {
    if (!(value instanceof Map)) {
      return null;
    }
    Map<String, String> texts = new LinkedHashMap<>();
    for (Map.Entry<?, ?> e : ((Map<?, ?>) value).entrySet()) {
      boolean nested = e.getValue() instanceof Map || e.getValue() instanceof Iterable;
      String text = nested ? Json.mapper().writeValueAsString(e.getValue()) : String.valueOf(e.getValue());
      texts.put(String.valueOf(e.getKey()), e.getValue() == null ? null : text);
    }
    return texts;
  }

  @Override
  public Map<String, String> getCustom() {
    return custom;
  }

  @Override
  public Map<String, String> getEnvironment() {
    return environment;
  }

  @Override
  public Client getClient() {
    return client == null ? null : new Device();
  }

  /** The device part. */
  private final class Device implements Client {
    @Override
    public String getInstallationId() {
      return client.get("installation_id");
    }

    @Override
    public String getAppTitle() {
      return client.get("app_title");
    }

    @Override
    public String getAppVersionName() {
      return client.get("app_version_name");
    }

    @Override
    public String getAppVersionCode() {
      return client.get("app_version_code");
    }

    @Override
    public String getAppPackageName() {
      return client.get("app_package_name");
    }
  }
}

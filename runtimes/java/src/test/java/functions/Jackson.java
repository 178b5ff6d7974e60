package functions;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.LinkedHashMap;
import java.util.Map;

/** Brings a Jackson of its own, which is years older than the runtime's. */
public class Jackson {
  public static class Named {
    @JsonProperty("renamed")
    public String name;
  }

  /** In and out through both: the runtime's ignores the annotations of the other. */
  public Map<String, Object> both(Named event) throws Exception {
    ObjectMapper own = new ObjectMapper();
    Map<String, Object> m = new LinkedHashMap<>();
    m.put("version", own.version().toString());
    m.put("runtimes", event.name);
    m.put("own", own.readValue("{\"renamed\":\"y\"}", Named.class).name);
    m.put("written", own.writeValueAsString(event));
    return m;
  }
}

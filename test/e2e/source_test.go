package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// TestSourceDownAndUp: a folder that is gone, a store that does not answer and a
// Kafka whose broker is killed, read for records and for notifications: each
// trigger is shown as failing with the reason, measured, and told of on the bus;
// when its source is back, it works again by itself and that is told too.
func TestSourceDownAndUp(t *testing.T) {
	t.Parallel()
	k := kafkaBroker(t)
	for _, topic := range []string{"records", "notifications"} {
		if err := k.CreateTopic(t.Context(), topic, 1); err != nil {
			t.Fatal(err)
		}
	}
	var down atomic.Bool
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprint(w, `<ListBucketResult><Name>inbox</Name></ListBucketResult>`)
	}))
	defer store.Close()
	data := place(t)
	drop, config := filepath.Join(filepath.Dir(data), "drop"), within(t, "ebb.yaml", "directories:\n  - path: "+filepath.Dir(data)+"\n    services: ['*']\n")
	if err := os.Mkdir(drop, 0o700); err != nil {
		t.Fatal(err)
	}
	p := start(t, data, "--config", config)
	f := says
	f.Name = "f"
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]client.TriggerSettings{
		"alarm":    {Event: json.RawMessage(`{"pattern":{"source":["ebb.trigger"]}}`)},
		"folder":   {Directory: json.RawMessage(`{"path":"` + drop + `","complete":"rename","every":1}`)},
		"looks":    {Object: json.RawMessage(`{"bucket":"inbox","poll":{"endpoint":"` + store.URL + `","every":1}}`)},
		"notified": {Object: json.RawMessage(`{"bucket":"inbox","kafka":{"brokers":["` + k.Address + `"],"topic":"notifications"}}`)},
		"reads":    {Kafka: json.RawMessage(`{"brokers":["` + k.Address + `"],"topic":"records"}`)},
	} {
		s.Target = "f"
		if _, err := p.Client.CreateTrigger(t.Context(), name, s); err != nil {
			t.Fatal(err)
		}
	}
	sources := map[string]string{"folder": "directory", "looks": "object", "notified": "object", "reads": "kafka"}
	all := func(status, said string) {
		t.Helper()
		for name, kind := range sources {
			await(t, name+" that is "+status, func() bool {
				tr, err := p.Client.Trigger(t.Context(), name)
				return err == nil && tr.State.Status == status && (tr.State.Error != "") == (status == "failing") && (tr.State.Since != nil) == (status == "failing")
			})
			await(t, said+" of "+name, func() bool {
				for line := range strings.Lines(cli(t, p, 0, "logs", "f", "--limit", "1000")) {
					if strings.Contains(line, `"detail-type": "`+said+`"`) && strings.Contains(line, `"trigger": "`+name+`"`) && strings.Contains(line, `"kind": "`+kind+`"`) {
						return true
					}
				}
				return false
			})
			_, text := scrapeOf(t, p)
			if has := strings.Contains(text, `ebb_trigger_failing{kind="`+kind+`",service="000000000000",trigger="`+name+`"} 1`); has != (status == "failing") {
				t.Errorf("%s is %s, and measured as failing: %v", name, status, has)
			}
		}
	}
	await(t, "a bucket that was looked at", func() bool {
		tr, err := p.Client.Trigger(t.Context(), "looks")
		return err == nil && tr.State.Position != ""
	})
	down.Store(true)
	if err := os.Rename(drop, drop+"-gone"); err != nil {
		t.Fatal(err)
	}
	if err := k.Kill(); err != nil {
		t.Fatal(err)
	}
	all("failing", "Source Down")
	down.Store(false)
	if err := os.Rename(drop+"-gone", drop); err != nil {
		t.Fatal(err)
	}
	if err := k.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	all("active", "Source Up")
}

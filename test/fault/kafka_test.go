package fault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/trigger/kafka/kafkatest"
	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// TestKafkaKilled: ebb is killed while a function handles a batch, and again when
// offsets have been committed; every record is handled, and after the second time
// none of those that were committed comes again.
func TestKafkaKilled(t *testing.T) {
	dir := t.TempDir()
	b, err := kafkatest.Start(t.Context(), kafkatest.Config{Dir: filepath.Join(dir, "kafka")})
	if errors.Is(err, kafkatest.ErrNoJava) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Kill() }()
	if err := b.CreateTopic(t.Context(), "t", 1); err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Address))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	send := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: fmt.Appendf(nil, "r%04d", i)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}
	start := func() *platform.Platform {
		t.Helper()
		p, err := platform.Start(t.Context(), platform.Config{Data: filepath.Join(dir, "data")})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	p := start()
	if err := p.Create(t.Context(), platform.Function{Name: "f", Runtime: "nodejs", Handler: "index.handler", TimeoutS: 60, Files: map[string]string{"index.js": `
exports.handler = async (event) => {
  for (const r of Object.values(event.records)[0]) {
    const value = Buffer.from(r.value, 'base64').toString()
    console.log('got ' + value)
    if (value === 'r0050') await new Promise((go) => setTimeout(go, 3000))
  }
}`}}); err != nil {
		t.Fatal(err)
	}
	settings, err := json.Marshal(map[string]any{"brokers": []string{b.Address}, "topic": "t", "batchSize": 10, "window": 10})
	if err != nil {
		t.Fatal(err)
	}
	send(0, 100)
	if _, err := p.Client.CreateTrigger(t.Context(), "k", client.TriggerSettings{Target: "f", Kafka: settings}); err != nil {
		t.Fatal(err)
	}
	logs := func() string {
		t.Helper()
		out, stderr, code, err := p.CLI(t.Context(), "logs", "f", "--limit", "1000")
		if err != nil || code != 0 {
			t.Fatal(err, stderr)
		}
		return out
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		if err := platform.Poll(t.Context(), time.Minute, func() error {
			if !ok() {
				return errors.New("no sign of " + what)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	lag := func() int64 {
		tr, err := p.Client.Trigger(t.Context(), "k")
		if err != nil || tr.State.Lag == nil {
			return -1
		}
		return *tr.State.Lag
	}
	// What a killed process had not written yet of a log is lost: that is no proof.
	written := func(line string) func() bool {
		return func() bool {
			files, err := filepath.Glob(filepath.Join(dir, "data/logs/*/*/*.log"))
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err == nil && bytes.Contains(text, []byte(line)) {
					return true
				}
			}
			return err != nil
		}
	}
	until("the slow record", written("got r0050"))
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	p = start()
	until("the end", func() bool { return strings.Contains(logs(), "got r0099") && lag() == 0 })
	text := logs()
	for i := range 100 {
		if !strings.Contains(text, fmt.Sprintf("got r%04d", i)) {
			t.Errorf("record %d was not handled", i)
		}
	}
	if n := strings.Count(text, "got r0000"); n != 1 {
		t.Errorf("the first record, long committed, was handled %d times", n)
	}
	until("the last record in a file", written("got r0099"))
	if err := p.Kill(); err != nil { // all is committed
		t.Fatal(err)
	}
	p = start()
	defer func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	}()
	send(100, 101)
	until("what came later", func() bool { return strings.Contains(logs(), "got r0100") })
	if n := strings.Count(logs(), "got r0099"); n != 1 {
		t.Errorf("the last record, committed before ebb was killed, was handled %d times", n)
	}

}

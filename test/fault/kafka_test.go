package fault

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/trigger/kafka/kafkatest"
	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// reader is a platform whose function f reads a topic and logs each record.
type reader struct {
	*platform.Platform
	t    *testing.T
	data string
	cl   *kgo.Client
}

// newReader starts Kafka, a platform and the trigger k, with 100 records to read.
// The function is slow with the record r0050.
func newReader(t *testing.T) *reader {
	t.Helper()
	b, err := kafkatest.Start(t.Context(), kafkatest.Config{Dir: t.TempDir()})
	kafkatest.Check(t, err)
	t.Cleanup(func() { _ = b.Kill() })
	if err := b.CreateTopic(t.Context(), "t", 1); err != nil {
		t.Fatal(err)
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Address))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	data := place(t)
	r := &reader{Platform: start(t, data), t: t, data: data, cl: cl}
	create(t, r.Platform, node("f", `
exports.handler = async (event) => {
  for (const r of Object.values(event.records)[0]) {
    const value = Buffer.from(r.value, 'base64').toString()
    console.log('got ' + value)
    if (value === 'r0050') await new Promise((go) => setTimeout(go, 3000))
  }
}`))
	settings, err := json.Marshal(map[string]any{"brokers": []string{b.Address}, "topic": "t", "batchSize": 10, "window": 10})
	if err != nil {
		t.Fatal(err)
	}
	r.send(0, 100)
	if _, err := r.Client.CreateTrigger(t.Context(), "k", client.TriggerSettings{Target: "f", Kafka: settings}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *reader) send(from, to int) {
	r.t.Helper()
	for i := from; i < to; i++ {
		if err := r.cl.ProduceSync(r.t.Context(), &kgo.Record{Topic: "t", Value: fmt.Appendf(nil, "r%04d", i)}).FirstErr(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// again kills the platform and starts another on its data.
func (r *reader) again() {
	r.t.Helper()
	kill(r.t, r.Platform)
	r.Platform = start(r.t, r.data)
}

func (r *reader) until(what string, ok func() bool) {
	r.t.Helper()
	if err := platform.Poll(r.t.Context(), limit, func() error {
		if !ok() {
			return errors.New("no sign of " + what)
		}
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
}

// logged waits for a line in a file of the log.
func (r *reader) logged(line string) {
	r.t.Helper()
	if err := platform.Poll(r.t.Context(), limit, func() error { return r.Logged(line) }); err != nil {
		r.t.Fatal(err)
	}
}

// log is what the function has printed.
func (r *reader) log() string {
	r.t.Helper()
	out, errs, code, err := r.CLI(r.t.Context(), "logs", "f", "--limit", "1000")
	if err != nil || code != 0 {
		r.t.Fatal(err, errs)
	}
	return out
}

// done reports whether every record sent so far is committed.
func (r *reader) done() bool {
	tr, err := r.Client.Trigger(r.t.Context(), "k")
	return err == nil && tr.State.Lag != nil && *tr.State.Lag == 0
}

// TestKafkaKilled: ebb is killed while a function handles a batch, and again when
// offsets have been committed; every record is handled, and after the second time
// none of those that were committed comes again.
func TestKafkaKilled(t *testing.T) {
	r := newReader(t)
	r.logged("got r0050") // and the function is slow with it
	r.again()
	r.until("the end", func() bool { return strings.Contains(r.log(), "got r0099") && r.done() })
	text := r.log()
	for i := range 100 {
		if !strings.Contains(text, fmt.Sprintf("got r%04d", i)) {
			t.Errorf("record %d was not handled", i)
		}
	}
	if n := strings.Count(text, "got r0000"); n != 1 {
		t.Errorf("the first record, long committed, was handled %d times", n)
	}
	r.logged("got r0099")
	r.again() // all is committed
	r.send(100, 101)
	r.until("what came later", func() bool { return strings.Contains(r.log(), "got r0100") })
	if n := strings.Count(r.log(), "got r0099"); n != 1 {
		t.Errorf("the last record, committed before ebb was killed, was handled %d times", n)
	}
}

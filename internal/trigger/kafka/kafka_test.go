package kafka_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/trigger/kafka"
)

// TestEvent: what a function gets is what Lambda gives, to the byte; when it has
// answered, that is committed.
func TestEvent(t *testing.T) {
	c := cluster(t)
	b, name := open(t), topic(t, c, 1)
	events := make(chan string, 10)
	b.serve(func(_ []seen, payload []byte) (string, bool, error) {
		events <- string(payload)
		return "null", false, nil
	})
	cl := client(t, c.Address)
	at := time.UnixMilli(1545084650987)
	produce(t, cl,
		&kgo.Record{Topic: name, Key: []byte("k\x00"), Value: []byte("Hello, this is a test."), Timestamp: at,
			Headers: []kgo.RecordHeader{{Key: "headerKey", Value: []byte("header\xe9")}, {Key: "empty"}}},
		&kgo.Record{Topic: name, Value: []byte{}, Timestamp: at}, &kgo.Record{Topic: name, Key: []byte("gone"), Timestamp: at})
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name}, nil)
	want := `{"eventSource":"SelfManagedKafka","bootstrapServers":"` + c.Address + `","records":{"` + name + `-0":[` +
		`{"topic":"` + name + `","partition":0,"offset":0,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"awA=","value":"SGVsbG8sIHRoaXMgaXMgYSB0ZXN0Lg==",` +
		`"headers":[{"headerKey":[104,101,97,100,101,114,-23]},{"empty":[]}]},` +
		`{"topic":"` + name + `","partition":0,"offset":1,"timestamp":1545084650987,"timestampType":"CREATE_TIME","value":"","headers":[]},` +
		`{"topic":"` + name + `","partition":0,"offset":2,"timestamp":1545084650987,"timestampType":"CREATE_TIME","key":"Z29uZQ==","headers":[]}]}}`
	select {
	case got := <-events:
		if got != want {
			t.Errorf("event\n%s, want\n%s", got, want)
		}
	case <-time.After(limit):
		t.Fatalf("no event; %+v", b.did(tr))
	}
	await(t, "the commit", func() bool { return committed(t, cl, string(tr.ID), name, 1)[0] == 3 })
	await(t, "the count", func() bool {
		c := b.did(tr)
		return c.Taken == 3 && c.Delivered == 3 && c.Result == "" && !c.ResultAt.IsZero()
	})
	await(t, "the position", func() bool {
		ps, err := b.Positions(t.Context(), tr)
		return err == nil && len(ps) == 1 && ps[0].Position == 3 && ps[0].Lag() == 0 && ps[0].Part == name+"-0"
	})
}

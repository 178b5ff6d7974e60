package kafka_test

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/trigger/kafka"
)

const paymentSchema = `{"type":"record","name":"Payment","namespace":"bank","fields":[{"name":"id","type":"string"},{"name":"cents","type":"long"},` +
	`{"name":"note","type":["null","string"]},{"name":"by","type":["null",{"type":"record","name":"Who","fields":[{"name":"name","type":"string"}]}]},` +
	`{"name":"raw","type":"bytes"},{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}}]}`

// framed puts a schema's number before content.
func framed(id uint32, content []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, id), content...)
}

// TestSchemaRegistry: Avro comes as JSON and JSON is checked, with what schema they
// have; what is not as its schema says, or names none, is given up and blocks
// nothing; a registry that is away is waited for.
func TestSchemaRegistry(t *testing.T) {
	c := cluster(t)
	var away atomic.Bool
	away.Store(true)
	registry := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case away.Load():
			w.WriteHeader(http.StatusServiceUnavailable)
		case user != "ebb" || password != "pass":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Path == "/schemas/ids/1":
			_, _ = fmt.Fprintf(w, `{"schema":%q}`, paymentSchema)
		case r.URL.Path == "/schemas/ids/2":
			_, _ = fmt.Fprintf(w, `{"schemaType":"JSON","schema":%q}`, `{"type":"object","required":["a"]}`)
		case r.URL.Path == "/schemas/ids/3":
			_, _ = fmt.Fprintf(w, `{"schemaType":"PROTOBUF","schema":%q}`, `syntax = "proto3"; message M {}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = fmt.Fprint(w, `{"error_code":40403,"message":"Schema not found"}`)
		}
	}))
	defer registry.Close()
	b, name := open(t), topic(t, c, 1)
	b.secrets = map[string]string{"registry": `{"username":"ebb","password":"pass"}`}
	events := make(chan string, 10)
	got := b.calls(ok)
	answer := b.handle
	b.serve(func(rs []seen, payload []byte) (string, bool, error) {
		events <- string(payload)
		return answer(rs, payload)
	})
	content, err := avro.Marshal(avro.MustParse(paymentSchema), map[string]any{"id": "p1", "cents": int64(5), "note": map[string]any{"string": "hi"},
		"by": map[string]any{"bank.Who": map[string]any{"name": "Ann"}}, "raw": []byte{0xe9}, "at": int64(1545084650987)})
	if err != nil {
		t.Fatal(err)
	}
	cl := client(t, c.Address)
	for _, v := range [][]byte{framed(1, content), framed(2, []byte(`{"a":1}`)), framed(2, []byte(`{"b":1}`)), framed(1, []byte{0xff}), framed(9, nil), framed(3, nil), []byte("none")} {
		produce(t, cl, &kgo.Record{Topic: name, Value: v})
	}
	tr := b.reads(kafka.Settings{Brokers: []string{c.Address}, Topic: name, Registry: &kafka.Registry{URL: registry.URL, Validate: []string{kafka.AttrValue},
		Access: []kafka.Access{{Type: kafka.BasicAuth, Secret: "secret://registry"}}}}, func(t *ebb.Trigger) { t.OnFailure = "arn:aws:s3:::failures" })
	await(t, "the trouble", func() bool { return strings.Contains(b.did(tr).Result, "schema registry") })
	away.Store(false)
	b.after(cl, tr, name, 7, got)
	want := `{"at":1545084650987,"by":{"name":"Ann"},"cents":5,"id":"p1","note":"hi","raw":"é"} {"a":1}`
	if all := strings.Join(got(), " "); all != want {
		t.Errorf("the function got %s, want %s", all, want)
	}
	if event := <-events; !strings.Contains(event, `"valueSchemaMetadata":{"dataFormat":"AVRO","schemaId":"1"}`) {
		t.Errorf("event %s", event)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.sent) != 5 || strings.Count(strings.Join(b.sent, ""), "RecordUnreadable") != 5 {
		t.Errorf("given up: %q", b.sent)
	}
}

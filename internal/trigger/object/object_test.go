package object

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const limit = 30 * time.Second

// rig is the kind over a real store; what it sends is kept by task.
type rig struct {
	*Kind
	t    *testing.T
	s    *store.Store
	mu   sync.Mutex
	sent map[ebb.MessageID]string
	fail error // of Send
}

func open(t *testing.T) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "ebb.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{t: t, s: s, sent: make(map[ebb.MessageID]string)}
	r.Kind = New(Deps{
		Store: s, Log: slog.New(slog.DiscardHandler), Region: "eu-central-1", URL: func() string { return "http://gate" },
		Send: func(_ context.Context, _ *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error) {
			return func(*store.Tx) error {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.sent[id] = string(event)
				return nil
			}, r.fail
		},
		Bucket: func(_ context.Context, _ ebb.ServiceID, bucket string) error {
			if bucket == "none" {
				return errors.New("there is no bucket none")
			}
			return nil
		},
		Resolve: func(_ context.Context, _ ebb.ServiceID, values map[string]string) (map[string]string, error) {
			if values["secret"] != "secret://key" {
				return nil, ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "no such secret")
			}
			return map[string]string{"secret": "s3cr3t"}, nil
		},
	})
	return r
}

func (r *rig) tasks() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []string
	for _, event := range r.sent {
		all = append(all, event)
	}
	return all
}

func (r *rig) await(n int) []string {
	r.t.Helper()
	for end := time.Now().Add(limit); ; {
		if all := r.tasks(); len(all) >= n {
			return all
		}
		if time.Now().After(end) {
			r.t.Fatalf("%d events, want %d: %v", len(r.tasks()), n, r.tasks())
		}
		<-time.After(5 * time.Millisecond)
	}
}

// put makes a trigger as package trigger does.
func (r *rig) put(name, settings string) (*ebb.Trigger, error) {
	t := &ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: ebb.DefaultService, Name: name}, ID: ebb.TriggerID("id-" + name),
		Kind: ebb.TriggerObject, Target: "f", Revision: 1, Settings: json.RawMessage(settings)}
	var err error
	if t.Settings, err = r.Check(r.t.Context(), t); err != nil {
		return nil, err
	}
	return t, r.s.Tx(r.t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertTrigger(t); err != nil {
			return err
		}
		return r.Set(tx, nil, t)
	})
}

func (r *rig) must(name, settings string) *ebb.Trigger {
	r.t.Helper()
	t, err := r.put(name, settings)
	if err != nil {
		r.t.Fatal(err)
	}
	return t
}

// pause pauses or resumes a trigger.
func (r *rig) pause(t *ebb.Trigger, paused bool) {
	r.t.Helper()
	t.Paused = paused
	if err := r.s.Tx(r.t.Context(), func(tx *store.Tx) error { return tx.UpdateTrigger(t) }); err != nil {
		r.t.Fatal(err)
	}
	t.Revision++
}

// source runs a trigger's source until what it returns is called.
func (r *rig) source(t *ebb.Trigger) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	up, done := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		done <- r.Source(t).Run(ctx, func() {
			select {
			case up <- struct{}{}:
			default:
			}
		})
	}()
	select {
	case <-up:
	case err := <-done:
		r.t.Fatal(err)
	case <-time.After(limit):
		r.t.Fatal("the source does not come up")
	}
	return func() error {
		cancel()
		return <-done
	}
}

func (r *rig) state(t *ebb.Trigger) (s *ebb.TriggerState) {
	r.t.Helper()
	if err := r.s.Read(r.t.Context(), func(tx *store.Tx) (err error) {
		s, err = tx.TriggerState(t.ID)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return s
}

func created(key string) *ebb.ObjectEvent {
	return &ebb.ObjectEvent{Name: "ObjectCreated:Put", Bucket: "inbox", Owner: "000000000000", Key: key, Size: 11, ETag: "e", Sequencer: "0A",
		Time: time.Date(2026, 11, 22, 19, 0, 24, 512e6, time.UTC), Principal: "p", SourceIP: "10.0.0.1", RequestID: "r", HostID: "h"}
}

// TestRecord: the record is S3's, member by member.
func TestRecord(t *testing.T) {
	r := open(t)
	tr := r.must("t", `{"bucket":"inbox","events":["s3:ObjectCreated:*","s3:ObjectRemoved:*","s3:ObjectTagging:*"],"prefix":"in/"}`)
	if err := r.Happened(t.Context(), created("in/a b+ü.csv")); err != nil {
		t.Fatal(err)
	}
	want := `{"Records":[{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"eu-central-1","eventTime":"2026-11-22T19:00:24.512Z","eventName":"ObjectCreated:Put",` +
		`"userIdentity":{"principalId":"p"},"requestParameters":{"sourceIPAddress":"10.0.0.1"},"responseElements":{"x-amz-id-2":"h","x-amz-request-id":"r"},` +
		`"s3":{"s3SchemaVersion":"1.0","configurationId":"t","bucket":{"name":"inbox","ownerIdentity":{"principalId":"000000000000"},"arn":"arn:aws:s3:::inbox"},` +
		`"object":{"key":"in/a+b%2B%C3%BC.csv","size":11,"eTag":"e","sequencer":"0A"}}}]}`
	if got := r.await(1)[0]; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for name, object := range map[string]string{
		"ObjectRemoved:Delete":              `{"key":"in/k","versionId":"v","sequencer":"0A"}`,
		"ObjectRemoved:DeleteMarkerCreated": `{"key":"in/k","eTag":"d41d8cd98f00b204e9800998ecf8427e","versionId":"v","sequencer":"0A"}`,
		"ObjectTagging:Put":                 `{"key":"in/k","eTag":"e","versionId":"v"}`,
	} {
		e := created("in/k")
		e.Name, e.Version = name, "v"
		s, err := read(tr)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := encode(r.shape(s, e).S3.Object); err != nil || string(got) != object {
			t.Errorf("%s: %s, %v", name, got, err)
		}
	}
	sample, err := r.Sample(t.Context(), tr)
	if err != nil || !strings.Contains(string(sample), `"key":"in/test/key"`) {
		t.Errorf("sample: %s, %v", sample, err)
	}
}

// TestRecordedShapes compares records with recorded ones, where those are at hand:
// each has the members that S3's has.
func TestRecordedShapes(t *testing.T) {
	text, err := os.ReadFile("../../../../shared/conformance/s3/notifications.json")
	if err != nil {
		t.Skip("the conformance data is not here")
	}
	var all any
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	r, n := open(t), 0
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			name, plain := v["eventName"].(string)
			if !plain || v["s3"] == nil {
				for _, e := range v {
					walk(e)
				}
				return
			}
			n++
			e := created("k")
			e.Name = name
			if object := v["s3"].(map[string]any)["object"].(map[string]any); object["versionId"] != nil {
				e.Version = "v"
			}
			if extra := v["glacierEventData"]; extra != nil {
				var err error
				if e.Glacier, err = json.Marshal(extra); err != nil {
					t.Fatal(err)
				}
			}
			mine, err := json.Marshal(r.shape(&Settings{ID: "c"}, e))
			if err != nil {
				t.Fatal(err)
			}
			var got map[string]any
			if err := json.Unmarshal(mine, &got); err != nil {
				t.Fatal(err)
			}
			if a, b := members("", got), members("", v); a != b || got["eventVersion"] != v["eventVersion"] {
				t.Errorf("%s:\ngot  %s\nwant %s", name, a, b)
			}
		}
	}
	walk(all)
	if n < 30 {
		t.Errorf("only %d records were found", n)
	}
}

// TestShapes: which members a record has depends on what happened; the rest is the
// same in all.
func TestShapes(t *testing.T) {
	const always = "awsRegion eventName eventSource eventTime eventVersion requestParameters.sourceIPAddress responseElements.x-amz-id-2 " +
		"responseElements.x-amz-request-id s3.bucket.arn s3.bucket.name s3.bucket.ownerIdentity.principalId s3.configurationId s3.s3SchemaVersion userIdentity.principalId"
	r := open(t)
	for _, c := range []struct{ name, version, eventVersion, object, more string }{
		{"ObjectCreated:Put", "", "2.1", "eTag key sequencer size", ""},
		{"ObjectCreated:Put", "v", "2.1", "eTag key sequencer size versionId", ""},
		{"ObjectCreated:Post", "", "2.1", "eTag key sequencer size", ""},
		{"ObjectCreated:Copy", "", "2.1", "eTag key sequencer size", ""},
		{"ObjectCreated:CompleteMultipartUpload", "", "2.1", "eTag key sequencer size", ""},
		{"ObjectRemoved:Delete", "", "2.1", "key sequencer", ""},
		{"ObjectRemoved:Delete", "v", "2.1", "key sequencer versionId", ""},
		{"ObjectRemoved:DeleteMarkerCreated", "v", "2.1", "eTag key sequencer versionId", ""},
		{"ObjectTagging:Put", "", "2.3", "eTag key", ""},
		{"ObjectTagging:Delete", "", "2.3", "eTag key", ""},
		{"ObjectAcl:Put", "", "2.3", "eTag key", ""},
		{"ObjectRestore:Post", "", "2.1", "eTag key sequencer size", ""},
		{"ObjectRestore:Completed", "", "2.1", "eTag key sequencer size",
			"glacierEventData.restoreEventData.lifecycleRestorationExpiryTime glacierEventData.restoreEventData.lifecycleRestoreStorageClass"},
	} {
		e := created("k")
		e.Name, e.Version = c.name, c.version
		if c.more != "" {
			e.Glacier = json.RawMessage(`{"restoreEventData":{"lifecycleRestorationExpiryTime":"2026-12-01T00:00:00.000Z","lifecycleRestoreStorageClass":"GLACIER"}}`)
		}
		text, err := json.Marshal(r.shape(&Settings{ID: "c"}, e))
		if err != nil {
			t.Fatal(err)
		}
		// What another store sends is handed on with the same members.
		back, err := parse([]byte(`{"Records":[` + string(text) + `]}`))
		if err != nil || len(back) != 1 {
			t.Fatalf("%s: %v", c.name, err)
		}
		again, err := json.Marshal(r.shape(&Settings{ID: "c"}, &back[0]))
		if err != nil || string(again) != string(text) {
			t.Errorf("%s: %s became %s (%v)", c.name, text, again, err)
		}
		var got map[string]any
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		want := strings.Fields(always + " " + c.more)
		for _, member := range strings.Fields(c.object) {
			want = append(want, "s3.object."+member)
		}
		slices.Sort(want)
		var names []string
		for _, m := range strings.Fields(members("", got)) {
			names = append(names, strings.TrimPrefix(m[:strings.LastIndexByte(m, ':')], "."))
		}
		slices.Sort(names)
		if !slices.Equal(names, want) || got["eventVersion"] != c.eventVersion {
			t.Errorf("%s %s: version %v, members %v\nwant %v", c.name, c.version, got["eventVersion"], names, want)
		}
	}
}

func members(at string, v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		return at + ":" + fmt.Sprintf("%T", v) + " "
	}
	var names []string
	for name := range m {
		names = append(names, name)
	}
	out := ""
	for i := range names { // in order
		for j := range i {
			if names[i] < names[j] {
				names[i], names[j] = names[j], names[i]
			}
		}
	}
	for _, name := range names {
		out += members(at+"."+name, m[name])
	}
	return out
}

func TestRulesAndFilters(t *testing.T) {
	r := open(t)
	tr := r.must("csv", `{"bucket":"inbox","prefix":"in/","suffix":".csv"}`)
	tr.Filters = []json.RawMessage{json.RawMessage(`{"s3":{"object":{"size":[{"numeric":[">",5]}]}}}`)}
	if err := r.s.Tx(t.Context(), func(tx *store.Tx) error { return tx.UpdateTrigger(tr) }); err != nil {
		t.Fatal(err)
	}
	small := created("in/small.csv")
	small.Size = 1
	other, removed := created("in/a.csv"), created("in/a.csv")
	other.Bucket, removed.Name = "outbox", "ObjectRemoved:Delete"
	for _, e := range []*ebb.ObjectEvent{created("in/a.txt"), created("out/a.csv"), other, removed, small, created("in/a.csv")} {
		if err := r.Happened(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if all := r.tasks(); len(all) != 1 || !strings.Contains(all[0], `"key":"in/a.csv"`) {
		t.Errorf("got %v", all)
	}
	if s := r.state(tr); s.Fired != 1 || s.Skipped != 1 {
		t.Errorf("state %+v", s)
	}
}

// TestDuplicates: an event that is told twice is one task; another one of the key
// is another.
func TestDuplicates(t *testing.T) {
	r := open(t)
	r.must("t", `{"bucket":"inbox"}`)
	again := created("k")
	again.Sequencer = "0B"
	for _, e := range []*ebb.ObjectEvent{created("k"), created("k"), again} {
		if err := r.Happened(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if all := r.tasks(); len(all) != 2 {
		t.Errorf("got %v", all)
	}
}

func TestOverlap(t *testing.T) {
	r := open(t)
	r.must("first", `{"bucket":"inbox","events":["s3:ObjectCreated:*"],"prefix":"in/","suffix":".csv"}`)
	for _, settings := range []string{
		`{"bucket":"inbox"}`,
		`{"bucket":"inbox","prefix":"in/2026/"}`,
		`{"bucket":"inbox","events":["s3:ObjectRemoved:*","s3:ObjectCreated:Put"],"suffix":"x.csv"}`,
	} {
		if _, err := r.put("second", settings); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), "trigger first") {
			t.Errorf("%s: %v", settings, err)
		}
	}
	for i, settings := range []string{
		`{"bucket":"inbox","prefix":"out/"}`,
		`{"bucket":"inbox","prefix":"in/","suffix":".txt"}`,
		`{"bucket":"inbox","events":["s3:ObjectRemoved:*"]}`,
		`{"bucket":"other","prefix":"in/"}`,
	} {
		r.must(fmt.Sprint("fine", i), settings)
	}
}

func TestCheckRefuses(t *testing.T) {
	r := open(t)
	for settings, says := range map[string]string{
		`{}`:                            "object.bucket",
		`{"bucket":"none"}`:             "there is no bucket none",
		`{"bucket":"inbox","colour":1}`: "unknown field",
		`{"bucket":"inbox","events":["s3:Gone"]}`:                                                   "object.events[0]",
		`{"bucket":"inbox","events":["ObjectCreated:*"]}`:                                           "object.events[0]",
		`{"bucket":"inbox","webhook":{"secret":"plain"}}`:                                           "object.webhook.secret",
		`{"bucket":"inbox","webhook":{"secret":"secret://gone"}}`:                                   "no such secret",
		`{"bucket":"inbox","kafka":{"topic":"t"}}`:                                                  "object.kafka.brokers",
		`{"bucket":"inbox","kafka":{"brokers":["b:9092"],"topic":"t","mechanism":"MD5"}}`:           "object.kafka.mechanism",
		`{"bucket":"inbox","kafka":{"brokers":["b:9092"],"topic":"t","ca":"none"}}`:                 "object.kafka.ca",
		`{"bucket":"inbox","poll":{"endpoint":"store"}}`:                                            "object.poll.endpoint",
		`{"bucket":"inbox","poll":{"endpoint":"http://x"},"events":["s3:ObjectTagging:*"]}`:         "who looks at a bucket",
		`{"bucket":"inbox","poll":{"endpoint":"http://x"},"webhook":{"secret":"secret://key"}}`:     "only one of",
		`{"bucket":"inbox","poll":{"endpoint":"http://x","accessKeyId":"a"}}`:                       "go together",
		`{"bucket":"inbox","poll":{"endpoint":"http://x","accessKeyId":"a","secretAccessKey":"p"}}`: "secretAccessKey",
	} {
		if _, err := r.put("t", settings); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", settings, err, says)
		}
	}
}

// TestPaused: what comes for a paused trigger is delivered when it is resumed, in
// order, and what its target does not take is counted.
func TestPaused(t *testing.T) {
	r := open(t)
	tr := r.must("t", `{"bucket":"inbox"}`)
	r.pause(tr, true)
	for i := range 250 {
		if err := r.Happened(t.Context(), created(fmt.Sprint("k", i))); err != nil {
			t.Fatal(err)
		}
	}
	if all := r.tasks(); len(all) != 0 {
		t.Fatalf("delivered while paused: %d", len(all))
	}
	r.pause(tr, false)
	stop := r.source(tr)
	r.await(250)
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	r.fail = ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Function not found: f")
	if err := r.Happened(t.Context(), created("refused")); err != nil {
		t.Fatal(err)
	}
	r.fail = errors.New("database away")
	if err := r.Happened(t.Context(), created("later")); err == nil {
		t.Error("an event that could not be written was taken")
	}
	if s := r.state(tr); s.Fired != 250 || s.Failed != 1 || !strings.Contains(s.Error, "not found") {
		t.Errorf("state %+v", s)
	}
}

const minio = `{"EventName":"s3:ObjectCreated:Put","Key":"inbox/in/a%20b.csv","Records":[{"eventVersion":"2.0","eventSource":"minio:s3","awsRegion":"",
"eventTime":"2026-11-22T19:00:24.512Z","eventName":"s3:ObjectCreated:Put","userIdentity":{"principalId":"minioadmin"},
"requestParameters":{"principalId":"minioadmin","region":"","sourceIPAddress":"10.0.0.9"},"responseElements":{"x-amz-id-2":"h","x-amz-request-id":"r"},
"s3":{"s3SchemaVersion":"1.0","configurationId":"Config","bucket":{"name":"inbox","ownerIdentity":{"principalId":"minioadmin"},"arn":"arn:aws:s3:::inbox"},
"object":{"key":"in%2Fa+b.csv","size":3,"eTag":"abc","contentType":"text/csv","sequencer":"17A"}},"source":{"host":"10.0.0.9"}}]}`

func TestParse(t *testing.T) {
	ceph := `{"Records":[{"eventVersion":"2.1","eventSource":"ceph:s3","awsRegion":"zone","eventTime":"2026-11-22T19:00:24.512345Z","eventName":"ObjectCreated:Put",
		"s3":{"bucket":{"name":"inbox"},"object":{"key":"in/a b+c.csv","size":3,"eTag":"\"abc\"","sequencer":"17A"}}}]}`
	wrapped, err := json.Marshal(map[string]string{"Type": "Notification", "Message": minio})
	if err != nil {
		t.Fatal(err)
	}
	for text, key := range map[string]string{minio: "in/a b.csv", ceph: "in/a b+c.csv", string(wrapped): "in/a b.csv"} {
		es, err := parse([]byte(text))
		if err != nil || len(es) != 1 || es[0].Key != key || es[0].Name != "ObjectCreated:Put" || es[0].ETag != "abc" || es[0].Size != 3 || es[0].Sequencer != "17A" {
			t.Errorf("%+v, %v", es, err)
		}
	}
	if es, err := parse([]byte(`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}`)); err != nil || len(es) != 0 {
		t.Errorf("test event: %v, %v", es, err)
	}
	for _, text := range []string{``, `[]`, `{}`, `{"Records":[{}]}`, `{"Records":[{"eventName":"x","eventTime":"now","s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}]}`} {
		if _, err := parse([]byte(text)); ebb.KindOf(err) != ebb.Invalid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestWebhook(t *testing.T) {
	r := open(t)
	tr := r.must("t", `{"bucket":"inbox","webhook":{"secret":"secret://key"}}`)
	if !strings.Contains(string(tr.Settings), `"url":"http://gate/events/s3/id-t"`) {
		t.Errorf("settings %s", tr.Settings)
	}
	srv := httptest.NewServer(r)
	defer srv.Close()
	call := func(path, body string, set func(*http.Request)) int {
		t.Helper()
		q, err := http.NewRequestWithContext(t.Context(), "POST", srv.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if set != nil {
			set(q)
		}
		resp, err := srv.Client().Do(q)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	at := WebhookPath + "id-t"
	bearer := func(q *http.Request) { q.Header.Set("Authorization", "Bearer s3cr3t") }
	for want, calls := range map[int][]int{
		403: {call(at, minio, nil), call(at+"?secret=other", minio, nil), call(WebhookPath+"none", minio, bearer), call(at, minio, func(q *http.Request) { q.SetBasicAuth("u", "x") })},
		400: {call(at, `{"a":1}`, bearer)},
	} {
		for i, got := range calls {
			if got != want {
				t.Errorf("call %d: %d, want %d", i, got, want)
			}
		}
	}
	if len(r.tasks()) != 0 {
		t.Fatal("a stranger's notification was delivered")
	}
	for i, got := range []int{call(at, minio, bearer), call(at+"?secret=s3cr3t", minio, nil), call(at, minio, func(q *http.Request) { q.SetBasicAuth("u", "s3cr3t") }),
		call(at, minio, func(q *http.Request) { q.Header.Set("Authorization", "s3cr3t") }), call(at, "", bearer)} {
		if got != 200 {
			t.Errorf("call %d: %d", i, got)
		}
	}
	if all := r.tasks(); len(all) != 1 || !strings.Contains(all[0], `"key":"in/a+b.csv"`) || !strings.Contains(all[0], `"eventName":"ObjectCreated:Put"`) {
		t.Errorf("got %v", all)
	}
	r.fail = errors.New("database away")
	other := strings.ReplaceAll(minio, "17A", "17B")
	if got := call(at, other, bearer); got != 503 {
		t.Errorf("what could not be written was answered with %d", got)
	}
}

// TestKafka: notifications of a topic, with one that is none; what was handled
// before does not come again.
func TestKafka(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "events"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	r := open(t)
	tr := r.must("t", `{"bucket":"inbox","kafka":{"topic":"events","brokers":["`+cluster.ListenAddrs()[0]+`"]}}`)
	c, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.DefaultProduceTopic("events"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	produce := func(text string) {
		t.Helper()
		if err := c.ProduceSync(t.Context(), kgo.StringRecord(text)).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	produce(minio)
	produce("no notification")
	produce(strings.ReplaceAll(minio, "17A", "17B"))
	stop := r.source(tr)
	r.await(2)
	for end := time.Now().Add(limit); r.state(tr).Skipped != 1; {
		if time.Now().After(end) {
			t.Fatal("what is no notification was not counted")
		}
	}
	_ = stop()
	produce(strings.ReplaceAll(minio, "17A", "17C"))
	stop = r.source(tr)
	r.await(3)
	_ = stop()
	if s := r.state(tr); s.Fired != 3 && s.Fired != 5 { // 5: ended before the positions were committed
		t.Errorf("state %+v", s)
	}
}

// TestKafkaSecure: a topic that only who has a password and trusts a private
// authority may read; when its brokers are gone, the source says so.
func TestKafkaSecure(t *testing.T) {
	server := httptest.NewUnstartedServer(nil) // for its certificate
	server.StartTLS()
	defer server.Close()
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		t.Run(mechanism, func(t *testing.T) {
			cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "events"), kfake.EnableSASL(), kfake.Superuser(mechanism, "ebb", "s3cr3t"),
				kfake.TLS(&tls.Config{Certificates: server.TLS.Certificates, MinVersion: tls.VersionTLS12}))
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			r := open(t)
			at, err := json.Marshal(Kafka{Topic: "events", Brokers: cluster.ListenAddrs(), CA: ca, Mechanism: mechanism, Username: "ebb", Password: "secret://key"})
			if err != nil {
				t.Fatal(err)
			}
			tr := r.must("t", `{"bucket":"inbox","kafka":`+string(at)+`}`)
			s, err := read(tr)
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			go func() { ended <- r.Source(tr).Run(ctx, func() {}) }()
			opts, err := (&topic{r.Kind, tr, s}).options(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c, err := kgo.NewClient(append(opts, kgo.DefaultProduceTopic("events"))...)
			if err != nil {
				t.Fatal(err)
			}
			if err := c.ProduceSync(t.Context(), kgo.StringRecord(minio)).FirstErr(); err != nil {
				t.Fatal(err)
			}
			c.CloseAllowingRebalance()
			r.await(1)
			for what, spoil := range map[string]func(*Kafka){
				"a stranger's authority": func(k *Kafka) { k.CA, k.TLS = "", true },
				"another user":           func(k *Kafka) { k.Username = "other" },
			} {
				bad, k := *s, *s.Kafka
				spoil(&k)
				bad.Kafka = &k
				short, cancel := context.WithTimeout(t.Context(), limit)
				if err := (&topic{r.Kind, tr, &bad}).Run(short, func() { t.Errorf("%s is let in", what) }); err == nil || short.Err() != nil {
					t.Errorf("%s: %v", what, err)
				}
				cancel()
			}
			cluster.Close()
			select {
			case err := <-ended:
				if err == nil || !strings.Contains(err.Error(), "answers") && !strings.Contains(err.Error(), "dial") {
					t.Errorf("ended with %v", err)
				}
			case <-time.After(2 * limit):
				t.Error("the source does not notice that its brokers are gone")
			}
		})
	}
}

// TestPoll: a bucket that is looked at: what is there at first is no event, what
// changes is one, once, across restarts.
func TestPoll(t *testing.T) {
	var mu sync.Mutex
	there := map[string]string{"in/1": "a", "in/2": "a"}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if q.URL.Path != "/inbox" || q.URL.Query().Get("prefix") != "in/" || !strings.Contains(q.Header.Get("Authorization"), "Credential=AK/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = fmt.Fprint(w, `<ListBucketResult><Name>inbox</Name>`)
		for _, key := range []string{"in/1", "in/2", "in/3"} {
			if etag := there[key]; etag != "" {
				_, _ = fmt.Fprintf(w, `<Contents><Key>%s</Key><ETag>"%s"</ETag><Size>1</Size><LastModified>2026-11-22T19:00:24.000Z</LastModified></Contents>`, key, etag)
			}
		}
		_, _ = fmt.Fprint(w, `</ListBucketResult>`)
	}))
	defer srv.Close()
	r := open(t)
	tr := r.must("t", `{"bucket":"inbox","prefix":"in/","events":["s3:ObjectCreated:*","s3:ObjectRemoved:*"],
		"poll":{"endpoint":"`+srv.URL+`","accessKeyId":"AK","secretAccessKey":"secret://key","every":1}}`)
	_ = r.source(tr)() // the first look
	if len(r.tasks()) != 0 || r.state(tr).Position == "" {
		t.Fatalf("at first: %v, %+v", r.tasks(), r.state(tr))
	}
	mu.Lock()
	delete(there, "in/1")
	there["in/2"], there["in/3"] = "b", "a"
	mu.Unlock()
	for range 2 { // looked at again, nothing comes again
		stop := r.source(tr)
		r.await(3)
		_ = stop()
	}
	all := strings.Join(r.tasks(), "\n")
	for _, want := range []string{`ObjectRemoved:Delete`, `"key":"in/2","size":1,"eTag":"b"`, `"key":"in/3","size":1,"eTag":"a"`} {
		if !strings.Contains(all, want) {
			t.Errorf("no %s in\n%s", want, all)
		}
	}
	if s := r.state(tr); s.Fired != 3 {
		t.Errorf("state %+v", s)
	}
}

func TestNotificationConfiguration(t *testing.T) {
	r := open(t)
	text := `<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><CloudFunctionConfiguration><Id>x</Id><CloudFunction>arn:aws:lambda:us-east-1:000000000000:function:f</CloudFunction><Event>s3:ObjectCreated:*</Event><Filter><S3Key><FilterRule><Name>prefix</Name><Value>in/</Value></FilterRule></S3Key></Filter></CloudFunctionConfiguration></NotificationConfiguration>`
	ts, err := ReadNotifications(ebb.DefaultService, "inbox", []byte(text))
	if err != nil || len(ts) != 1 || ts[0].Name != "inbox-x" || ts[0].Target != "arn:aws:lambda:us-east-1:000000000000:function:f" {
		t.Fatalf("%+v, %v", ts, err)
	}
	tr := ts[0]
	tr.ID, tr.Revision = "id", 1
	if tr.Settings, err = r.Check(t.Context(), &tr); err != nil {
		t.Fatal(err)
	}
	if err := r.s.Tx(t.Context(), func(tx *store.Tx) error {
		if err := tx.InsertTrigger(&tr); err != nil {
			return err
		}
		return r.Set(tx, nil, &tr)
	}); err != nil {
		t.Fatal(err)
	}
	got, err := r.MarshalNotifications(t.Context(), "inbox")
	if err != nil || !strings.Contains(string(got), strings.Replace(text[len(`<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`):], "<Name>prefix", "<Name>Prefix", 1)) {
		t.Errorf("%s, %v", got, err)
	}
	one := func(id, inner string) string {
		return `<CloudFunctionConfiguration><Id>` + id + `</Id><CloudFunction>arn:aws:lambda:us-east-1:000000000000:function:f</CloudFunction><Event>s3:ObjectCreated:*</Event>` + inner + `</CloudFunctionConfiguration>`
	}
	for says, bad := range map[string]string{
		"overlap":              one("a", "") + one("b", ""),
		"unique":               one("a", "") + one("a", ""),
		"ARN could not":        strings.Replace(one("a", ""), "arn:aws:lambda", "lambda", 1),
		"prefix or suffix":     one("a", `<Filter><S3Key><FilterRule><Name>size</Name><Value>1</Value></FilterRule></S3Key></Filter>`),
		"only LambdaFunctionC": `<QueueConfiguration><Queue>arn:aws:sqs:us-east-1:000000000000:q</Queue></QueueConfiguration>`,
	} {
		_, err := ReadNotifications(ebb.DefaultService, "inbox", []byte("<NotificationConfiguration>"+bad+"</NotificationConfiguration>"))
		if ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
}

package eventsapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/secret"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
	"github.com/ebb-faas/ebb/internal/trigger/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var root = auth.Credentials{AccessKeyID: "AKIATESTTESTTESTTEST", SecretAccessKey: "0123456789abcdef0123", Token: "ebb_0123456789abcdef"}

// rig is the API over a bus with one rule, which takes events of source shop.
type rig struct {
	t     *testing.T
	api   *API
	auth  *auth.Auth
	at    *httptest.Server
	taken []string // events that the rule took
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "ebb.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	secrets, err := secret.Open(t.Context(), secret.Config{Dir: dir}, s)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, auth: auth.New(auth.Config{Store: s, Seal: secrets.SealKey, Open: secrets.OpenKey}, root)}
	log := slog.New(slog.DiscardHandler)
	bus := event.New(event.Config{}, event.Deps{Store: s, Log: log, Region: "us-east-1", Count: func(ebb.TriggerRef, ebb.TriggerCounts) {},
		Send: func(_ context.Context, _ *ebb.Trigger, _ ebb.MessageID, text []byte, _ deliver.Origin) (func(*store.Tx) error, error) {
			return func(tx *store.Tx) error {
				tx.AfterCommit(func() { r.taken = append(r.taken, string(text)) })
				return nil
			}, nil
		}})
	g := trigger.New(trigger.Config{}, trigger.Deps{Store: s, Log: log, CheckTarget: func(context.Context, ebb.ServiceID, string) error { return nil }},
		map[ebb.TriggerKind]trigger.Kind{ebb.TriggerEvent: bus})
	if _, err := g.Create(t.Context(), ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: ebb.DefaultService, Name: "shop"}, Kind: ebb.TriggerEvent, Target: "f",
		Settings: json.RawMessage(`{"pattern":{"source":["shop"]}}`)}); err != nil {
		t.Fatal(err)
	}
	r.api = New("us-east-1", bus, r.auth, log)
	r.at = httptest.NewServer(r.api.Endpoint(r.auth))
	t.Cleanup(r.at.Close)
	return r
}

// ask does one operation over HTTP, as root.
func (r *rig) ask(operation, body, token string) (status int, header http.Header, answer string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, r.at.URL, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("X-Amz-Target", TargetPrefix+operation)
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Authorization", "Bearer "+token)
	if !Is(req) {
		r.t.Error("the request is not taken for one of this API")
	}
	res, err := r.at.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(text)
}

// TestPutEvents: each entry has its answer, in EventBridge's words; those that are
// fine are taken beside those that are not.
func TestPutEvents(t *testing.T) {
	r := newRig(t)
	const fine = `{"Source":"shop","DetailType":"Order","Detail":"{\"n\":1}","Time":1765000000.5,"Resources":["arn:x"]}`
	entries := []string{
		fine,
		`{"DetailType":"Order","Detail":"{}"}`,
		`{"Source":"shop","Detail":"{}"}`,
		`{"Source":"shop","DetailType":"Order"}`,
		`{"Source":"shop","DetailType":"Order","Detail":"{"}`,
		`{"Source":"shop","DetailType":"Order","Detail":"[1]"}`,
		`{"Source":"aws.s3","DetailType":"Order","Detail":"{}"}`,
		`{"Source":"shop","DetailType":"Order","Detail":"{}","EventBusName":"other"}`,
		`{"Source":"elsewhere","DetailType":"Order","Detail":"{}","EventBusName":"default"}`,
	}
	status, header, text := r.ask("PutEvents", `{"Entries":[`+strings.Join(entries, ",")+`]}`, root.Token)
	if status != 200 || header.Get("Content-Type") != contentType || header.Get("X-Amzn-Requestid") == "" {
		t.Fatalf("%d %v %s", status, header, text)
	}
	var answer struct {
		FailedEntryCount int
		Entries          []struct{ EventId, ErrorCode, ErrorMessage string }
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	var codes []string
	for i, e := range answer.Entries {
		codes = append(codes, e.ErrorCode)
		if (e.EventId == "") != (e.ErrorCode != "") || (e.ErrorMessage == "") != (e.ErrorCode == "") {
			t.Errorf("entry %d: %+v", i, e)
		}
	}
	want := []string{"", "InvalidArgument", "InvalidArgument", "InvalidArgument", "MalformedDetail", "MalformedDetail", "NotAuthorizedForSource", "InvalidArgument", ""}
	if !slices.Equal(codes, want) || answer.FailedEntryCount != 7 {
		t.Errorf("%d failed: %q", answer.FailedEntryCount, codes)
	}
	for i, says := range map[int]string{
		1: "Parameter Source is not valid. Reason: Source is a required argument.",
		2: "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
		3: "Parameter Detail is not valid. Reason: Detail is a required argument.",
		4: "Detail is malformed.",
	} {
		if got := answer.Entries[i].ErrorMessage; got != says {
			t.Errorf("entry %d: %q, want %q", i, got, says)
		}
	}
	envelope := fmt.Sprintf(`{"version":"0","id":%q,"detail-type":"Order","source":"shop","account":"000000000000","time":"2025-12-06T05:46:40Z","region":"us-east-1","resources":["arn:x"],"detail":{"n":1}}`,
		answer.Entries[0].EventId)
	if len(r.taken) != 1 || r.taken[0] != envelope {
		t.Errorf("the rule took %q, want %s", r.taken, envelope)
	}
}

// TestRefused: what is wrong with a whole request is told with the model's error
// types, in the header and the body, and names the field.
func TestRefused(t *testing.T) {
	r := newRig(t)
	const entry = `{"Source":"shop","DetailType":"Order","Detail":"{}"}`
	large := `{"Source":"shop","DetailType":"Order","Detail":"{\"x\":\"` + strings.Repeat("x", event.MaxSize/2) + `\"}"}`
	for _, c := range []struct{ operation, body, token, kind, says string }{
		{"PutEvents", `{"Entries":[]}`, root.Token, "ValidationException", "entries"},
		{"PutEvents", `{}`, root.Token, "ValidationException", "entries"},
		{"PutEvents", `{"Entries":[` + strings.Repeat(entry+",", 10) + entry + `]}`, root.Token, "ValidationException", "entries"},
		{"PutEvents", `{"Entries":[` + large + "," + large + `]}`, root.Token, "ValidationException", "Total size of the entries"},
		{"PutEvents", `{"Entries":[{"Source":1}]}`, root.Token, "SerializationException", ""},
		{"PutEvents", `{"Entries":`, root.Token, "SerializationException", ""},
		{"PutEvents", `{"Entries":[` + entry + `],"EndpointId":"abc.def"}`, root.Token, "ValidationException", "EndpointId"},
		{"PutEvents", `{"Entries":[` + entry + `]}`, "ebb_other", "UnrecognizedClientException", ""},
		{"TestEventPattern", `{"EventPattern":"{\"source\":[]}","Event":"{}"}`, root.Token, "InvalidEventPatternException", "Reason"},
		{"TestEventPattern", `{"EventPattern":"{\"source\":[\"a\"]}"}`, root.Token, "ValidationException", "event"},
		{"TestEventPattern", `{"EventPattern":"{\"source\":[\"a\"]}","Event":"{"}`, root.Token, "ValidationException", "Event is not valid"},
		{"PutRule", `{"Name":"r"}`, root.Token, "UnknownOperationException", "PutRule"},
		{"Nothing", `{}`, root.Token, "UnknownOperationException", "Nothing"},
	} {
		status, header, text := r.ask(c.operation, c.body, c.token)
		var body struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal([]byte(text), &body); err != nil {
			t.Fatal(err)
		}
		if status != 400 || body.Type != c.kind || header.Get("X-Amzn-Errortype") != c.kind || !strings.Contains(strings.ToLower(body.Message), strings.ToLower(c.says)) {
			t.Errorf("%s %.80s: %d %s, want %s with %q", c.operation, c.body, status, text, c.kind, c.says)
		}
	}
	if len(r.taken) != 0 {
		t.Errorf("taken of what was refused: %q", r.taken)
	}
}

// TestTestEventPattern: a pattern is tried on an event.
func TestTestEventPattern(t *testing.T) {
	r := newRig(t)
	for pattern, want := range map[string]string{`{\"detail\":{\"n\":[{\"numeric\":[\">\",1]}]}}`: `{"Result":true}`, `{\"source\":[\"b\"]}`: `{"Result":false}`} {
		body := `{"EventPattern":"` + pattern + `","Event":"{\"id\":\"1\",\"source\":\"a\",\"detail\":{\"n\":2}}"}`
		if status, _, text := r.ask("TestEventPattern", body, root.Token); status != 200 || text != want {
			t.Errorf("%s: %d %s", pattern, status, text)
		}
	}
}

// TestCall: workflows put events with parameters as their SDK integrations name
// them.
func TestCall(t *testing.T) {
	r := newRig(t)
	parameters := []byte(`{"Entries":[{"Source":"shop","DetailType":"Order","Detail":"{\"n\":1}"}]}`)
	if answer, ok, err := r.api.Call(t.Context(), auth.Principal{Node: true, Kind: auth.Root}, "PutEvents", parameters, ""); !ok || err != nil || !strings.Contains(string(answer), `"EventId"`) {
		t.Errorf("%s %v %v", answer, ok, err)
	}
	if _, ok, err := r.api.Call(t.Context(), auth.Principal{}, "PutEvents", parameters, ""); !ok || err == nil {
		t.Errorf("nobody may: %v", err)
	}
	if _, ok, _ := r.api.Call(t.Context(), auth.Principal{}, "PutRule", parameters, ""); ok {
		t.Error("PutRule is offered")
	}
	if len(r.taken) != 1 {
		t.Errorf("taken %q", r.taken)
	}
}

// TestModel: the generated tables compile, and what is offered is in them.
func TestModel(t *testing.T) {
	if _, err := awswire.Compile(service()); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, op := range Routes() {
		names = append(names, op.Name)
	}
	if !slices.Equal(names, []string{"PutEvents", "TestEventPattern"}) || Action("PutEvents") != "events:PutEvents" {
		t.Errorf("offered: %q", names)
	}
}

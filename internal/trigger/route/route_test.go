package route

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	payments = ebb.ServiceID("000000000001")
	loans    = ebb.ServiceID("000000000002")
	target   = "arn:aws:lambda:us-east-1:000000000001:function:f"
)

// rig is triggers of kind http over a real database.
type rig struct {
	*trigger.Triggers
	t       *testing.T
	granted map[string][]string
	changes int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "ebb.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r := &rig{t: t}
	kind := New(Deps{
		Check:   func(*ebb.Trigger, *ebb.Route) error { return nil },
		Sample:  func(*ebb.Trigger) ([]byte, error) { return []byte("{}"), nil },
		Granted: func(host string) ([]string, bool) { return r.granted[host], r.granted != nil },
		ServiceName: func(_ context.Context, id ebb.ServiceID) (string, error) {
			return map[ebb.ServiceID]string{payments: "payments", loans: "loans"}[id], nil
		},
	})
	r.Triggers = trigger.New(trigger.Config{}, trigger.Deps{
		Store: s, Log: slog.New(slog.DiscardHandler),
		CheckTarget: func(context.Context, ebb.ServiceID, string) error { return nil },
		Changed:     func(context.Context, ebb.TriggerKind) { r.changes++ },
	}, map[ebb.TriggerKind]trigger.Kind{ebb.TriggerHTTP: kind})
	return r
}

func (r *rig) make(service ebb.ServiceID, name, settings string) error {
	_, err := r.Create(r.t.Context(), ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: service, Name: name}, Kind: ebb.TriggerHTTP,
		Target: target, Settings: json.RawMessage(settings)})
	return err
}

func (r *rig) must(service ebb.ServiceID, name, settings string) {
	r.t.Helper()
	if err := r.make(service, name, settings); err != nil {
		r.t.Fatal(err)
	}
}

// refused must be refused with a kind and all of parts in its message.
func (r *rig) refused(kind ebb.Kind, service ebb.ServiceID, settings string, parts ...string) {
	r.t.Helper()
	err := r.make(service, "refused", settings)
	e, ok := errors.AsType[*ebb.Error](err)
	if !ok || e.Kind != kind {
		r.t.Fatalf("%s: %v", settings, err)
	}
	for _, p := range parts {
		if !strings.Contains(e.Message, p) {
			r.t.Errorf("%s: %q does not say %q", settings, e.Message, p)
		}
	}
}

func TestConflicts(t *testing.T) {
	r := newRig(t)
	r.must(payments, "orders", `{"host":"api.bank.example","path":"/orders/{id}","methods":["get","put"],"auth":"none"}`)
	r.refused(ebb.Conflict, payments, `{"host":"API.bank.example","path":"/orders/{other}","methods":["PUT","POST"],"auth":"key"}`,
		"PUT /orders/{}", "api.bank.example", "of trigger orders")
	r.must(payments, "any", `{"host":"api.bank.example","path":"/orders/{id}","auth":"none"}`)
	r.must(payments, "more", `{"host":"api.bank.example","path":"/orders/{id}/lines","methods":["GET"],"auth":"none"}`)
	r.must(payments, "else", `{"path":"/orders/{id}","methods":["GET"],"auth":"none"}`)
	// A paused route keeps its place, a deleted or changed one does not.
	key := ebb.TriggerKey{Service: payments, Name: "orders"}
	if _, err := r.Pause(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	const same = `{"host":"api.bank.example","path":"/orders/{x}","methods":["GET"],"auth":"none"}`
	r.refused(ebb.Conflict, payments, same)
	old, err := r.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	old.Settings = json.RawMessage(`{"host":"api.bank.example","path":"/orders/{id}","methods":["PUT"],"auth":"none"}`)
	if _, err := r.Update(t.Context(), *old, 0); err != nil {
		t.Fatal(err)
	}
	r.must(payments, "get", same)
	old.Settings = json.RawMessage(same)
	if _, err := r.Update(t.Context(), *old, 0); ebb.KindOf(err) != ebb.Conflict || !strings.Contains(err.Error(), "trigger get") {
		t.Fatalf("a change into a conflict: %v", err)
	}
	if err := r.Delete(t.Context(), ebb.TriggerKey{Service: payments, Name: "get"}); err != nil {
		t.Fatal(err)
	}
	r.must(payments, "get", same)
	if r.changes != 9 {
		t.Fatalf("told of %d changes", r.changes)
	}
}

func TestHostsBelongToAService(t *testing.T) {
	r := newRig(t)
	r.must(payments, "exact", `{"host":"api.bank.example","path":"/x","auth":"none"}`)
	r.must(payments, "wild", `{"host":"*.shop.example","path":"/x","auth":"none"}`)
	r.must(payments, "rest", `{"path":"/x","auth":"none"}`)
	for _, host := range []string{"api.bank.example", "*.bank.example", "www.shop.example", "*.shop.example", ""} {
		r.refused(ebb.Conflict, loans, `{"host":"`+host+`","path":"/other","auth":"none"}`, "http.host", "another service")
	}
	r.must(loans, "sister", `{"host":"loans.bank.example","path":"/x","auth":"none"}`)
	r.must(loans, "parent", `{"host":"bank.example","path":"/x","auth":"none"}`)
	if err := r.Delete(t.Context(), ebb.TriggerKey{Service: payments, Name: "exact"}); err != nil {
		t.Fatal(err)
	}
	r.must(loans, "exact", `{"host":"api.bank.example","path":"/x","auth":"none"}`)
}

func TestGrantedHosts(t *testing.T) {
	r := newRig(t)
	r.granted = map[string][]string{"api.bank.example": {"payments", "loans"}, "pay.bank.example": {"payments"}}
	r.must(payments, "a", `{"host":"api.bank.example","path":"/payments/*","auth":"none"}`)
	r.must(loans, "a", `{"host":"api.bank.example","path":"/loans/*","auth":"none"}`)
	r.refused(ebb.Conflict, loans, `{"host":"api.bank.example","path":"/payments/*","auth":"none"}`, "of another service")
	r.refused(ebb.Forbidden, loans, `{"host":"pay.bank.example","path":"/","auth":"none"}`, "http.host", "loans")
	r.refused(ebb.Forbidden, payments, `{"path":"/","auth":"none"}`, "http.host")
}

func TestSettingsAreRefused(t *testing.T) {
	r := newRig(t)
	const ok = `"path":"/x","auth":"none"`
	for settings, field := range map[string]string{
		`{}`: "http.path", `{"path":"x","auth":"none"}`: "http.path", `{"path":"/x"}`: "http.auth", `{"path":"/x","auth":"basic"}`: "http.auth",
		`{"path":"/{a}/{a}","auth":"none"}`: "http.path", `{"path":"/{a+}/b","auth":"none"}`: "http.path", `{"path":"/*/b","auth":"none"}`: "http.path",
		`{"path":"/a//b","auth":"none"}`: "http.path", `{"path":"/a/../b","auth":"none"}`: "http.path", `{"path":"/a{b}","auth":"none"}`: "http.path",
		`{"path":"/%zz","auth":"none"}`: "http.path", `{"path":"/a%2Fb","auth":"none"}`: "http.path", `{"path":"/url/x","auth":"none"}`: "http.path",
		`{"path":"/` + strings.Repeat("a/", 40) + `","auth":"none"}`: "http.path", `{"path":"/` + strings.Repeat("a", 600) + `","auth":"none"}`: "http.path",
		`{` + ok + `,"host":"a b"}`: "http.host", `{` + ok + `,"host":"https://a.b"}`: "http.host", `{` + ok + `,"host":"a.*.b"}`: "http.host", `{` + ok + `,"host":"a.b:80"}`: "http.host",
		`{` + ok + `,"methods":["G T"]}`: "http.methods[0]", `{` + ok + `,"methods":["GET","ANY"]}`: "http.methods[", `{` + ok + `,"methods":["CONNECT"]}`: "http.methods[0]",
		`{` + ok + `,"issuer":"x"}`: "http.auth", `{"path":"/x","auth":"jwt"}`: "http.issuer", `{"path":"/x","auth":"jwt","issuer":"i"}`: "http.audience",
		`{"path":"/x","auth":"jwt","issuer":"i","audience":["a"]}`: "http.jwks", `{"path":"/x","auth":"mtls"}`: "http.subjects",
		`{` + ok + `,"maxBody":-1}`: "http.maxBody", `{` + ok + `,"rate":-1}`: "http.rate", `{` + ok + `,"burst":1}`: "http.burst", `{` + ok + `,"callerBurst":1}`: "http.callerBurst",
		`{` + ok + `,"timeout":-1}`: "http.timeout", `{` + ok + `,"payloadFormat":"3"}`: "http.payloadFormat", `{` + ok + `,"stripPrefix":"/y"}`: "http.stripPrefix",
		`{` + ok + `,"colour":1}`: "colour",
	} {
		r.refused(ebb.Invalid, payments, settings, field)
	}
	tr := ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: payments, Name: "x"}, Kind: ebb.TriggerHTTP, Target: target,
		Settings: json.RawMessage(`{` + ok + `}`)}
	for field, edit := range map[string]func(*ebb.Trigger){
		"filters": func(t *ebb.Trigger) { t.Filters = []json.RawMessage{json.RawMessage(`{"a":["b"]}`)} },
		"maxAge":  func(t *ebb.Trigger) { t.MaxAgeS = 60 },
		"target":  func(t *ebb.Trigger) { t.Target = "arn:aws:s3:::bucket" },
	} {
		bad := tr
		edit(&bad)
		if _, err := r.Create(t.Context(), bad); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}

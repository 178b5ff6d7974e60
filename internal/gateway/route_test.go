package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/metrics"
	"github.com/ebb-faas/ebb/internal/store"
)

// routeRig is a gateway with a real database behind a real server, whose
// function keeps the last event.
type routeRig struct {
	*rig
	t      *testing.T
	store  *store.Store
	auth   *auth.Auth
	inv    ebb.Invocation
	answer string // of the function
	n      int
}

func newRouteRig(t *testing.T, cfg Config, door Dispatcher) *routeRig {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "ebb.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	r := &routeRig{t: t, store: s, answer: `"ok"`}
	if door == nil {
		door = dispatch(func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
			r.inv = *inv
			r.inv.Payload = bytes.Clone(inv.Payload)
			return ebb.Result{}, say(sink, ebb.Head{}, r.answer)
		})
	}
	if cfg.Now == nil {
		cfg.Now = func() time.Time { return testNow }
	}
	r.auth = auth.New(auth.Config{Now: cfg.Now, Store: s}, testRoot)
	log := new(syncBuffer)
	g := newGateway(cfg, plainURL().lookup, door, r.auth, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	g.routing.deps = RouteDeps{Store: s}
	srv := httptest.NewUnstartedServer(g)
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.Start()
	t.Cleanup(srv.Close)
	r.rig = &rig{srv, g, log, srv.URL}
	return r
}

// put makes a route and puts it into force.
func (r *routeRig) put(s ebb.Route) *ebb.Trigger {
	r.t.Helper()
	r.n++
	t := r.trigger(s, "route-"+string(rune('a'+r.n)))
	if err := r.g.CheckRoute(t, &s); err != nil {
		r.t.Fatal(err)
	}
	r.insert(t)
	return t
}

func (r *routeRig) insert(t *ebb.Trigger) {
	r.t.Helper()
	if err := r.store.Tx(r.t.Context(), func(tx *store.Tx) error { return tx.InsertTrigger(t) }); err != nil {
		r.t.Fatal(err)
	}
	if err := r.g.LoadRoutes(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

func (r *routeRig) trigger(s ebb.Route, name string) *ebb.Trigger {
	r.t.Helper()
	if s.Auth == "" {
		s.Auth = ebb.RouteAuthNone
	}
	if err := s.Validate(); err != nil {
		r.t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		r.t.Fatal(err)
	}
	return &ebb.Trigger{
		TriggerKey: ebb.TriggerKey{Service: testKey.Service, Name: name}, ID: ebb.TriggerID("id-" + name), Kind: ebb.TriggerHTTP,
		Target: ebb.FunctionARN("us-east-1", testKey, "live"), Settings: text, Revision: 1, CreatedAt: testNow, ModifiedAt: testNow,
	}
}

// remove deletes a route.
func (r *routeRig) remove(t *ebb.Trigger) {
	r.t.Helper()
	if err := r.store.Tx(r.t.Context(), func(tx *store.Tx) error { return tx.DeleteTrigger(t.ID) }); err != nil {
		r.t.Fatal(err)
	}
	if err := r.g.LoadRoutes(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// scrape is what Prometheus would read.
func scrape(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// ask sends a request that must succeed, and returns the event it became.
func (r *routeRig) ask(method, path, body string, header ...string) map[string]any {
	r.t.Helper()
	a := r.do(r.t, method, r.URL+path, body, header...)
	if a.status != 200 {
		r.t.Fatalf("%s %s: status %d: %s", method, path, a.status, a.body)
	}
	event := map[string]any{}
	if err := json.Unmarshal(r.inv.Payload, &event); err != nil {
		r.t.Fatalf("%v in %s", err, r.inv.Payload)
	}
	return event
}

// refused sends a request that must be refused with a status and a code.
func (r *routeRig) refused(status int, code, method, path, body string, header ...string) answered {
	r.t.Helper()
	a := r.do(r.t, method, r.URL+path, body, header...)
	var said struct{ Message, Code, RequestID string }
	if err := json.Unmarshal([]byte(a.body), &said); err != nil || a.status != status || said.Code != code || said.Message == "" || said.RequestID == "" {
		r.t.Fatalf("%s %s: status %d, %s; want %d %s", method, path, a.status, a.body, status, code)
	}
	return a
}

func TestRouteCallsFunction(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	r.put(ebb.Route{Path: "/orders/{id}", Methods: []string{"GET"}})
	event := r.ask("GET", "/orders/4%20711?x=1", "")
	if got := event["pathParameters"].(map[string]any)["id"]; got != "4 711" {
		t.Fatalf("pathParameters.id is %q", got)
	}
	if event["routeKey"] != "GET /orders/{id}" || event["rawPath"] != "/orders/4%20711" || r.inv.FunctionKey != testKey || r.inv.Qualifier != "live" {
		t.Fatalf("%v to %v", event, r.inv)
	}
	r.refused(404, ebb.TypeRouteNotFound, "GET", "/order", "")
	if a := r.refused(405, ebb.TypeMethodNotAllowed, "POST", "/orders/1", ""); a.header.Get("Allow") != "GET" {
		t.Fatalf("Allow: %q", a.header.Get("Allow"))
	}
	// Function URLs are where they were.
	if a := r.do(t, "GET", r.URL+"/url/"+testID+"/x", ""); a.status != 200 || !strings.Contains(string(r.inv.Payload), `"routeKey":"$default"`) {
		t.Fatalf("function URL: %d %s", a.status, r.inv.Payload)
	}
}

package runtimeapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// extended is a session with extensions, of which "outer" is external.
func extended(t *testing.T, external ...string) (*HTTP, *Extensions, *httpRuntime) {
	t.Helper()
	e := NewExtensions(ExtensionOptions{Function: "f", Version: "3", Handler: "h", Account: "123456789012", External: external,
		Dial: func(ctx context.Context, port int) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprint("127.0.0.1:", port))
		}})
	s, rt := startHTTP(t, Options{Extensions: e})
	t.Cleanup(func() { _ = e.Close() })
	s.Serve()
	return s, e, rt
}

// call makes a request of the Extensions or Telemetry API.
func (r *httpRuntime) call(t *testing.T, method, path, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	return r.do(t, method, "/"+path, body, headers...)
}

func (r *httpRuntime) register(t *testing.T, name, events string) string {
	t.Helper()
	status, body, h := r.call(t, "POST", "2020-01-01/extension/register", events, headerExtensionName, name)
	if status != 200 || body != `{"functionName":"f","functionVersion":"3","handler":"h"}` {
		t.Fatalf("register %s: %d %s", name, status, body)
	}
	return h.Get(headerExtensionID)
}

type event struct {
	status int
	body   string
}

func (r *httpRuntime) nextEvent(t *testing.T, id string) <-chan event {
	got := make(chan event, 1)
	go func() {
		status, body, _ := r.call(t, "GET", "2020-01-01/extension/event/next", "", headerExtensionID, id)
		got <- event{status, body}
	}()
	return got
}

func members(t *testing.T, text string) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}

// TestExtensionLife: an external and an internal extension from registration to
// the end.
func TestExtensionLife(t *testing.T) {
	s, e, rt := extended(t, "outer")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	outer := rt.register(t, "outer", `{"events":["INVOKE","SHUTDOWN"]}`)
	if f, err := e.Registered(ctx); f != nil || err != nil {
		t.Fatal(f, err)
	}
	inner := rt.register(t, "inner", `{"events":["INVOKE"]}`)
	deadline := time.Now().Add(time.Minute)
	first, second := rt.nextEvent(t, outer), rt.nextEvent(t, inner)
	poll := make(chan struct{})
	go func() { rt.do(t, "GET", "runtime/invocation/next", ""); close(poll) }()
	if _, err := s.Ready(ctx, Init{}); err != nil {
		t.Fatal(err)
	}
	if f, err := e.Ready(ctx); f != nil || err != nil {
		t.Fatal(f, err)
	}
	if status, body, _ := rt.call(t, "POST", "2020-01-01/extension/register", `{"events":[]}`, headerExtensionName, "late"); status != 403 || !strings.Contains(body, "Extension.RegistrationClosed") {
		t.Errorf("late: %d %s", status, body)
	}
	c := &Call{ID: "a", ARN: "arn:f", TraceID: "Root=1", Deadline: deadline}
	e.Begin(c)
	got := invoke(t, s, c)
	<-poll
	want := map[string]any{"eventType": "INVOKE", "deadlineMs": float64(deadline.UnixMilli()), "requestId": "a", "invokedFunctionArn": "arn:f",
		"tracing": map[string]any{"type": "X-Amzn-Trace-Id", "value": "Root=1"}}
	for _, next := range []<-chan event{first, second} {
		if ev := <-next; ev.status != 200 || cmp.Diff(want, members(t, ev.body)) != "" {
			t.Errorf("%+v", ev)
		}
	}
	rt.do(t, "POST", "runtime/invocation/a/response", "x")
	if g := <-got; g.err != nil {
		t.Error(g.err)
	}
	first = rt.nextEvent(t, outer)
	short, end := context.WithTimeout(ctx, 20*time.Millisecond)
	defer end()
	if _, err := e.End(short); err == nil {
		t.Error("the invocation was over before the inner extension said so")
	}
	second = rt.nextEvent(t, inner)
	if f, err := e.End(ctx); f != nil || err != nil {
		t.Error(f, err)
	}
	if !e.Shutdown(ShutdownSpindown, deadline) {
		t.Error("nobody was told of the end")
	}
	want = map[string]any{"eventType": "SHUTDOWN", "shutdownReason": "SPINDOWN", "deadlineMs": float64(deadline.UnixMilli())}
	if ev := <-first; cmp.Diff(want, members(t, ev.body)) != "" {
		t.Errorf("%+v", ev)
	}
	_ = s.Close()
	if ev := <-second; ev.status != 0 {
		t.Errorf("the inner extension was told: %+v", ev)
	}
}

func TestExtensionRefusals(t *testing.T) {
	_, _, rt := extended(t, "outer")
	id := rt.register(t, "outer", `{"events":["SHUTDOWN"]}`)
	status, body, _ := rt.call(t, "POST", "2020-01-01/extension/register", `{"events":[]}`, headerExtensionName, "with account", headerAcceptFeature, "x, accountId")
	if status != 200 || members(t, body)["accountId"] != "123456789012" {
		t.Errorf("%d %s", status, body)
	}
	for _, tt := range []struct{ method, path, body, key, value, want string }{
		{"POST", "register", `{"events":[]}`, "", "", "Extension.InvalidExtensionName"},
		{"POST", "register", `{"events":[]}`, headerExtensionName, "outer", "Extension.AlreadyRegistered"},
		{"POST", "register", `{"events":["SHUTDOWN"]}`, headerExtensionName, "inner", "Extension.InvalidEventType"},
		{"POST", "register", `{"events":["SLEEP"]}`, headerExtensionName, "x", "Extension.InvalidEventType"},
		{"POST", "register", `{`, headerExtensionName, "x", "InvalidRequestFormat"},
		{"POST", "register", `{"events":[],"configurationKeys":[]}`, headerExtensionName, "x", "InvalidRequestFormat"},
		{"GET", "event/next", "", "", "", "Extension.MissingExtensionIdentifier"},
		{"GET", "event/next", "", headerExtensionID, "no uuid", "Extension.InvalidExtensionIdentifier"},
		{"GET", "event/next", "", headerExtensionID, "8476a536-e9f4-11e8-9739-2dfe598c3fcd", "Extension.UnknownExtensionIdentifier"},
		{"POST", "exit/error", "", headerExtensionID, "8476a536-e9f4-11e8-9739-2dfe598c3fcd", "Extension.UnknownExtensionIdentifier"},
	} {
		var headers []string
		if tt.key != "" {
			headers = []string{tt.key, tt.value}
		}
		status, body, _ := rt.call(t, tt.method, "2020-01-01/extension/"+tt.path, tt.body, headers...)
		if status != 403 || members(t, body)["errorType"] != tt.want {
			t.Errorf("%+v: %d %s", tt, status, body)
		}
	}
	for i := range maxExtensions - 2 {
		rt.register(t, fmt.Sprint("x", i), `{"events":[]}`)
	}
	if _, body, _ := rt.call(t, "POST", "2020-01-01/extension/register", `{"events":[]}`, headerExtensionName, "one more"); members(t, body)["errorType"] != "Extension.TooManyExtensions" {
		t.Error(body)
	}
	if status, _, h := rt.call(t, "POST", "2020-01-01/extension/event/next", "", headerExtensionID, id); status != 405 || h.Get("Allow") != "GET" {
		t.Errorf("%d %v", status, h)
	}
}

// TestExtensionFails: what an extension reports, or that it crashed, ends what
// waits for it.
func TestExtensionFails(t *testing.T) {
	t.Run("init/error", func(t *testing.T) {
		_, e, rt := extended(t, "outer")
		id := rt.register(t, "outer", `{"events":[]}`)
		status, body, _ := rt.call(t, "POST", "2020-01-01/extension/init/error", `{"errorMessage":"m"}`, headerExtensionID, id, headerExtensionError, "Extension.NoKey")
		if status != 202 || body != accepted {
			t.Errorf("%d %s", status, body)
		}
		f, err := e.Ready(t.Context())
		if err != nil || f == nil || f.ErrorType != "Extension.NoKey" || string(f.Document) != `{"errorMessage":"m"}` {
			t.Errorf("%+v, %v", f, err)
		}
		if ev := <-rt.nextEvent(t, id); ev.status != 403 || !strings.Contains(ev.body, "Extension.InvalidExtensionState") {
			t.Errorf("%+v", ev)
		}
	})
	t.Run("crash", func(t *testing.T) {
		_, e, _ := extended(t, "outer")
		e.Fail("outer", "exited with status 3")
		f, err := e.Registered(t.Context())
		if err != nil || f == nil || f.ErrorType != "Extension.Crash" || !strings.Contains(string(f.Document), "outer exited with status 3") {
			t.Errorf("%+v, %v", f, err)
		}
		if e.Failure() == nil {
			t.Error("nothing failed")
		}
	})
	t.Run("at the end", func(t *testing.T) {
		_, e, _ := extended(t, "outer")
		e.Shutdown(ShutdownFailure, time.Now())
		e.Fail("outer", "exited with status 0")
		_ = e.Close()
		if f := e.Failure(); f != nil {
			t.Errorf("%+v", f)
		}
	})
}

// subscriber is where telemetry goes.
func subscriber(t *testing.T) (port string, batches <-chan []map[string]any) {
	got := make(chan []map[string]any, 100)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var batch []map[string]any
		if err := json.Unmarshal(body, &batch); err != nil || r.Method != "POST" || r.Header.Get("Content-Type") != "application/json" || r.URL.Path != "/t" {
			t.Errorf("%s %s: %v %s", r.Method, r.URL, err, body)
		}
		got <- batch
	}))
	t.Cleanup(srv.Close)
	_, port, _ = net.SplitHostPort(srv.Listener.Addr().String())
	return port, got
}

func TestTelemetry(t *testing.T) {
	_, e, rt := extended(t, "outer")
	id := rt.register(t, "outer", `{"events":["INVOKE"]}`)
	port, batches := subscriber(t)
	ask := func(types, buffering string) (int, string) {
		status, body, _ := rt.call(t, "PUT", "2022-07-01/telemetry", `{"schemaVersion":"2022-12-13","destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:`+
			port+`/t"},"types":`+types+buffering+`}`, headerExtensionID, id)
		return status, body
	}
	for types, want := range map[string]string{`[]`: "none is named", `["all"]`: "unknown", `["platform"],"buffering":{"timeoutMs":1}`: "between 25 and 30000"} {
		if status, body := ask(types, ""); status != 400 || members(t, body)["errorType"] != "ValidationError" || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", types, status, body)
		}
	}
	if status, body := ask(`["platform","function"]`, `,"buffering":{"timeoutMs":25,"maxItems":1000}`); status != 200 || body != "OK" {
		t.Fatalf("%d %s", status, body)
	}
	e.Platform("platform.start", map[string]any{"requestId": "a"})
	e.Line(TelemetryFunction, []byte("a line"))
	e.Line(TelemetryExtension, []byte("not asked for"))
	e.telemetry.shut()
	if status, body := ask(`["platform"]`, ""); status != 403 || !strings.Contains(body, "SubscriptionClosed") {
		t.Errorf("%d %s", status, body)
	}
	var got []string
	for len(got) < 3 {
		for _, ev := range <-batches {
			if _, err := time.Parse("2006-01-02T15:04:05.000Z", fmt.Sprint(ev["time"])); err != nil {
				t.Error(err)
			}
			got = append(got, fmt.Sprint(ev["type"], " ", ev["record"]))
		}
	}
	want := []string{"platform.telemetrySubscription map[name:outer state:Subscribed types:[platform function]]",
		"platform.start map[requestId:a]", "function a line"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// What is there at the end is sent at the end.
	e.Line(TelemetryFunction, []byte("the last"))
	_ = e.Close()
	if batch := <-batches; batch[0]["record"] != "the last" {
		t.Errorf("%v", batch)
	}
}

// TestTelemetryDropped: a subscriber who takes nothing costs a bounded amount,
// and learns what it missed.
func TestTelemetryDropped(t *testing.T) {
	s := &subscription{most: buffering{1000, 262144, 25}, wake: make(chan struct{}, 1)}
	for range 100 {
		s.put(make([]byte, 100_000))
	}
	if s.bytes > telemetryPending*262144 || s.dropped != 90 {
		t.Errorf("%d bytes, %d dropped", s.bytes, s.dropped)
	}
	total := 0
	for {
		body, n, _, _ := s.due(time.Now().Add(time.Second))
		if body == nil {
			break
		}
		if total += n; total == 11 && !strings.Contains(string(body), `"droppedRecords":90`) {
			t.Errorf("%.300s", body[len(body)-200:])
		}
		s.sent(n)
	}
	if total != 11 || s.bytes != 0 {
		t.Errorf("%d events, %d bytes", total, s.bytes)
	}
}

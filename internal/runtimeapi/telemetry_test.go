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
	"sync/atomic"
	"testing"
	"time"
)

// wanted asks for the function's lines at a port of the box.
func wanted(port string) string {
	return `{"schemaVersion":"2022-12-13","destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:` + port +
		`/t"},"types":["function"],"buffering":{"timeoutMs":25}}`
}

// subscribed makes the conversation of an instance with one extension, which asked
// for the function's lines at port. dial connects to it.
func subscribed(t *testing.T, port string, dial func(context.Context, int) (net.Conn, error)) (e *Extensions, again func(port string)) {
	t.Helper()
	e = NewExtensions(ExtensionOptions{Function: "f", Version: "3", Handler: "h", Dial: dial})
	s, rt := startHTTP(t, Options{Extensions: e})
	t.Cleanup(func() { _ = e.Close() })
	s.Serve()
	id := rt.register(t, "inner", `{"events":[]}`)
	again = func(port string) {
		t.Helper()
		if status, body, _ := rt.call(t, "PUT", "2022-07-01/telemetry", wanted(port), headerExtensionID, id); status != 200 {
			t.Fatalf("%d %s", status, body)
		}
	}
	again(port)
	return e, again
}

func loopback(ctx context.Context, port int) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "tcp", fmt.Sprint("127.0.0.1:", port))
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick, end := time.NewTicker(5*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// TestTelemetrySubscribedAgain: who subscribes again and again, where nobody takes
// anything, has one sender at work; and nothing is lost by it.
func TestTelemetrySubscribedAgain(t *testing.T) {
	port, batches := subscriber(t)
	var stuck atomic.Int64
	e, again := subscribed(t, "1", func(ctx context.Context, p int) (net.Conn, error) {
		if p != 1 {
			return loopback(ctx, p)
		}
		stuck.Add(1)
		defer stuck.Add(-1)
		<-ctx.Done()
		return nil, ctx.Err()
	})
	e.Line(TelemetryFunction, []byte("the first"))
	eventually(t, "it is sent", func() bool { return stuck.Load() > 0 })
	for range 50 {
		again("1")
	}
	e.Line(TelemetryFunction, []byte("the second"))
	eventually(t, "one sender is at work", func() bool { return stuck.Load() == 1 })
	again(port)
	var got []string
	for len(got) < 2 {
		for _, ev := range <-batches {
			got = append(got, fmt.Sprint(ev["record"]))
		}
	}
	if strings.Join(got, ", ") != "the first, the second" {
		t.Errorf("%q", got)
	}
	eventually(t, "nobody sends to where nothing is taken", func() bool { return stuck.Load() == 0 })
}

// TestTelemetryTakesNothing: neither invocations nor the end of the instance wait for
// a subscriber who does not answer, and what is kept for it is bounded.
func TestTelemetryTakesNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	e, _ := subscribed(t, port, loopback)
	line := make([]byte, 64<<10)
	for range 200 {
		e.Line(TelemetryFunction, line)
	}
	s := e.telemetry.subs[0]
	s.mu.Lock()
	if s.bytes > telemetryPending*s.most.Bytes || s.dropped == 0 {
		t.Errorf("%d bytes are kept, %d lines dropped", s.bytes, s.dropped)
	}
	s.mu.Unlock()
	began := time.Now()
	_ = e.Close()
	if took := time.Since(began); took > telemetryPatience {
		t.Errorf("the end took %s", took)
	}
}

// TestTelemetryAnswers: what a subscriber answers decides whether a batch is sent
// again, and can lead ebb nowhere and have it read nothing without end.
func TestTelemetryAnswers(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("ebb was led to %s", r.URL) }))
	defer elsewhere.Close()
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter)
		again  bool
	}{
		"taken":    {func(http.ResponseWriter) {}, false},
		"refused":  {func(w http.ResponseWriter) { w.WriteHeader(404) }, false},
		"fault":    {func(w http.ResponseWriter) { w.WriteHeader(503) }, true},
		"led away": {func(w http.ResponseWriter) { w.Header().Set("Location", elsewhere.URL); w.WriteHeader(307) }, false},
		"head without end": {func(w http.ResponseWriter) {
			w.Header().Set("X", strings.Repeat("x", 2*largeHead))
		}, true},
		"body without end": {func(w http.ResponseWriter) {
			for {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := make(chan string, 100)
			n := 0
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				var batch []struct{ Record string }
				if err := json.Unmarshal(body, &batch); err != nil {
					t.Error(err)
				}
				if n++; n == 1 {
					defer c.answer(w)
				}
				for _, ev := range batch {
					got <- ev.Record
				}
			}))
			defer srv.Close()
			_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
			e, _ := subscribed(t, port, loopback)
			e.Line(TelemetryFunction, []byte("one"))
			want := []string{"one", "two"}
			if c.again {
				want = []string{"one", "one", "two"}
			}
			for i, record := range want {
				if i == len(want)-1 {
					e.Line(TelemetryFunction, []byte("two"))
				}
				select {
				case r := <-got:
					if r != record {
						t.Errorf("%q came, want %q", r, record)
					}
				case <-time.After(time.Minute):
					t.Fatalf("%q did not come", record)
				}
			}
			_ = e.Close()
		})
	}
}

// TestTelemetryRefusals: what cannot be subscribed to.
func TestTelemetryRefusals(t *testing.T) {
	_, _, rt := extended(t)
	id := rt.register(t, "inner", `{"events":[]}`)
	right := wanted("9100")
	for name, c := range map[string]struct{ from, to, want string }{
		"schema":      {"2022-12-13", "2020-01-01", "schemaVersion"},
		"protocol":    {`"HTTP"`, `"TCP"`, "destination.protocol"},
		"scheme":      {"http://", "https://", "destination.URI"},
		"host":        {"sandbox.localdomain", "169.254.169.254", "destination.URI"},
		"no port":     {":9100", "", "port is missing"},
		"port 0":      {":9100", ":0", "port is missing"},
		"large port":  {":9100", ":65536", "port is missing"},
		"type":        {`"function"`, `"everything"`, "types"},
		"not so soon": {`"timeoutMs":25`, `"timeoutMs":24`, "buffering.timeoutMs"},
		"not so few":  {`"timeoutMs":25`, `"maxItems":1`, "buffering.maxItems"},
		"not so much": {`"timeoutMs":25`, `"maxBytes":1048577`, "buffering.maxBytes"},
		"no JSON":     {"{", "", "not valid"},
		"too large":   {"/t", "/" + strings.Repeat("t", maxRegisterBody), "larger than 16384 bytes"},
	} {
		text := strings.Replace(right, c.from, c.to, 1)
		status, body, _ := rt.call(t, "PUT", "2022-07-01/telemetry", text, headerExtensionID, id)
		if status != 400 || !strings.Contains(body, c.want) || members(t, body)["errorType"] != "ValidationError" {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	if status, body, _ := rt.call(t, "PUT", "2022-07-01/telemetry", right, headerExtensionID, "8476a536-e9f4-11e8-9739-2dfe598c3fcd"); status != 403 {
		t.Errorf("of nobody: %d %s", status, body)
	}
}

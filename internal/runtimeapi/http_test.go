package runtimeapi

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// httpRuntime is a runtime that speaks the Lambda Runtime API.
type httpRuntime struct {
	client *http.Client
	addr   string
}

func newHTTPRuntime(addr string) *httpRuntime {
	return &httpRuntime{addr: addr, client: &http.Client{Transport: &http.Transport{}}}
}

func (r *httpRuntime) url(path string) string {
	if strings.HasPrefix(path, "/") {
		return "http://" + r.addr + path
	}
	return "http://" + r.addr + "/2018-06-01/" + path
}

// do returns status and body, "" for a request that failed.
func (r *httpRuntime) do(t *testing.T, method, path, body string, headers ...string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.url(path), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := r.client.Do(req)
	if err != nil {
		return 0, "", nil
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.Close {
		t.Errorf("%s %s: the connection is to be closed", method, path)
	}
	return res.StatusCode, string(b), res.Header
}

func startHTTP(t *testing.T, opt Options) (*HTTP, *httpRuntime) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, rt := NewHTTP(l, opt), newHTTPRuntime(l.Addr().String())
	t.Cleanup(func() {
		rt.client.CloseIdleConnections()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, rt
}

type invoked struct {
	out  Outcome
	err  error
	sink *catch
}

func invoke(t *testing.T, s Session, c *Call) <-chan invoked {
	got := make(chan invoked, 1)
	go func() {
		sink := &catch{}
		out, err := s.Invoke(t.Context(), c, sink)
		got <- invoked{out, err, sink}
	}()
	return got
}

// up brings the session to Ready and returns with one invocation handed over.
func up(t *testing.T, s *HTTP, rt *httpRuntime, c *Call) <-chan invoked {
	t.Helper()
	next := make(chan struct{})
	go func() {
		defer close(next)
		if status, _, _ := rt.do(t, "GET", "runtime/invocation/next", ""); status != 200 {
			t.Errorf("next: %d", status)
		}
	}()
	if f, err := s.Ready(t.Context(), Init{}); f != nil || err != nil {
		t.Fatalf("Ready: %v, %v", f, err)
	}
	got := invoke(t, s, c)
	<-next
	return got
}

const notAllowed = "State transition from %s to %s failed for runtime. Error: State transition is not allowed"

func wantRefusal(t *testing.T, what string, status int, body string, wantStatus int, errorType, message string) {
	t.Helper()
	want := fmt.Sprintf("{\"errorMessage\":%q,\"errorType\":%q}\n", message, errorType)
	if status != wantStatus || body != want {
		t.Errorf("%s: %d %s, want %d %s", what, status, body, wantStatus, want)
	}
}

func TestHTTPConversation(t *testing.T) {
	s, rt := startHTTP(t, Options{})
	deadline := time.Now().Add(time.Hour)
	calls := []*Call{
		{ID: "a-1", ARN: "arn:f:1", TraceID: "Root=1", ClientContext: []byte("{\n\"client\":1}"), Deadline: deadline, Payload: []byte(`{"n":1}`)},
		{ID: "a-2", ARN: "arn:f:1", Payload: []byte(`{"n":2}`)},
	}
	polled := make(chan http.Header, 2)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for range calls {
			status, body, h := rt.do(t, "GET", "runtime/invocation/next", "")
			if status != 200 {
				t.Errorf("next: %d", status)
				return
			}
			polled <- h
			id := h.Get(headerRequestID)
			status, answer, _ := rt.do(t, "POST", "runtime/invocation/"+id+"/response", "got "+body, "Content-Type", "application/x-www-form-urlencoded")
			if status != 202 || answer != `{"status":"OK"}` {
				t.Errorf("response: %d %s", status, answer)
			}
		}
	}()
	if f, err := s.Ready(t.Context(), Init{Tenant: "blue"}); f != nil || err != nil {
		t.Fatalf("Ready: %v, %v", f, err)
	}
	for i, c := range calls {
		got := <-invoke(t, s, c)
		if got.err != nil || string(got.sink.body) != "got "+string(c.Payload) || !cmp.Equal(got.sink.heads, []ebb.Head{{}}) {
			t.Errorf("call %d: %+v %q", i, got, got.sink.body)
		}
		if d := cmp.Diff(Outcome{Size: int64(len(got.sink.body)), Answered: true}, got.out); d != "" {
			t.Errorf("call %d: %s", i, d)
		}
	}
	<-answered
	first, second := <-polled, <-polled
	want := map[string]string{
		"Lambda-Runtime-Aws-Request-Id": "a-1", "Lambda-Runtime-Invoked-Function-Arn": "arn:f:1",
		"Lambda-Runtime-Trace-Id": "Root=1", "Lambda-Runtime-Aws-Tenant-Id": "blue", "Lambda-Runtime-Client-Context": `{ "client":1}`,
		"Lambda-Runtime-Deadline-Ms": jsonInt(deadline.UnixMilli()), "Content-Type": "application/json", "Content-Length": "7",
	}
	for k, v := range want {
		if first.Get(k) != v {
			t.Errorf("%s: %q, want %q", k, first.Get(k), v)
		}
	}
	for _, k := range []string{"Lambda-Runtime-Trace-Id", "Lambda-Runtime-Client-Context", "Lambda-Runtime-Deadline-Ms", "Connection"} {
		if v, ok := second[k]; ok {
			t.Errorf("empty %s was sent: %q", k, v)
		}
	}
}

func TestHTTPStates(t *testing.T) {
	s, rt := startHTTP(t, Options{})
	go func() { _, _ = s.Ready(t.Context(), Init{}) }()
	status, body, _ := rt.do(t, "GET", "ping", "")
	if status != 200 || body != "pong" {
		t.Errorf("ping: %d %s", status, body)
	}
	status, body, _ = rt.do(t, "POST", "runtime/invocation/a/response", "x")
	wantRefusal(t, "response before next", status, body, 400, "InvalidRequestID", "Invalid request ID")

	got := up(t, s, rt, &Call{ID: "a"})
	if status, _, h := rt.do(t, "GET", "runtime/invocation/next", ""); status != 200 || h.Get(headerRequestID) != "a" {
		t.Errorf("next while running: %d %v: the runtime gets the same invocation", status, h)
	}
	status, body, _ = rt.do(t, "POST", "runtime/init/error", "{}")
	wantRefusal(t, "init/error while running", status, body, 403, "InvalidStateTransition", fmt.Sprintf(notAllowed, "Running", "InitError"))
	status, body, _ = rt.do(t, "POST", "runtime/invocation/b/response", "x")
	wantRefusal(t, "wrong id", status, body, 400, "InvalidRequestID", "Invalid request ID")
	status, body, _ = rt.do(t, "POST", "runtime/invocation/b/error", "x")
	wantRefusal(t, "wrong id", status, body, 400, "InvalidRequestID", "Invalid request ID")
	if status, _, _ = rt.do(t, "POST", "runtime/invocation/a/response", "x"); status != 202 {
		t.Errorf("response: %d", status)
	}
	if g := <-got; g.err != nil || string(g.sink.body) != "x" {
		t.Errorf("Invoke: %+v", g)
	}
	status, body, _ = rt.do(t, "POST", "runtime/invocation/a/response", "y")
	wantRefusal(t, "second response", status, body, 403, "InvalidStateTransition", fmt.Sprintf(notAllowed, "ResponseSent", "InvocationResponse"))
	status, body, _ = rt.do(t, "POST", "runtime/invocation/a/error", "y")
	wantRefusal(t, "error after response", status, body, 403, "InvalidStateTransition", fmt.Sprintf(notAllowed, "ResponseSent", "InvocationErrorResponse"))

	for path, want := range map[string]int{"runtime/nothing": 404, "runtime/invocation/a/b": 404, "runtime/init/error": 405, "other": 404} {
		if status, _, _ := rt.do(t, "GET", path, ""); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
	if status, _, h := rt.do(t, "POST", "runtime/invocation/next", ""); status != 405 || h.Get("Allow") != "GET" {
		t.Errorf("POST next: %d %v", status, h)
	}
}

func TestHTTPError(t *testing.T) {
	tests := []struct{ header, body, want string }{
		{"Runtime.Custom", `{"errorType":"KeyError","errorMessage":"m","stackTrace":[]}`, "KeyError"},
		{"Runtime.Custom", `not json`, "Runtime.Custom"},
		{"Function.Oops", `{}`, "Function.Oops"},
		{"Runtime.lower", ``, "Runtime.Unknown"},
		{"", `{"errorType":"X\nREPORT RequestId: y\tStatus"}`, "X REPORT RequestId: y Status"}, // it stands in ebb's own lines
		{"", `{"errorType":"` + strings.Repeat("错", 1000) + `"}`, strings.Repeat("错", maxErrorType/3)},
		{"Function.1", ``, "Function.Unknown"},
		{"", ``, "Runtime.Unknown"},
	}
	for _, tt := range tests {
		s, rt := startHTTP(t, Options{})
		got := up(t, s, rt, &Call{ID: "a"})
		status, answer, _ := rt.do(t, "POST", "runtime/invocation/a/error", tt.body, headerErrorType, tt.header,
			"Lambda-Runtime-Function-XRay-Error-Cause", strings.Repeat("x", 1<<20-100))
		if status != 202 || answer != `{"status":"OK"}` {
			t.Errorf("error: %d %s", status, answer)
		}
		g := <-got
		want := Outcome{FunctionError: "Unhandled", ErrorType: tt.want, Size: int64(len(tt.body)), Answered: true}
		if d := cmp.Diff(want, g.out); d != "" || g.err != nil || string(g.sink.body) != tt.body || g.sink.heads[0].FunctionError != "Unhandled" {
			t.Errorf("%+v: %s %+v", tt, d, g)
		}
	}
}

func TestHTTPInitError(t *testing.T) {
	s, rt := startHTTP(t, Options{})
	type result struct {
		f   *Failure
		err error
	}
	got := make(chan result)
	go func() { f, err := s.Ready(t.Context(), Init{}); got <- result{f, err} }()
	status, _, _ := rt.do(t, "POST", "runtime/init/error", `{"errorMessage":"no","errorType":"X"}`, headerErrorType, "Runtime.NoSuchHandler")
	if r := <-got; status != 202 || r.err != nil || r.f == nil || r.f.ErrorType != "X" || string(r.f.Document) != `{"errorMessage":"no","errorType":"X"}` {
		t.Errorf("init/error: %d, %+v", status, r)
	}
	status, body, _ := rt.do(t, "POST", "runtime/init/error", ``)
	wantRefusal(t, "second init/error", status, body, 403, "InvalidStateTransition", fmt.Sprintf(notAllowed, "InitError", "InitError"))
	status, body, _ = rt.do(t, "GET", "runtime/invocation/next", "")
	wantRefusal(t, "next after init/error", status, body, 403, "InvalidStateTransition", fmt.Sprintf(notAllowed, "InitError", "Ready"))
}

func TestHTTPTooLarge(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		s, rt := startHTTP(t, Options{MaxResponse: 1000})
		got := up(t, s, rt, &Call{ID: "a"})
		var body io.Reader = strings.NewReader(strings.Repeat("x", 600_000))
		if chunked {
			body = io.MultiReader(body) // hides the length
		}
		res, err := rt.client.Post(rt.url("runtime/invocation/a/response"), "", body)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		wantRefusal(t, "too large", res.StatusCode, string(b), 413, "RequestEntityTooLarge", "Exceeded maximum allowed payload size (1000 bytes).")
		if res.Close {
			t.Error("the connection does not survive")
		}
		g := <-got
		if g.err != nil || g.out.ErrorType != "Function.ResponseSizeTooLarge" || string(g.sink.body) != string(sizeDocument(1000)) {
			t.Errorf("Invoke: %+v %s", g, g.sink.body)
		}
		// The runtime lives on.
		next := make(chan int)
		go func() { status, _, _ := rt.do(t, "GET", "runtime/invocation/next", ""); next <- status }()
		again := invoke(t, s, &Call{ID: "b"})
		if status := <-next; status != 200 {
			t.Errorf("next: %d", status)
		}
		if status, _, _ := rt.do(t, "POST", "runtime/invocation/b/response", strings.Repeat("y", 1000)); status != 202 {
			t.Errorf("largest answer: %d", status)
		}
		if g := <-again; g.err != nil || len(g.sink.body) != 1000 {
			t.Errorf("Invoke: %+v", g)
		}
	}
}

func TestHTTPStreaming(t *testing.T) {
	document := `{"errorType":"Late","errorMessage":"m"}`
	tests := map[string]struct {
		opt      Options
		mode     string
		trailers http.Header
		want     Outcome
		body     string
	}{
		"whole": {mode: "streaming", body: "onetwo", want: Outcome{Size: 6, Answered: true}},
		"fails late": {mode: "streaming", body: "onetwo",
			trailers: http.Header{headerErrorType: {"Function.Late"}, headerErrorBody: {base64.StdEncoding.EncodeToString([]byte(document))}},
			want:     Outcome{Size: 6, Answered: true, FunctionError: "Unhandled", ErrorType: "Late", LateError: []byte(document)}},
		"fails late without a document": {mode: "Streaming", body: "onetwo",
			trailers: http.Header{headerErrorType: {"Function.Late"}},
			want: Outcome{Size: 6, Answered: true, FunctionError: "Unhandled", ErrorType: "Function.Late",
				LateError: ErrorDocument("Function.Late", "")}},
		"without the mode header": {body: "onetwo", trailers: http.Header{headerErrorType: nil, headerErrorBody: nil},
			want: Outcome{Size: 6, Answered: true}},
		"too long": {opt: Options{MaxStream: 5}, mode: "streaming", body: "one",
			want: Outcome{Size: 6, Answered: true, FunctionError: "Unhandled", ErrorType: "Function.ResponseSizeTooLarge", LateError: sizeDocument(5)}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, rt := startHTTP(t, tt.opt)
			sink := newGate()
			got := make(chan invoked, 1)
			next := make(chan struct{})
			go func() { rt.do(t, "GET", "runtime/invocation/next", ""); close(next) }()
			if _, err := s.Ready(t.Context(), Init{}); err != nil {
				t.Fatal(err)
			}
			go func() { out, err := s.Invoke(t.Context(), &Call{ID: "a"}, sink); got <- invoked{out: out, err: err} }()
			<-next
			pr, pw := io.Pipe()
			req, _ := http.NewRequestWithContext(t.Context(), "POST", rt.url("runtime/invocation/a/response"), pr)
			if tt.mode != "" {
				req.Header.Set(headerResponseMode, tt.mode)
			}
			req.Header.Set("Content-Type", "text/event-stream")
			req.Trailer = tt.trailers
			go func() {
				_, _ = io.WriteString(pw, "one")
				<-sink.wrote // the first piece is through before the second is sent
				_, _ = io.WriteString(pw, "two")
				_ = pw.Close()
			}()
			res, err := rt.client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			g := <-got
			if d := cmp.Diff(tt.want, g.out); d != "" || g.err != nil {
				t.Errorf("%s %v", d, g.err)
			}
			if string(sink.body) != tt.body || sink.heads[0] != (ebb.Head{ContentType: "text/event-stream", Streaming: true}) {
				t.Errorf("sink got %q %+v", sink.body, sink.heads)
			}
		})
	}
}

// TestHTTPTrailersOfWholeAnswers: aws-lambda-go announces the error trailers on
// every answer.
func TestHTTPTrailersOfWholeAnswers(t *testing.T) {
	for errorType, want := range map[string]Outcome{
		"":               {Size: 2, Answered: true},
		"Function.Broke": {Size: int64(len(ErrorDocument("Function.Broke", ""))), Answered: true, FunctionError: "Unhandled", ErrorType: "Function.Broke"},
	} {
		s, rt := startHTTP(t, Options{})
		got := up(t, s, rt, &Call{ID: "a"})
		req, _ := http.NewRequestWithContext(t.Context(), "POST", rt.url("runtime/invocation/a/response"), io.MultiReader(strings.NewReader("{}")))
		req.Header.Set("Content-Type", "application/json")
		req.Trailer = http.Header{headerErrorType: nil, headerErrorBody: nil}
		if errorType != "" {
			req.Trailer.Set(headerErrorType, errorType)
		}
		res, err := rt.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		g := <-got
		if d := cmp.Diff(want, g.out); d != "" || g.err != nil || g.sink.heads[0].Streaming || res.StatusCode != 202 {
			t.Errorf("%q: %s %+v", errorType, d, g)
		}
	}
}

// gate is a sink that tells when its first piece arrived.
type gate struct {
	catch
	wrote chan struct{}
}

func newGate() *gate { return &gate{wrote: make(chan struct{})} }

func (g *gate) Write(b []byte) (int, error) {
	if len(g.body) == 0 {
		defer close(g.wrote)
	}
	return g.catch.Write(b)
}

func TestHTTPInvalidMode(t *testing.T) {
	s, rt := startHTTP(t, Options{})
	got := up(t, s, rt, &Call{ID: "a"})
	status, body, _ := rt.do(t, "POST", "runtime/invocation/a/response", "x", headerResponseMode, "sideways")
	wantRefusal(t, "mode", status, body, 400, "InvalidFunctionResponseMode", "Invalid function response mode")
	if g := <-got; g.err != nil || g.out.ErrorType != "Runtime.InvalidResponseModeHeader" {
		t.Errorf("Invoke: %+v", g)
	}
}

func TestHTTPDeadline(t *testing.T) {
	t.Run("nobody polls", func(t *testing.T) {
		s, _ := startHTTP(t, Options{})
		_, err := s.Invoke(t.Context(), &Call{ID: "a", Deadline: time.Now().Add(5 * time.Millisecond)}, &catch{})
		if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrNotDelivered) {
			t.Error(err)
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		s, rt := startHTTP(t, Options{})
		got := up(t, s, rt, &Call{ID: "a", Deadline: time.Now().Add(50 * time.Millisecond)})
		if g := <-got; !errors.Is(g.err, context.DeadlineExceeded) || errors.Is(g.err, ErrNotDelivered) {
			t.Error(g.err)
		}
		status, body, _ := rt.do(t, "POST", "runtime/invocation/a/response", "late")
		wantRefusal(t, "a dead id", status, body, 400, "InvalidRequestID", "Invalid request ID")
	})
	t.Run("the answer stalls", func(t *testing.T) {
		s, rt := startHTTP(t, Options{})
		got := up(t, s, rt, &Call{ID: "a", Deadline: time.Now().Add(50 * time.Millisecond)})
		c, err := net.Dial("tcp", rt.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
		g := <-got
		if !errors.Is(g.err, context.DeadlineExceeded) || len(g.sink.heads) != 0 {
			t.Errorf("%+v", g)
		}
		if res, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && res.StatusCode != 400 {
			t.Errorf("stalled answer: %d", res.StatusCode)
		}
	})
	t.Run("the answer is cut off", func(t *testing.T) {
		s, rt := startHTTP(t, Options{})
		got := up(t, s, rt, &Call{ID: "a"})
		c, err := net.Dial("tcp", rt.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, "POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
		_ = c.Close()
		if g := <-got; !errors.Is(g.err, ErrProtocol) || g.out.Answered {
			t.Errorf("%+v", g)
		}
	})
}

func TestHTTPClose(t *testing.T) {
	t.Run("never served", func(t *testing.T) { startHTTP(t, Options{}) })
	t.Run("while waiting", func(t *testing.T) {
		s, rt := startHTTP(t, Options{})
		got := up(t, s, rt, &Call{ID: "a"})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if g := <-got; !errors.Is(g.err, ErrClosed) {
			t.Error(g.err)
		}
		if _, err := s.Invoke(t.Context(), &Call{}, &catch{}); !errors.Is(err, ErrNotDelivered) {
			t.Error(err)
		}
	})
}

// TestHTTPPollAgain: a runtime whose poll was cut off polls again, and the
// invocation is not lost on the dead connection.
func TestHTTPPollAgain(t *testing.T) {
	s, rt := startHTTP(t, Options{})
	c, err := net.Dial("tcp", rt.addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
	if _, err := s.Ready(t.Context(), Init{}); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	ids := make(chan string, 1)
	go func() {
		_, _, h := rt.do(t, "GET", "runtime/invocation/next", "")
		ids <- h.Get(headerRequestID)
		rt.do(t, "POST", "runtime/invocation/a/response", "x")
	}()
	g := <-invoke(t, s, &Call{ID: "a", Deadline: time.Now().Add(5 * time.Second)})
	if g.err != nil || <-ids != "a" {
		t.Errorf("%+v", g)
	}
}

package runtimeapi

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// webRig is a session with a server, and a front whose requests all go to it.
type webRig struct {
	*Web
	front  *httptest.Server
	back   *httptest.Server
	ended  chan struct{}
	dials  atomic.Int64
	out    chan webOutcome // of each request to the front
	life   time.Duration   // of each call
	errors catch           // what the sink of the last request got
	mu     sync.Mutex
}

type webOutcome struct {
	Outcome
	err error
}

func startWeb(t *testing.T, web WebOptions, handler http.HandlerFunc) *webRig {
	t.Helper()
	r := &webRig{back: httptest.NewServer(handler), ended: make(chan struct{}), out: make(chan webOutcome, 100), life: time.Minute}
	web.Dial = func(ctx context.Context) (net.Conn, error) {
		r.dials.Add(1)
		var d net.Dialer
		return d.DialContext(ctx, "tcp", r.back.Listener.Addr().String())
	}
	web.Ended, web.Port = r.ended, 8080
	r.Web = NewWeb(web, Options{})
	r.front = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(func() {
		_ = r.Close()
		r.front.Close()
		r.back.CloseClientConnections()
		r.back.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	failure, err := r.Ready(t.Context(), Init{ARN: "arn:x", Env: map[string]string{
		"AWS_LAMBDA_FUNCTION_NAME": "f", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_FUNCTION_VERSION": "7"}})
	if err != nil || failure != nil {
		t.Fatalf("Ready: %v, %v", failure, err)
	}
	return r
}

func (r *webRig) serve(w http.ResponseWriter, req *http.Request) {
	// As the gateway does: a small body is there first, and an answer may come
	// before any other is read.
	if req.ContentLength > 0 && req.ContentLength < 1<<10 {
		body, _ := io.ReadAll(req.Body)
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	_ = http.NewResponseController(w).EnableFullDuplex()
	var sink catch
	out, err := r.Invoke(context.Background(), &Call{ID: "id-1", ARN: "arn:x", TraceID: "Root=1", Deadline: time.Now().Add(r.life),
		HTTP: &ebb.Exchange{Request: req, Writer: w}}, &sink)
	r.mu.Lock()
	r.errors = sink
	r.mu.Unlock()
	defer func() { r.out <- webOutcome{out, err} }()
	if err != nil || out.FunctionError != "" {
		if out.Answered && out.LateError != nil || err != nil && out.Answered {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusBadGateway)
	}
}

func (r *webRig) do(t *testing.T, method, path string, body io.Reader, headers ...string) (*http.Response, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, r.front.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	return res, string(b), err
}

func echoRequest(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	h := r.Header.Clone()
	_ = json.NewEncoder(w).Encode(map[string]any{"method": r.Method, "uri": r.RequestURI, "host": r.Host, "header": h,
		"body": string(b), "length": r.ContentLength})
}

func TestWebPassesTheRequestAsItIs(t *testing.T) {
	r := startWeb(t, WebOptions{}, echoRequest)
	for i, body := range []string{"", "small", strings.Repeat("large", 1<<16)} {
		res, got, err := r.do(t, "POST", "/a%2Fb//c?x=1;y=2&z", strings.NewReader(body),
			"X-Forwarded-For", "1.2.3.4, 5.6.7.8", "X-Amzn-Lambda-Context", "forged", "X-Many", "a", "X-Many", "b", "Connection", "X-Hop", "X-Hop", "1")
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("%v %v", res, err)
		}
		var seen struct {
			Method, URI, Host, Body string
			Length                  int64
			Header                  http.Header
		}
		if err := json.Unmarshal([]byte(got), &seen); err != nil {
			t.Fatal(err)
		}
		if seen.Method != "POST" || seen.URI != "/a%2Fb//c?x=1;y=2&z" || seen.Body != body || seen.Length != int64(len(body)) ||
			"http://"+seen.Host != r.front.URL || strings.Join(seen.Header["X-Many"], "+") != "a+b" || seen.Header["X-Hop"] != nil ||
			seen.Header.Get("X-Forwarded-For") != "1.2.3.4, 5.6.7.8" || seen.Header.Get("X-Amzn-Request-Id") != "id-1" {
			t.Errorf("%d: %+.300v", i, seen)
		}
		var about struct {
			RequestID string `json:"request_id"`
			ARN       string `json:"invoked_function_arn"`
			Deadline  int64
			Env       struct {
				Name    string `json:"function_name"`
				Memory  int
				Version string
			} `json:"env_config"`
		}
		if err := json.Unmarshal([]byte(seen.Header.Get("X-Amzn-Lambda-Context")), &about); err != nil {
			t.Fatal(err)
		}
		if about.RequestID != "id-1" || about.ARN != "arn:x" || about.Env.Name != "f" || about.Env.Memory != 256 || about.Env.Version != "7" ||
			about.Deadline < time.Now().UnixMilli() {
			t.Errorf("context %+v", about)
		}
		if o := <-r.out; o.err != nil || !o.Answered || o.Size != int64(len(got)) {
			t.Errorf("outcome %+v, %v", o.Outcome, o.err)
		}
	}
	if n := r.dials.Load(); n != 1 {
		t.Errorf("%d connections for requests in a row", n)
	}
}

func TestWebStreamsBothWays(t *testing.T) {
	r := startWeb(t, WebOptions{}, func(w http.ResponseWriter, req *http.Request) {
		rc := http.NewResponseController(w)
		if err := rc.EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		w.Header().Set("Trailer", "X-Sum")
		lines := bufio.NewScanner(req.Body)
		n := 0
		for lines.Scan() {
			n++
			_, _ = fmt.Fprintln(w, "got "+lines.Text())
			_ = rc.Flush()
		}
		w.Header().Set("X-Sum", fmt.Sprint(n))
	})
	// The front must be able to, too.
	inner := r.front.Config.Handler
	r.front.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		inner.ServeHTTP(w, req)
	})
	read, write := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", r.front.URL, read)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(write, "0\n") }()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answers := bufio.NewReader(res.Body)
	for i := range 5 { // each line is answered before the next is sent
		if line, err := answers.ReadString('\n'); err != nil || line != fmt.Sprintf("got %d\n", i) {
			t.Fatalf("%q, %v", line, err)
		}
		if i < 4 {
			_, _ = fmt.Fprintf(write, "%d\n", i+1)
		}
	}
	_ = write.Close()
	if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 || res.Trailer.Get("X-Sum") != "5" {
		t.Errorf("%q, %v, trailer %v", rest, err, res.Trailer)
	}
	if o := <-r.out; o.err != nil || o.FunctionError != "" {
		t.Errorf("%+v, %v", o.Outcome, o.err)
	}
}

func TestWebEarlyHints(t *testing.T) {
	r := startWeb(t, WebOptions{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusTeapot)
	})
	conn, err := net.Dial("tcp", r.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	text := textproto.NewReader(bufio.NewReader(conn))
	for _, want := range []string{"HTTP/1.1 103 Early Hints", "HTTP/1.1 418 I'm a teapot"} {
		line, err := text.ReadLine()
		if err != nil || line != want {
			t.Fatalf("%q, %v", line, err)
		}
		if h, err := text.ReadMIMEHeader(); err != nil || h.Get("Link") != "</a.css>" {
			t.Errorf("%v, %v", h, err)
		}
	}
}

// shouter is a server that changes to the protocol "shout", in which it talks.
func shouter(t *testing.T, talk func(*bufio.ReadWriter)) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Upgrade") != "shout" || req.Header.Get("Connection") != "Upgrade" {
			t.Errorf("%v", req.Header)
		}
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
		talk(rw)
		_ = rw.Flush()
	}
}

func TestWebUpgrade(t *testing.T) {
	r := startWeb(t, WebOptions{}, shouter(t, func(rw *bufio.ReadWriter) {
		_, _ = rw.WriteString("hello\n") // with the head
		for {
			_ = rw.Flush()
			line, err := rw.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = rw.WriteString(strings.ToUpper(line))
		}
	}))
	conn, err := net.Dial("tcp", r.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n")
	text := textproto.NewReader(bufio.NewReader(conn))
	if line, err := text.ReadLine(); err != nil || line != "HTTP/1.1 101 Switching Protocols" {
		t.Fatalf("%q, %v", line, err)
	}
	if _, err := text.ReadMIMEHeader(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"hello", "ONE", "TWO"} {
		if line, err := text.ReadLine(); err != nil || line != want {
			t.Fatalf("%q, %v", line, err)
		}
		_, _ = io.WriteString(conn, map[string]string{"hello": "one\n", "ONE": "two\n"}[want])
	}
	_ = conn.Close()
	if o := <-r.out; o.err != nil || o.FunctionError != "" || !o.Answered {
		t.Errorf("%+v, %v", o.Outcome, o.err)
	}
}

// TestWebFailures: who is to blame, and who can still be used.
func TestWebFailures(t *testing.T) {
	r := startWeb(t, WebOptions{}, nil)
	var crash sync.Once
	r.back.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/abort":
			panic(http.ErrAbortHandler)
		case "/late":
			_, _ = io.WriteString(w, "part")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/hang", "/stream":
			if req.URL.Path == "/stream" {
				_ = http.NewResponseController(w).Flush()
			}
			<-req.Context().Done()
		case "/crash":
			crash.Do(func() { close(r.ended) })
			panic(http.ErrAbortHandler)
		}
	})
	for _, c := range []struct {
		path     string
		broken   bool // Invoke returns an error
		typ      string
		answered bool
		life     time.Duration
	}{
		{path: "/", answered: true},
		{path: "/abort", typ: ebb.ErrorProtocol, answered: true},
		{path: "/late", typ: ebb.ErrorProtocol, answered: true},
		{path: "/stream", typ: ebb.ErrorTimeout, answered: true, life: 100 * time.Millisecond},
		{path: "/", answered: true},
		{path: "/hang", broken: true, life: 100 * time.Millisecond},
		{path: "/crash", broken: true},
	} {
		r.life = time.Minute
		if c.life > 0 {
			r.life = c.life
		}
		_, _, _ = r.do(t, "GET", c.path, nil)
		o := <-r.out
		for c.life > 0 && (o.Answered != c.answered || errors.Is(o.err, ErrNotDelivered)) && r.life < time.Minute {
			r.life *= 4 // a busy machine had not come so far
			_, _, _ = r.do(t, "GET", c.path, nil)
			o = <-r.out
		}
		if (o.err != nil) != c.broken || o.ErrorType != c.typ || o.Answered != c.answered || errors.Is(o.err, ErrNotDelivered) {
			t.Errorf("%s: %+v, %v", c.path, o.Outcome, o.err)
		}
		if c.path == "/hang" != errors.Is(o.err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", c.path, o.err)
		}
		if late := o.LateError != nil; late != (c.path == "/late" || c.path == "/stream") {
			t.Errorf("%s: late error %s", c.path, o.LateError)
		}
	}
	r.back.CloseClientConnections()
	r.back.Close()
	_, _, _ = r.do(t, "GET", "/", nil)
	if o := <-r.out; !errors.Is(o.err, ErrNotDelivered) || !errors.Is(o.err, syscall.ECONNREFUSED) {
		t.Errorf("nothing listens: %+v, %v", o.Outcome, o.err)
	}
}

func TestWebClientLeaves(t *testing.T) {
	entered, left := make(chan struct{}), make(chan struct{})
	r := startWeb(t, WebOptions{}, func(_ http.ResponseWriter, req *http.Request) {
		close(entered)
		<-req.Context().Done()
		close(left)
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", r.front.URL, nil)
	go func() {
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-entered
	cancel()
	<-left // the server is told
	if o := <-r.out; o.err != nil || o.FunctionError != "" {
		t.Errorf("%+v, %v", o.Outcome, o.err)
	}
}

// TestWebAnswerHeadIsBounded: a server cannot have ebb keep what it likes.
func TestWebAnswerHeadIsBounded(t *testing.T) {
	r := startWeb(t, WebOptions{}, func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, err = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		for err == nil {
			_, err = io.WriteString(conn, "X-More: "+strings.Repeat("x", 1000)+"\r\n")
		}
	})
	if res, _, err := r.do(t, "GET", "/", nil); err != nil || res.StatusCode != http.StatusBadGateway {
		t.Errorf("%v, %v", res, err)
	}
	if o := <-r.out; o.err != nil || !strings.Contains(o.Reason, "bytes of headers") {
		t.Errorf("%+v, %v", o.Outcome, o.err)
	}
}

// TestWebEarlyAnswer: the server refuses an upload it has not read.
func TestWebEarlyAnswer(t *testing.T) {
	r := startWeb(t, WebOptions{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "no")
	})
	read, write := io.Pipe()
	defer func() { _ = write.Close() }()
	go func() { _, _ = write.Write(make([]byte, 100<<10)) }()
	res, body, err := r.do(t, "PUT", "/", read)
	if err != nil || res.StatusCode != http.StatusForbidden || body != "no" {
		t.Errorf("%v, %q, %v", res, body, err)
	}
	if o := <-r.out; o.err != nil || o.FunctionError != "" {
		t.Errorf("%+v, %v", o.Outcome, o.err)
	}
}

func TestWebReadyWaitsForThePort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var tries atomic.Int64
	dial := func(context.Context) (net.Conn, error) {
		if tries.Add(1) < 5 {
			return nil, fmt.Errorf("wrapped: %w", syscall.ECONNREFUSED)
		}
		return net.Dial("tcp", l.Addr().String())
	}
	s := NewWeb(WebOptions{Dial: dial, Port: 8080}, Options{})
	if failure, err := s.Ready(t.Context(), Init{}); failure != nil || err != nil || tries.Load() != 5 {
		t.Errorf("%v, %v after %d tries", failure, err, tries.Load())
	}
	_ = s.Close()
	_ = l.Close()

	tries.Store(-1 << 40)
	s = NewWeb(WebOptions{Dial: dial, Port: 8080}, Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Ready(ctx, Init{}); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "8080") {
		t.Errorf("%v", err)
	}
	_ = s.Close()
	if _, err := s.Ready(t.Context(), Init{}); !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}

func TestWebEvents(t *testing.T) {
	r := startWeb(t, WebOptions{}, func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		if req.Method != "POST" || req.URL.Path != "/events" || req.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", req.Method, req.URL, req.Header)
		}
		switch string(b) {
		case `"text"`:
			_, _ = io.WriteString(w, "plain text")
		case `"empty"`:
		case `"huge"`:
			_, _ = w.Write(make([]byte, DefaultMaxResponse+1))
		case `"wrong"`:
			http.Error(w, "not now", http.StatusServiceUnavailable)
		case `"client"`:
			_, _ = io.WriteString(w, req.Header.Get("X-Amzn-Lambda-Context"))
		case `"abort"`:
			panic(http.ErrAbortHandler)
		default:
			_, _ = w.Write(b)
		}
	})
	large := `"` + strings.Repeat("x", 1<<20) + `"`
	for payload, want := range map[string]string{
		`{"a":1}`: `{"a":1}`, `"text"`: `"plain text"`, `"empty"`: `null`, large: large,
	} {
		var sink catch
		out, err := r.Invoke(t.Context(), &Call{ID: "e", Payload: []byte(payload)}, &sink)
		if err != nil || out.FunctionError != "" || string(sink.body) != want {
			t.Errorf("%.20s: %.100s, %+v, %v", payload, string(sink.body), out, err)
		}
	}
	for payload, want := range map[string][2]string{
		`"huge"`:  {ebb.ErrorResponseSize, "exceeded"},
		`"wrong"`: {ebb.ErrorStatus, "POST /events: 503 Service Unavailable: not now"},
		`"abort"`: {ebb.ErrorProtocol, "broke off"},
	} {
		var sink catch
		out, err := r.Invoke(t.Context(), &Call{ID: "e", Payload: []byte(payload), Deadline: time.Now().Add(time.Minute)}, &sink)
		if err != nil || out.FunctionError == "" || out.ErrorType != want[0] || !strings.Contains(string(sink.body), want[1]) ||
			!strings.Contains(out.Reason, want[1]) {
			t.Errorf("%s: %s, %+v, %v", payload, string(sink.body), out, err)
		}
	}
	var sink catch
	_, err := r.Invoke(t.Context(), &Call{ID: "e", TraceID: `a"b`, ClientContext: []byte("{\n \"custom\": 1}"), Payload: []byte(`"client"`)}, &sink)
	if err != nil || !bytes.Contains(sink.body, []byte(`"client_context":{"custom":1}`)) || !json.Valid(sink.body) {
		t.Errorf("%s, %v", string(sink.body), err)
	}
}

func TestWebConcurrencyIsBounded(t *testing.T) {
	const n = 32
	release := make(chan struct{})
	var inside atomic.Int64
	all := make(chan struct{})
	r := startWeb(t, WebOptions{Concurrency: n}, func(http.ResponseWriter, *http.Request) {
		if inside.Add(1) == n {
			close(all)
		}
		<-release
	})
	var done sync.WaitGroup
	for range n {
		done.Go(func() {
			if res, _, err := r.do(t, "GET", "/", nil); err != nil || res.StatusCode != 200 {
				t.Errorf("%v, %v", res, err)
			}
		})
	}
	<-all // all at once
	var sink catch
	if _, err := r.Invoke(t.Context(), &Call{ID: "x"}, &sink); !errors.Is(err, ErrNotDelivered) {
		t.Errorf("one too many: %v", err)
	}
	close(release)
	done.Wait()
}

// TestWebStaleConnections: what the server closed meanwhile is not used.
func TestWebStaleConnections(t *testing.T) {
	r := startWeb(t, WebOptions{}, echoRequest)
	for range 3 {
		if res, _, err := r.do(t, "POST", "/", strings.NewReader("x")); err != nil || res.StatusCode != 200 {
			t.Fatalf("%v, %v", res, err)
		}
		r.back.CloseClientConnections()
		r.Web.mu.Lock()
		for _, w := range r.idle {
			w.idle = w.idle.Add(-freshConn) // it has not been used for a while
		}
		r.Web.mu.Unlock()
	}
}

// watched tells when it is closed.
type watched struct {
	net.Conn
	closed chan struct{}
}

func (w *watched) Close() error {
	w.closed <- struct{}{}
	return w.Conn.Close()
}

func TestWebIdleConnectionsAreClosed(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _ = theirs.Close() }()
	conn := &watched{ours, make(chan struct{}, 1)}
	s := NewWeb(WebOptions{Dial: func(context.Context) (net.Conn, error) { return conn, nil }}, Options{})
	if _, err := s.Ready(t.Context(), Init{}); err != nil {
		t.Fatal(err)
	}
	<-conn.closed
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestWebClose(t *testing.T) {
	entered := make(chan struct{})
	r := startWeb(t, WebOptions{}, func(_ http.ResponseWriter, req *http.Request) {
		close(entered)
		<-req.Context().Done()
	})
	done := make(chan struct{})
	go func() { defer close(done); _, _, _ = r.do(t, "GET", "/", nil) }()
	<-entered
	_ = r.Close()
	<-done
	if o := <-r.out; !errors.Is(o.err, ErrClosed) {
		t.Errorf("%+v, %v", o.Outcome, o.err)
	}
}

func BenchmarkWeb(b *testing.B) {
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	}))
	defer back.Close()
	s := NewWeb(WebOptions{Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", back.Listener.Addr().String())
	}}, Options{})
	defer func() { _ = s.Close() }()
	if _, err := s.Ready(b.Context(), Init{}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		req := httptest.NewRequest("POST", "/", strings.NewReader("hello")).WithContext(b.Context())
		if _, err := s.Invoke(b.Context(), &Call{ID: "x", Deadline: time.Now().Add(time.Minute),
			HTTP: &ebb.Exchange{Request: req, Writer: httptest.NewRecorder()}}, &discard{}); err != nil {
			b.Fatal(err)
		}
	}
}

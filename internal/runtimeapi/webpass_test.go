package runtimeapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// TestWebAnswersWithoutBody: HEAD, 204 and 304 end with their heads, and the
// connection is good for the next request.
func TestWebAnswersWithoutBody(t *testing.T) {
	r := startWeb(t, WebOptions{}, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("X-Way", req.Method)
		switch req.URL.Path {
		case "/204":
			w.WriteHeader(http.StatusNoContent)
		case "/304":
			w.Header().Set("ETag", `"1"`)
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("Content-Length", "5")
			_, _ = io.WriteString(w, "hello")
		}
	})
	for _, c := range []struct {
		method, path string
		status       int
		length       int64
		body         string
	}{
		{"HEAD", "/", 200, 5, ""},
		{"GET", "/204", 204, 0, ""},
		{"GET", "/304", 304, 0, ""},
		{"GET", "/", 200, 5, "hello"},
	} {
		res, body, err := r.do(t, c.method, c.path, nil)
		if err != nil || res.StatusCode != c.status || body != c.body || res.ContentLength != c.length || res.Header.Get("X-Way") != c.method {
			t.Errorf("%s %s: %+v, %q, %v", c.method, c.path, res, body, err)
		}
		if o := <-r.out; o.err != nil || o.FunctionError != "" || !o.Answered {
			t.Errorf("%s %s: %+v, %v", c.method, c.path, o.Outcome, o.err)
		}
	}
	if n := r.dials.Load(); n != 1 {
		t.Errorf("%d connections for requests in a row", n)
	}
}

// TestWebHopByHop: what two neighbours say to each other goes no further, in
// either direction.
func TestWebHopByHop(t *testing.T) {
	seen := make(chan http.Header, 1)
	r := startWeb(t, WebOptions{}, func(w http.ResponseWriter, req *http.Request) {
		seen <- req.Header
		for name, value := range map[string]string{"Connection": "X-Private", "X-Private": "1", "Keep-Alive": "timeout=5",
			"Proxy-Authenticate": "Basic", "X-Public": "2"} {
			w.Header().Set(name, value)
		}
		w.Header()["X-Two"] = []string{"a", "b"}
	})
	res, _, err := r.do(t, "GET", "/", nil, "Connection", "x-mine, close", "X-Mine", "1", "Keep-Alive", "1", "Proxy-Authorization", "x",
		"Te", "trailers, deflate", "X-Theirs", "3", "Upgrade", "x", "User-Agent", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"X-Private", "Keep-Alive", "Proxy-Authenticate"} {
		if res.Header[name] != nil {
			t.Errorf("the client got %s: %q", name, res.Header[name])
		}
	}
	if res.Header.Get("X-Public") != "2" || strings.Join(res.Header["X-Two"], "+") != "a+b" {
		t.Errorf("the client got %v", res.Header)
	}
	got := <-seen
	for _, name := range []string{"Connection", "X-Mine", "Keep-Alive", "Proxy-Authorization", "Upgrade", "User-Agent"} {
		if got[name] != nil {
			t.Errorf("the server got %s: %q", name, got[name])
		}
	}
	if got.Get("Te") != "trailers" || got.Get("X-Theirs") != "3" {
		t.Errorf("the server got %v", got)
	}
}

// TestWebRequestTrailers: what the client says behind its body comes through.
func TestWebRequestTrailers(t *testing.T) {
	r := startWeb(t, WebOptions{}, func(w http.ResponseWriter, req *http.Request) {
		b, _ := io.ReadAll(req.Body)
		_, _ = fmt.Fprintf(w, "%s %s %d", b, req.Trailer.Get("X-Sum"), req.ContentLength)
	})
	conn, err := net.Dial("tcp", r.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 42\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if b, err := io.ReadAll(res.Body); err != nil || string(b) != "hello 42 -1" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestWebUnannouncedTrailers: trailers that the head does not name come through.
func TestWebUnannouncedTrailers(t *testing.T) {
	r := startWeb(t, WebOptions{}, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "x")
		_ = http.NewResponseController(w).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Late", "1")
	})
	res, body, err := r.do(t, "GET", "/", nil)
	if err != nil || body != "x" || res.Trailer.Get("X-Late") != "1" {
		t.Errorf("%q, %v, trailer %v", body, err, res.Trailer)
	}
}

// TestWebClientBreaksOffItsBody: the server is told, and nobody is blamed.
func TestWebClientBreaksOffItsBody(t *testing.T) {
	entered, told := make(chan struct{}), make(chan error, 1)
	r := startWeb(t, WebOptions{}, func(_ http.ResponseWriter, req *http.Request) {
		close(entered)
		_, err := io.Copy(io.Discard, req.Body)
		told <- err
	})
	conn, err := net.Dial("tcp", r.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\npart")
	<-entered
	_ = conn.Close()
	if err := <-told; err == nil {
		t.Error("the server takes the part for the whole")
	}
	if o := <-r.out; o.err != nil || o.FunctionError != "" {
		t.Errorf("%+v, %v", o.Outcome, o.err)
	}
}

// TestWebNeverSendsTwice: a request that may have been handled is not sent
// again, whatever its method, although the connection had been used before.
func TestWebNeverSendsTwice(t *testing.T) {
	var handled atomic.Int64
	r := startWeb(t, WebOptions{}, func(_ http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/break" {
			handled.Add(1)
			panic(http.ErrAbortHandler)
		}
	})
	for i, method := range []string{"GET", "POST", "PUT"} {
		if _, _, err := r.do(t, "GET", "/", nil); err != nil {
			t.Fatal(err)
		}
		<-r.out
		res, _, err := r.do(t, method, "/break", strings.NewReader("x"))
		if err != nil || res.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %v, %v", method, res, err)
		}
		if o := <-r.out; o.ErrorType != ebb.ErrorProtocol || errors.Is(o.err, ErrNotDelivered) {
			t.Errorf("%s: %+v, %v", method, o.Outcome, o.err)
		}
		if n := handled.Load(); n != int64(i)+1 {
			t.Errorf("%s: handled %d times", method, n)
		}
	}
}

// TestWebDeadlinesAreEachRequestsOwn: the connection may still have the deadline
// of an earlier request, which does not end a later one.
func TestWebDeadlinesAreEachRequestsOwn(t *testing.T) {
	r := startWeb(t, WebOptions{}, func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/hang" {
			<-req.Context().Done()
		}
		_, _ = io.Copy(w, req.Body)
	})
	for range 2 {
		if res, body, err := r.do(t, "POST", "/", strings.NewReader("x")); err != nil || res.StatusCode != http.StatusOK || body != "x" {
			t.Errorf("%v, %q, %v", res, body, err)
		}
		<-r.out
		r.Web.mu.Lock()
		for _, w := range r.idle {
			w.deadline = time.Unix(1, 0)
			w.arm()
		}
		r.Web.mu.Unlock()
	}
	r.life = 100 * time.Millisecond
	_, _, _ = r.do(t, "GET", "/hang", nil)
	if o := <-r.out; !errors.Is(o.err, context.DeadlineExceeded) {
		t.Errorf("%+v, %v", o.Outcome, o.err)
	}
	if n := r.dials.Load(); n != 1 {
		t.Errorf("%d connections for requests in a row", n)
	}
}

// counted counts what a writer is asked for.
type counted struct {
	*httptest.ResponseRecorder
	writes, flushes int
}

func (c *counted) Write(b []byte) (int, error) { c.writes++; return c.ResponseRecorder.Write(b) }
func (c *counted) Flush()                      { c.flushes++; c.ResponseRecorder.Flush() }

// TestWebFlushesBeforeItWaits: of an answer without a length the client gets
// what there is before more is waited for, and one that is there whole leaves in
// one piece.
func TestWebFlushesBeforeItWaits(t *testing.T) {
	heard := make(chan struct{})
	r := startWeb(t, WebOptions{}, func(w http.ResponseWriter, req *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		if req.URL.Path == "/slow" {
			<-heard
		}
		_, _ = io.WriteString(conn, "1\r\n!\r\n0\r\n\r\n")
	})
	raw := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n"
	whole := startRaw(t, raw)
	out := &counted{ResponseRecorder: httptest.NewRecorder()}
	o, err := whole.Invoke(t.Context(), &Call{ID: "x", Deadline: time.Now().Add(time.Minute),
		HTTP: &ebb.Exchange{Request: httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), Writer: out}}, &catch{})
	if err != nil || o.FunctionError != "" || out.Body.String() != "hello!" || out.flushes > 0 {
		t.Errorf("%+v, %v: %q, %d flushes", o, err, out.Body, out.flushes)
	}

	res, err := http.Get(r.front.URL + "/slow")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var b [5]byte
	if _, err := io.ReadFull(res.Body, b[:]); err != nil || string(b[:]) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	close(heard)
	if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "!" {
		t.Errorf("%q, %v", rest, err)
	}
}

// startRaw is a session with a server that answers everything with these bytes.
func startRaw(t *testing.T, answer string) *Web {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				_, _ = io.WriteString(conn, answer)
			}
			_ = conn.Close()
		}
	}()
	s := NewWeb(WebOptions{Dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	}}, Options{})
	t.Cleanup(func() { _ = s.Close(); _ = l.Close(); <-ended })
	return s
}

// TestWebSenselessAnswers: what is no HTTP, or no answer to the request, is the
// server's fault and reaches no client.
func TestWebSenselessAnswers(t *testing.T) {
	for name, answer := range map[string]string{
		"no HTTP":         "hello\r\n\r\n",
		"no status":       "HTTP/1.1 000 Nothing\r\n\r\n",
		"unasked upgrade": "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
		"endless interim": strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", maxInterim+1),
		"two lengths":     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		"nothing":         "",
	} {
		s := startRaw(t, answer)
		out := httptest.NewRecorder()
		o, err := s.Invoke(t.Context(), &Call{ID: "x", Deadline: time.Now().Add(time.Minute),
			HTTP: &ebb.Exchange{Request: httptest.NewRequestWithContext(t.Context(), "GET", "/", nil), Writer: out}}, &catch{})
		if err != nil || o.ErrorType != ebb.ErrorProtocol || o.LateError != nil || out.Body.Len() > 0 {
			t.Errorf("%s: %+v, %v, %q", name, o, err, out.Body)
		}
	}
}

// TestWebUpgradeEnds: each side may say that it has no more to say, and the time
// of the invocation ends what neither does.
func TestWebUpgradeEnds(t *testing.T) {
	r := startWeb(t, WebOptions{}, shouter(t, func(rw *bufio.ReadWriter) {
		_ = rw.Flush()
		b, _ := io.ReadAll(rw) // until the client has said all
		_, _ = rw.WriteString(strings.ToUpper(string(b)))
	}))
	r.life = time.Minute
	conn, in, ok := shout(t, r, "hello") // what comes with the request is for the new protocol already
	if !ok {
		t.Fatal("no upgrade")
	}
	_ = conn.(*net.TCPConn).CloseWrite()
	if b, err := io.ReadAll(in); err != nil || string(b) != "HELLO" {
		t.Errorf("%q, %v", b, err)
	}
	_ = conn.Close()
	if o := <-r.out; o.err != nil || o.FunctionError != "" || !o.Answered {
		t.Errorf("%+v, %v", o.Outcome, o.err)
	}
	for r.life = 100 * time.Millisecond; ; r.life *= 2 { // until it was enough to begin
		conn, in, ok := shout(t, r, "")
		b, err := io.ReadAll(in)
		_ = conn.Close()
		o := <-r.out
		if !ok {
			continue
		}
		if err != nil || len(b) > 0 || o.err != nil || o.ErrorType != ebb.ErrorTimeout || !o.Answered {
			t.Errorf("%q, %v: %+v, %v", b, err, o.Outcome, o.err)
		}
		return
	}
}

// shout changes to the protocol "shout" and says the first words in it.
func shout(t *testing.T, r *webRig, words string) (net.Conn, *bufio.Reader, bool) {
	t.Helper()
	conn, err := net.Dial("tcp", r.front.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n"+words)
	in := bufio.NewReader(conn)
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		return conn, in, false
	}
	_ = res.Body.Close()
	return conn, in, res.StatusCode == http.StatusSwitchingProtocols && res.Header.Get("Upgrade") == "shout"
}

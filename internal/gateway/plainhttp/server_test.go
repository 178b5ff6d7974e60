package plainhttp

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything here may take.
const patience = 30 * time.Second

// rig is a server with a handler of the test's.
type rig struct {
	*Server
	t       *testing.T
	address string
	errors  bytes.Buffer // guarded by the logger
	served  chan error
}

func newRig(t *testing.T, h http.HandlerFunc) *rig {
	t.Helper()
	return serving(t, &http.Server{Handler: h, ReadHeaderTimeout: patience, IdleTimeout: patience})
}

func serving(t *testing.T, rest *http.Server) *rig {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, address: l.Addr().String(), served: make(chan error, 1)}
	rest.ErrorLog = log.New(&r.errors, "", 0)
	r.Server = New(rest)
	go func() { r.served <- r.Serve(l) }()
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if err := <-r.served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return r
}

// client is one connection to the server.
type client struct {
	net.Conn
	t  *testing.T
	in *bufio.Reader
}

func (r *rig) dial() *client {
	r.t.Helper()
	c, err := net.Dial("tcp", r.address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return &client{c, r.t, bufio.NewReader(c)}
}

func (c *client) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

// answer reads the answer to a request of a method.
func (c *client) answer(method string) (*http.Response, string) {
	c.t.Helper()
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res, string(body)
}

// want sends a request and compares the answer's body.
func (c *client) want(request, body string) *http.Response {
	c.t.Helper()
	c.send(request)
	method, _, _ := strings.Cut(request, " ")
	res, got := c.answer(method)
	if got != body {
		c.t.Errorf("%q was answered %q, want %q", request, got, body)
	}
	return res
}

// ended fails unless the connection has been closed.
func (c *client) ended() {
	c.t.Helper()
	if b, err := c.in.ReadByte(); err == nil || isTimeout(err) {
		c.t.Errorf("the connection goes on: %q %v", b, err)
	}
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

// by says who serves.
func by(w http.ResponseWriter) string {
	if _, plain := w.(*answer); plain {
		return "plain"
	}
	return "net/http"
}

// echo answers with who serves, and what came.
func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "%s %s %s %s %v", by(w), r.Method, r.URL.Path, body, err)
}

func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

const get = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"

func TestRequestsOfOneConnection(t *testing.T) {
	c := newRig(t, echo).dial()
	c.want(get, "plain GET /a  <nil>")
	res := c.want(post("/b", "body"), "plain POST /b body <nil>")
	if res.ContentLength != 24 || res.Header.Get("Content-Type") != "text/plain; charset=utf-8" || res.Header.Get("Date") == "" || res.Close {
		t.Errorf("%+v", res)
	}
	large := strings.Repeat("x", 40<<10)
	c.want(post("/c", large), "plain POST /c "+large+" <nil>")
	// Two at once, and the second in pieces.
	c.send(post("/d", "1") + post("/e", "23")[:30])
	if _, got := c.answer("POST"); got != "plain POST /d 1 <nil>" {
		t.Error(got)
	}
	c.send(post("/e", "23")[30:])
	if _, got := c.answer("POST"); got != "plain POST /e 23 <nil>" {
		t.Error(got)
	}
	if res := c.want("GET /f HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", "plain GET /f  <nil>"); !res.Close {
		t.Error("the end is not announced")
	}
	c.ended()
}

// TestNetHTTPHasTheRest: what is not plain is served all the same, first on a
// connection or later, and so is what follows it.
func TestNetHTTPHasTheRest(t *testing.T) {
	r := newRig(t, echo)
	large := strings.Repeat("y", maxRequest)
	long := "GET /a HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", maxHead) + "\r\n\r\n"
	for _, c := range []struct{ request, answer string }{
		{"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "net/http POST /a abc <nil>"},
		{post("/a", large), "net/http POST /a " + large + " <nil>"},
		{long, "net/http GET /a  <nil>"},
		{"GET http://h/a HTTP/1.1\r\nHost: h\r\n\r\n", "net/http GET /a  <nil>"},
		{"GET /a HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", "net/http GET /a  <nil>"},
		{"GET /a\x80 HTTP/1.1\r\nHost: h\r\n\r\n", "net/http GET /a\x80  <nil>"},
	} {
		for range 2 {
			first := r.dial()
			first.want(c.request, c.answer)
			first.want(get, "net/http GET /a  <nil>")
			later := r.dial()
			later.want(get, "plain GET /a  <nil>")
			later.want(c.request, c.answer)
		}
	}
	for request, status := range map[string]int{
		"GET /a HTTP/1.1\r\n\r\n": 400, "GET /a HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n": 400, "GET / HTTP/1.1\r\nHost: h\r\nA : b\r\n\r\n": 400,
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab": 400, "GET / HTTP/1.1\r\nHost: h\r\nExpect: x\r\n\r\n": 417,
	} {
		c := r.dial()
		c.send(request)
		if res, _ := c.answer("GET"); res.StatusCode != status {
			t.Errorf("%q was answered %d", request, res.StatusCode)
		}
	}
}

// TestSlowRequestIsNetHTTPs: one that does not come in time is served as soon as
// it is there.
func TestSlowRequestIsNetHTTPs(t *testing.T) {
	r := newRig(t, echo)
	for _, at := range []int{5, len(post("/a", "body")) - 2} {
		c := r.dial()
		c.want(get, "plain GET /a  <nil>")
		c.send(post("/a", "body")[:at])
		for len(r.connections()) > 0 { // it was given away
			<-time.After(time.Millisecond)
		}
		c.send(post("/a", "body")[at:])
		if _, got := c.answer("POST"); got != "net/http POST /a body <nil>" {
			t.Error(got)
		}
	}
}

func (s *Server) connections() (all []*conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		all = append(all, c)
	}
	return all
}

// TestDecline: a declined request comes again, whole, with a writer that can do
// everything.
func TestDecline(t *testing.T) {
	asked := 0
	c := newRig(t, func(w http.ResponseWriter, r *http.Request) {
		if d, ok := w.(interface{ Decline() }); ok {
			asked++
			d.Decline()
			return
		}
		echo(w, r)
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
	}).dial()
	c.want(post("/a", "body"), "net/http POST /a body <nil>")
	c.want(post("/a", "more"), "net/http POST /a more <nil>")
	if asked != 1 {
		t.Errorf("%d were declined", asked)
	}
}

func TestUpgrade(t *testing.T) {
	c := newRig(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = conn.Close() }()
		line, err := buffered.ReadString('\n')
		if err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n\r\ngot "+line)
	}).dial()
	c.want("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello\n", "got hello\n")
}

func TestAnswers(t *testing.T) {
	large := bytes.Repeat([]byte("z"), 2*together)
	r := newRig(t, func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		var err error
		write := func(p []byte) {
			var n int
			if n, err = w.Write(p); err == nil && n != len(p) {
				t.Errorf("%d of %d were written", n, len(p))
			}
		}
		switch r.URL.Path {
		case "/none":
		case "/pieces":
			write([]byte("a"))
			write([]byte("b"))
		case "/large":
			h.Set("Content-Length", fmt.Sprint(1+len(large)))
			write([]byte("z"))
			write(large)
		case "/status":
			w.WriteHeader(http.StatusEarlyHints)
			h["X-A"] = []string{"1\r\nX-B: 2", "3"}
			h["X Y"] = []string{"4"}
			h["Content-Type"] = nil
			w.WriteHeader(499)
			w.WriteHeader(500)
			write([]byte("<html>"))
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
			if write([]byte("a")); !errors.Is(err, http.ErrBodyNotAllowed) {
				t.Error(err)
			}
			return
		case "/over":
			h.Set("Content-Length", "1")
			write([]byte("a"))
			if write([]byte("b")); !errors.Is(err, http.ErrContentLength) {
				t.Error(err)
			}
			return
		}
		if err != nil {
			t.Error(r.URL.Path, err)
		}
	})
	c := r.dial()
	request := func(method, path string) string { return method + " " + path + " HTTP/1.1\r\nHost: h\r\n\r\n" }
	if res := c.want(request("GET", "/none"), ""); res.ContentLength != 0 || res.StatusCode != 200 {
		t.Errorf("%+v", res)
	}
	c.want(request("GET", "/pieces"), "ab")
	c.want(request("GET", "/large"), "z"+string(large))
	if res := c.want(request("HEAD", "/large"), ""); res.ContentLength != int64(1+len(large)) {
		t.Errorf("%+v", res)
	}
	res := c.want(request("GET", "/status"), "<html>")
	if res.StatusCode != 499 || res.Status != "499 status code 499" || len(res.Header["X-A"]) != 2 || res.Header["X-B"] != nil || res.Header["X y"] != nil || res.Header["Content-Type"] != nil {
		t.Errorf("%+v", res)
	}
	if res := c.want(request("GET", "/empty"), ""); res.StatusCode != 204 || res.Header["Content-Length"] != nil {
		t.Errorf("%+v", res)
	}
	c.want(request("GET", "/over"), "a")
	c.want(request("HEAD", "/pieces"), "")
	c.want(request("GET", "/none"), "") // nothing of those before is left
}

// TestAnswerThatIsNotWhole: the client learns by the connection's end that there
// is no more.
func TestAnswerThatIsNotWhole(t *testing.T) {
	r := newRig(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		switch r.URL.Path {
		case "/panic":
			panic("no reason")
		case "/abort":
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "1234")
	})
	c := r.dial()
	c.send("GET /short HTTP/1.1\r\nHost: h\r\n\r\n")
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(res.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Error(err)
	}
	_ = res.Body.Close()
	for _, path := range []string{"/panic", "/abort"} {
		c := r.dial()
		c.send("GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n")
		c.ended()
	}
	if err := r.Shutdown(t.Context()); err != nil { // whoever logs has done so
		t.Fatal(err)
	}
	if text := r.errors.String(); strings.Count(text, "panic serving") != 1 || !strings.Contains(text, "no reason") || !strings.Contains(text, "server_test.go") {
		t.Errorf("logged %q", text)
	}
}

// TestClientThatLeaves: whoever waits for the request's context learns of it.
func TestClientThatLeaves(t *testing.T) {
	waits, over := make(chan context.Context), make(chan error)
	r := newRig(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/wait" {
			echo(w, r)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), patience)
		defer cancel()
		waits <- r.Context()
		<-ctx.Done()
		over <- ctx.Err()
	})
	c := r.dial()
	c.want(get, "plain GET /a  <nil>")
	c.send("GET /wait HTTP/1.1\r\nHost: h\r\n\r\n")
	ctx := <-waits
	if err := ctx.Err(); err != nil {
		t.Error("before it left:", err)
	}
	_ = c.Close()
	if err := <-over; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-ctx.Done()
}

// TestContextEndsWithTheRequest, also one that nobody waited for; and waiting for
// it takes nothing of what the client sends next.
func TestContextEndsWithTheRequest(t *testing.T) {
	contexts := make(chan context.Context, 10)
	c := newRig(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/b" {
			done := r.Context().Done()
			select {
			case <-done:
				t.Error("the client is there")
			default:
			}
		}
		contexts <- r.Context()
		echo(w, r)
	}).dial()
	for range 20 {
		c.send(post("/a", "1") + post("/b", "2") + post("/a", "3"))
		for _, want := range []string{"/a 1", "/b 2", "/a 3"} {
			if _, got := c.answer("POST"); got != "plain POST "+want+" <nil>" {
				t.Fatal(got)
			}
			ctx := <-contexts
			<-ctx.Done()
			if !errors.Is(ctx.Err(), context.Canceled) {
				t.Error(ctx.Err())
			}
		}
		c.send(post("/b", "4"))
		if _, got := c.answer("POST"); got != "plain POST /b 4 <nil>" {
			t.Fatal(got)
		}
		<-contexts
	}
}

// TestShutdown: what has begun is answered, on connections of both kinds; idle
// connections and new ones are not served.
func TestShutdown(t *testing.T) {
	began, proceed := make(chan struct{}, 2), make(chan struct{})
	r := newRig(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			began <- struct{}{}
			<-proceed
		}
		echo(w, r)
	})
	idle := r.dial()
	idle.want(get, "plain GET /a  <nil>")
	fresh := r.dial()
	plain, other := r.dial(), r.dial()
	plain.send(post("/slow", "1"))
	other.send("GET http://h/slow HTTP/1.1\r\nHost: h\r\n\r\n")
	<-began
	<-began
	down := make(chan error, 1)
	go func() { down <- r.Shutdown(context.Background()) }()
	idle.ended()
	fresh.ended()
	select {
	case err := <-down:
		t.Error("it did not wait:", err)
	default:
	}
	close(proceed)
	res, got := plain.answer("POST")
	if got != "plain POST /slow 1 <nil>" || !res.Close {
		t.Errorf("%q %v", got, res.Close)
	}
	plain.ended()
	if _, got := other.answer("GET"); got != "net/http GET /slow  <nil>" {
		t.Error(got)
	}
	if err := <-down; err != nil {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", r.address); err == nil {
		_ = c.Close()
		t.Error("it still listens")
	}
}

func TestShutdownThatTakesTooLong(t *testing.T) {
	began, proceed := make(chan struct{}), make(chan struct{})
	r := newRig(t, func(http.ResponseWriter, *http.Request) {
		close(began)
		<-proceed
	})
	c := r.dial()
	c.send(get)
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_ = r.Close()
	c.ended()
	close(proceed)
	if err := r.Shutdown(t.Context()); err != nil { // the handler has ended
		t.Error(err)
	}
}

// TestIdleConnectionsEnd after the time that net/http would give them.
func TestIdleConnectionsEnd(t *testing.T) {
	const soon = 50 * time.Millisecond
	fresh := serving(t, &http.Server{Handler: http.HandlerFunc(echo), ReadHeaderTimeout: soon, IdleTimeout: patience}).dial()
	fresh.ended()
	c := serving(t, &http.Server{Handler: http.HandlerFunc(echo), ReadHeaderTimeout: patience, IdleTimeout: soon}).dial()
	c.want(get, "plain GET /a  <nil>")
	c.ended()
}

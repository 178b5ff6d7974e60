package runtimeapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// FuzzFramed lets a runtime send anything at all. Whatever it is, Invoke ends in
// time, answers at most once, and gives the sink no more than the limits allow.
func FuzzFramed(f *testing.F) {
	seed := func(fs ...frame) {
		var b []byte
		for _, fr := range fs {
			b = append(b, fr.bytes()...)
		}
		f.Add(b)
	}
	seed(frame{typ: frameResponse, stream: 1, payload: []byte(`{"a":1}`)})
	seed(frame{typ: frameLog, stream: 1, head: "INFO", payload: []byte("x")}, frame{typ: frameError, stream: 1, head: "E", payload: []byte("{}")})
	seed(frame{typ: frameChunk, stream: 1, head: "text/plain", payload: []byte("ab")}, frame{typ: frameEnd, stream: 1})
	seed(frame{typ: frameChunk, stream: 1}, frame{typ: frameError, flags: flagExit, stream: 1, payload: []byte("{}")})
	seed(frame{typ: frameResponse, stream: 1, payload: make([]byte, 2000)})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 4, 0, 0, 0, 0, 0, 0, 1})
	f.Add([]byte{0, 0, 0, 1, 4, 0, 0, 2, 0, 0, 0, 1, 9})
	f.Fuzz(func(t *testing.T, wire []byte) {
		ours, theirs := net.Pipe()
		done := make(chan struct{})
		go func() {
			defer close(done)
			go func() { _, _ = io.Copy(io.Discard, theirs) }()
			_, _ = theirs.Write(frame{typ: frameReady}.bytes())
			_, _ = theirs.Write(wire)
			_ = theirs.Close()
		}()
		s := NewFramed(ours, Options{MaxResponse: 1000, MaxStream: 1500})
		if _, err := s.Ready(t.Context(), Init{}); err != nil {
			t.Fatal(err)
		}
		var sink catch
		out, err := s.Invoke(context.Background(), &Call{ID: "1", Deadline: time.Now().Add(5 * time.Second)}, &sink)
		if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("stuck on %q", wire)
		}
		if len(sink.heads) > 1 || out.Answered != (len(sink.heads) == 1) || len(sink.body) > 1500 {
			t.Errorf("%d heads, %d bytes, %+v", len(sink.heads), len(sink.body), out)
		}
		_ = s.Close()
		<-done
	})
}

// FuzzFrameReader: the reader finds the same frames however the bytes arrive.
func FuzzFrameReader(f *testing.F) {
	two := append(frame{typ: frameLog, head: "A", payload: []byte("xyz")}.bytes(), frame{typ: frameEnd, stream: 3}.bytes()...)
	f.Add(two, 1)
	f.Add(two, 13)
	f.Add(frame{typ: frameResponse, payload: make([]byte, 70_000)}.bytes(), 4096)
	f.Fuzz(func(t *testing.T, wire []byte, step int) {
		if step <= 0 || step > 1<<16 {
			step = 7
		}
		// whole is true if the wire ends where a frame ends.
		all := func(src io.Reader) (got []byte, whole bool) {
			r := frameReader{src: src}
			defer r.release()
			for {
				h, err := r.next()
				if err != nil {
					return got, errors.Is(err, io.EOF) && r.r == r.w
				}
				got = h.append(got)
				left := int64(h.body)
				for left > 0 {
					p, err := r.piece(left)
					if err != nil {
						return got, false
					}
					left -= int64(len(p))
					got = append(got, p...)
				}
			}
		}
		a, aWhole := all(bytes.NewReader(wire))
		b, bWhole := all(&stepReader{wire, step})
		// How much is handed on of a body that was cut off depends on the pieces.
		if aWhole != bWhole || aWhole && !bytes.Equal(a, b) {
			t.Errorf("at once: %d bytes, whole %v; stepwise: %d bytes, whole %v", len(a), aWhole, len(b), bWhole)
		}
		if !bytes.HasPrefix(wire, a) || !bytes.HasPrefix(wire, b) {
			t.Error("the reader made bytes up")
		}
	})
}

type stepReader struct {
	b    []byte
	step int
}

func (s *stepReader) Read(p []byte) (int, error) {
	if len(s.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.b[:min(s.step, len(s.b))])
	s.b = s.b[n:]
	return n, nil
}

// FuzzHTTP lets a runtime send any request after it was handed an invocation.
// ebb answers in HTTP or closes the connection, and the invocation ends by an
// answer that was accepted or by its deadline.
func FuzzHTTP(f *testing.F) {
	const base = "/2018-06-01/runtime/"
	f.Add("POST", base+"invocation/a/response", "", "", []byte("x"))
	f.Add("POST", base+"invocation/a/response", headerResponseMode, "streaming", []byte("x"))
	f.Add("POST", base+"invocation/a/response", headerResponseMode, "what", []byte("x"))
	f.Add("POST", base+"invocation/a/error", headerErrorType, "Runtime.X", []byte(`{"errorType":"x"}`))
	f.Add("POST", base+"invocation//response", "", "", []byte("x"))
	f.Add("POST", base+"init/error", "", "", []byte("x"))
	f.Add("GET", base+"invocation/next", "", "", []byte(nil))
	f.Add("GET", "/2018-06-01/ping", "", "", []byte(nil))
	f.Add("POST", base+"invocation/a/response", "Transfer-Encoding", "chunked", []byte("3\r\nabc\r\n0\r\n\r\n"))
	f.Add("POST", base+"invocation/a/response", "Transfer-Encoding", "chunked", []byte("3;x=y\r\nabc\r\n0\r\n"+headerErrorType+": Function.X\r\n\r\n"))
	f.Add("POST", base+"invocation/a/response", "Transfer-Encoding", "chunked", []byte("ffffffffffffffff\r\nabc"))
	f.Add("POST", base+"invocation/a/response", "Expect", "100-continue", []byte("x"))
	f.Add("POST", base+"invocation/a/response", "Content-Length", "5", []byte("x"))
	f.Add("GET", "http://x"+base+"invocation/next?x", "Connection", "close", []byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, method, path, key, value string, body []byte) {
		l := newPipeListener()
		s := NewHTTP(l, Options{MaxResponse: 1000})
		defer s.Close()
		c := l.dial()
		defer c.Close()
		br := bufio.NewReader(c)
		go func() {
			_, _ = io.WriteString(c, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n")
		}()
		if _, err := s.Ready(t.Context(), Init{}); err != nil {
			t.Fatal(err)
		}
		var sink catch
		got := make(chan error, 1)
		var out Outcome
		go func() {
			var err error
			out, err = s.Invoke(context.Background(), &Call{ID: "a", Deadline: time.Now().Add(time.Second)}, &sink)
			got <- err
		}()
		res, err := http.ReadResponse(br, nil)
		if err != nil || res.Header.Get(headerRequestID) != "a" {
			t.Fatal(res, err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		sent := make(chan struct{})
		go func() {
			defer close(sent)
			var b bytes.Buffer
			b.WriteString(method + " " + path + " HTTP/1.1\r\nHost: x\r\n")
			if key != "Transfer-Encoding" {
				b.WriteString("Content-Length: " + jsonInt(int64(len(body))) + "\r\n")
			}
			if key != "" {
				b.WriteString(key + ": " + value + "\r\n")
			}
			b.WriteString("\r\n")
			b.Write(body)
			_, _ = c.Write(b.Bytes())
		}()
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		res, err = http.ReadResponse(br, nil)
		if err == nil && res.StatusCode == http.StatusAccepted {
			if err := <-got; err != nil || !out.Answered {
				t.Errorf("accepted, but Invoke: %+v, %v", out, err)
			}
		}
		_ = c.Close()
		<-sent
		_ = s.Close()
		if len(sink.heads) > 1 || len(sink.body) > 1000 {
			t.Errorf("%d heads, %d bytes", len(sink.heads), len(sink.body))
		}
	})
}

// FuzzWebHead lets a client of a web function send any head. What the server gets
// is one request with the same head, but for what is between two neighbours, and
// with what ebb says of the invocation, once.
func FuzzWebHead(f *testing.F) {
	f.Add([]byte("GET /a%20b//c?q=%zz&x HTTP/1.1\r\nHost: h:1\r\nX-Many: a\r\nX-Many: \xff\"b\r\n\r\n"))
	f.Add([]byte("POST http://h/x HTTP/1.1\r\nHost: other\r\nX-Amzn-Request-Id: forged\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n0\r\n\r\n"))
	f.Add([]byte("OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: X-Amzn-Lambda-Context, close, upgrade\r\nUpgrade: x\r\nTE: trailers\r\n\r\n"))
	f.Add([]byte("PUT / HTTP/1.0\r\nContent-Length: 5\r\nX-Amzn-Trace-Id: a\tb\r\nX-Folded: a\r\n b\r\n\r\nhello"))
	f.Add([]byte("T / HTTP/1.0\nh:5\n\t\n\n"))
	about := newWebContext(Init{ARN: "arn", Tenant: "a\"\r\nX: y"})
	f.Fuzz(func(t *testing.T, sent []byte) {
		in, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(sent)))
		if err != nil || !served(in) {
			return
		}
		in.URL.Scheme, in.URL.Host, in.URL.User = "", "", nil // the gateway leaves them out
		head := about.appendHead(nil, in, &Call{ID: "the-id", TraceID: "Root=1", ClientContext: []byte("{\n\"a\":1}")})
		rest := bufio.NewReader(bytes.NewReader(head))
		got, err := http.ReadRequest(rest)
		if err != nil {
			t.Fatalf("%v: %q", err, head)
		}
		if n := bytes.Count(head, []byte("\r\n\r\n")); n != 1 || !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
			t.Fatalf("%d ends of a head: %q", n, head)
		}
		if got.Method != in.Method || got.URL.RequestURI() != in.URL.RequestURI() || got.Host != in.Host {
			t.Errorf("%s %s %s became %s %s %s", in.Method, in.URL, in.Host, got.Method, got.URL, got.Host)
		}
		if hasBody(in) && got.ContentLength != in.ContentLength || !hasBody(in) && got.ContentLength != 0 {
			t.Errorf("length %d became %d: %q", in.ContentLength, got.ContentLength, head)
		}
		for _, name := range []string{"X-Amzn-Request-Id", "X-Amzn-Trace-Id", "X-Amzn-Lambda-Context"} {
			if len(got.Header[name]) != 1 {
				t.Errorf("%s: %q", name, got.Header[name])
			}
		}
		if got.Header.Get("X-Amzn-Request-Id") != "the-id" {
			t.Errorf("the id became %q", got.Header)
		}
		for name, values := range in.Header {
			if ebb.HopByHop(name) || about.owns(name, &Call{TraceID: "x"}) || ebb.Listed(in.Header["Connection"], name) {
				continue
			}
			// net/http leaves white space at the end of a value whose last line is empty.
			for i, v := range values {
				values[i] = strings.TrimRight(v, " \t")
			}
			if !slices.Equal(values, got.Header[name]) {
				t.Errorf("%s: %q became %q", name, values, got.Header[name])
			}
		}
	})
}

// served reports whether net/http and the gateway pass such a request on.
func served(r *http.Request) bool {
	if r.URL.Path == "" || r.URL.Path[0] != '/' || strings.ContainsFunc(r.Host, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return false
	}
	for name := range r.Header {
		if strings.ContainsRune(name, ' ') {
			return false
		}
	}
	return true
}

// pipeListener is a listener without a network, so that the fuzzer runs out of
// nothing.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
}

func (l *pipeListener) dial() net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- ours
	return theirs
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	select {
	case <-l.closed:
	default:
		close(l.closed)
	}
	return nil
}
func (l *pipeListener) Addr() net.Addr { return &net.UnixAddr{} }

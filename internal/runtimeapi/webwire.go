package runtimeapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"syscall"
	"time"
)

const (
	// idleConn is how long a connection without a request is kept. Servers close
	// theirs after 2 s or more, and a request must not meet that.
	idleConn = time.Second
	// freshConn is how long a connection is believed to be open without a look.
	freshConn = 20 * time.Millisecond
	// smallBody is the largest request body that is sent before the answer is
	// read, in bytes. Larger ones are sent beside it, on a goroutine.
	smallBody = 16 << 10
	// maxInterim is how many interim responses (1xx) one request may get.
	maxInterim = 16
	// maxAnswerHead is the most that comes before the body of an answer, in bytes.
	maxAnswerHead = 1 << 20
)

// wire is one connection to the server. One request uses it at a time, on the
// goroutine of its invocation. http.Transport would do as much with goroutines
// of its own, and would send a request again when it believes that to be safe.
type wire struct {
	conn  net.Conn
	limit io.LimitedReader // of conn; bounds what an answer's head may take
	r     *bufio.Reader    // of limit
	w     *bufio.Writer
	idle  time.Time // since when it has had no request
}

func newWire(conn net.Conn) *wire {
	w := &wire{conn: conn, limit: io.LimitedReader{R: conn, N: math.MaxInt64}, w: bufio.NewWriter(conn)}
	w.r = bufio.NewReader(&w.limit)
	return w
}

func (w *wire) close() { _ = w.conn.Close() } // nothing is left to tell the server

// take returns an idle connection, or makes one.
func (s *Web) take(ctx context.Context) (*wire, error) {
	for {
		s.mu.Lock()
		n := len(s.idle)
		if n == 0 {
			s.mu.Unlock()
			break
		}
		w := s.idle[n-1]
		s.idle = s.idle[:n-1]
		s.mu.Unlock()
		if age := time.Since(w.idle); age < freshConn || age < idleConn && w.open() {
			return w, nil
		}
		w.close()
	}
	conn, err := s.web.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return newWire(conn), nil
}

// open reports whether the server has neither closed the connection nor said
// anything unasked.
func (w *wire) open() bool {
	c, ok := w.conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	var read error
	err = raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, read = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return true
	})
	return err == nil && (errors.Is(read, syscall.EAGAIN) || errors.Is(read, syscall.EINTR))
}

// keep makes w available for the next request.
func (s *Web) keep(w *wire) {
	w.idle = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		w.close()
		return
	}
	s.idle = append(s.idle, w)
	if s.reaper == nil {
		s.reaper = time.AfterFunc(idleConn, s.reap)
	}
}

// reap closes the connections that have been idle for too long.
func (s *Web) reap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reaper = nil
	old := 0
	for old < len(s.idle) && time.Since(s.idle[old].idle) >= idleConn {
		s.idle[old].close()
		old++
	}
	s.idle = append(s.idle[:0], s.idle[old:]...)
	if len(s.idle) > 0 && s.life.Err() == nil {
		s.reaper = time.AfterFunc(idleConn-time.Since(s.idle[0].idle), s.reap)
	}
}

// trip is one request on one connection. It is the http.RoundTripper of that
// request and the body of its answer.
type trip struct {
	s      *Web
	wire   *wire
	unhook func() bool   // of the context that interrupts the connection
	sent   chan error    // what became of the body that is sent beside; nil = none
	body   io.ReadCloser // of the answer
	again  bool          // the server keeps the connection
	begun  bool          // the server may have seen something of the request
	failed error         // reading the answer's body
	size   int64         // bytes of the answer's body so far
}

// RoundTrip implements http.RoundTripper.
func (t *trip) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	w, err := t.s.take(ctx)
	if err != nil {
		return nil, err
	}
	t.wire, t.begun = w, true
	t.unhook = context.AfterFunc(ctx, func() { _ = w.conn.SetDeadline(time.Unix(1, 0)) })
	if err := t.send(req); err != nil {
		// A server that refuses a request may answer before it has read it all.
		if res, rerr := t.receive(req); rerr == nil {
			res.Close = true
			return t.answer(res), nil
		}
		t.drop()
		return nil, err
	}
	res, err := t.receive(req)
	if err != nil {
		t.drop()
		return nil, err
	}
	return t.answer(res), nil
}

// send writes the request, or begins to.
func (t *trip) send(req *http.Request) error {
	w := t.wire.w
	if req.Body == nil || req.ContentLength >= 0 && req.ContentLength <= smallBody {
		return errors.Join(req.Write(w), w.Flush())
	}
	sent := make(chan error, 1)
	t.sent = sent
	go func() { sent <- errors.Join(req.Write(w), w.Flush()) }()
	return nil
}

// receive reads the head of the answer.
func (t *trip) receive(req *http.Request) (*http.Response, error) {
	limit := &t.wire.limit
	limit.N = maxAnswerHead
	defer func() { limit.N = math.MaxInt64 }()
	for range maxInterim {
		res, err := http.ReadResponse(t.wire.r, req)
		if err != nil && limit.N <= 0 {
			return nil, fmt.Errorf("more than %d bytes of headers", maxAnswerHead)
		}
		if err != nil {
			return nil, err
		}
		if res.StatusCode >= 200 || res.StatusCode == http.StatusSwitchingProtocols {
			return res, nil
		}
		trace := httptrace.ContextClientTrace(req.Context())
		if res.StatusCode != http.StatusContinue && trace != nil && trace.Got1xxResponse != nil {
			if err := trace.Got1xxResponse(res.StatusCode, textproto.MIMEHeader(res.Header)); err != nil {
				return nil, err
			}
		}
	}
	return nil, fmt.Errorf("more than %d interim responses", maxInterim)
}

// answer makes t the body of res.
func (t *trip) answer(res *http.Response) *http.Response {
	switch {
	case res.StatusCode == http.StatusSwitchingProtocols:
		t.again = false
		res.Body = &upgraded{t.wire, t.unhook}
	case res.Body == http.NoBody:
		t.again = !res.Close
		t.done()
	default:
		t.again = !res.Close
		t.body, res.Body = res.Body, t
	}
	return res
}

// Read implements io.Reader for the answer's body.
func (t *trip) Read(p []byte) (int, error) {
	n, err := t.body.Read(p)
	t.size += int64(n)
	switch err {
	case nil:
	case io.EOF:
		t.done()
	default:
		t.failed = err
	}
	return n, err
}

// Close implements io.Closer for the answer's body: what is not read goes with
// the connection.
func (t *trip) Close() error {
	t.drop()
	return nil
}

// done gives the connection back once the answer is complete.
func (t *trip) done() {
	if t.wire == nil {
		return
	}
	if t.sent != nil {
		select {
		case err := <-t.sent:
			t.sent = nil
			t.again = t.again && err == nil
		default:
			t.again = false // it is still being used
		}
	}
	if !t.again || t.wire.r.Buffered() > 0 || !t.unhook() {
		t.drop()
		return
	}
	w := t.wire
	t.wire = nil
	t.s.keep(w)
}

// drop closes the connection if it was not given back.
func (t *trip) drop() {
	if t.wire != nil {
		t.unhook()
		t.wire.close()
		t.wire = nil
	}
}

// upgraded is the body of a 101: the connection itself. It may be closed after
// the trip.
type upgraded struct {
	*wire
	unhook func() bool
}

func (u *upgraded) Read(p []byte) (int, error)  { return u.r.Read(p) }
func (u *upgraded) Write(p []byte) (int, error) { return u.conn.Write(p) }

// Close ends the conversation of the two sides.
func (u *upgraded) Close() error {
	u.unhook()
	return u.conn.Close()
}

// CloseWrite passes on that one side has said all.
func (u *upgraded) CloseWrite() error {
	if c, ok := u.conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

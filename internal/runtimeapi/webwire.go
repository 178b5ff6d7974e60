package runtimeapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ebb-faas/ebb/internal/socket"
)

const (
	// idleConn is how long a connection without a request is kept. Servers close
	// theirs after 2 s or more, and a request must not meet that.
	idleConn = time.Second
	// freshConn is how long a connection is believed to be open without a look.
	freshConn = 20 * time.Millisecond
)

// wire is one connection to the server. One request uses it at a time, on the
// goroutine of its invocation. http.Transport would do as much with goroutines
// of its own, and would send a request again when it believes that to be safe.
type wire struct {
	conn  net.Conn
	io    net.Conn         // conn, for what is read and written all the time
	limit io.LimitedReader // of the wire itself; bounds what an answer's head may take
	r     *bufio.Reader    // of limit
	idle  time.Time        // since when it has had no request

	deadline time.Time    // of the request; zero = none
	armed    atomic.Int64 // the deadline that conn has, in nanoseconds since 1970; 0 = none
	// waits is called before more is read from the server; nil = nothing is.
	waits func()
}

func newWire(conn net.Conn) *wire {
	w := &wire{conn: conn, io: socket.New(conn)}
	w.limit = io.LimitedReader{R: w, N: math.MaxInt64}
	w.r = bufio.NewReader(&w.limit)
	return w
}

func (w *wire) close() { _ = w.conn.Close() } // nothing is left to tell the server

// begin bounds what follows. The deadline of an earlier request is left on the
// connection: setting one costs more than to find now and then that it is over.
func (w *wire) begin(deadline time.Time) {
	w.deadline = deadline
	armed := w.armed.Load()
	if !deadline.IsZero() && (armed == 0 || deadline.UnixNano() < armed) {
		w.arm()
	}
}

func (w *wire) arm() {
	_ = w.conn.SetDeadline(w.deadline) // fails only on a closed connection, which the next use tells
	var at int64
	if !w.deadline.IsZero() {
		at = w.deadline.UnixNano()
	}
	w.armed.Store(at)
}

// early reports whether err only says that the deadline of an earlier request is
// over, and sets the one of this request.
func (w *wire) early(err error) bool {
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || over(w.deadline) {
		return false
	}
	w.arm()
	return true
}

// over reports whether a deadline has passed.
func over(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

// Read implements io.Reader.
func (w *wire) Read(p []byte) (int, error) {
	if w.waits != nil {
		w.waits()
	}
	for {
		if n, err := w.io.Read(p); n > 0 || !w.early(err) {
			return n, err
		}
	}
}

// Write implements io.Writer.
func (w *wire) Write(p []byte) (n int, err error) {
	for {
		var more int
		more, err = w.io.Write(p[n:])
		if n += more; !w.early(err) {
			return n, err
		}
	}
}

// take returns an idle connection, or makes one, for a request with this
// deadline.
func (s *Web) take(ctx context.Context, deadline time.Time) (*wire, error) {
	for {
		w, err := s.last()
		if err != nil {
			return nil, err
		}
		if w == nil {
			break
		}
		if age := time.Since(w.idle); age < freshConn || age < idleConn && w.open() {
			w.begin(deadline)
			return w, nil
		}
		s.discard(w)
	}
	return s.dial(ctx, deadline)
}

// dial makes a connection, a busy one.
func (s *Web) dial(ctx context.Context, deadline time.Time) (*wire, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	if !deadline.IsZero() {
		limited, end := context.WithDeadline(ctx, deadline)
		defer end()
		ctx = limited
	}
	conn, err := s.web.Dial(ctx)
	if err != nil {
		return nil, err
	}
	w := newWire(conn)
	w.begin(deadline)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		w.close()
		return nil, ErrClosed
	}
	s.busy[w] = struct{}{}
	return w, nil
}

// last makes the connection busy that was used last, nil if none is idle.
func (s *Web) last() (*wire, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return nil, ErrClosed
	}
	n := len(s.idle)
	if n == 0 {
		return nil, nil
	}
	w := s.idle[n-1]
	s.idle[n-1] = nil
	s.idle = s.idle[:n-1]
	s.busy[w] = struct{}{}
	return w, nil
}

// discard closes a busy connection.
func (s *Web) discard(w *wire) {
	w.close()
	s.mu.Lock()
	delete(s.busy, w)
	s.mu.Unlock()
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
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, read = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err == nil && (errors.Is(read, syscall.EAGAIN) || errors.Is(read, syscall.EINTR))
}

// keep makes w available for the next request.
func (s *Web) keep(w *wire) {
	w.idle, w.waits = time.Now(), nil
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, w)
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

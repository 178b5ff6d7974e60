package plainhttp

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

const (
	headEnd     = "\r\n\r\n"
	firstBuffer = 4 << 10
	// maxHead and maxRequest bound what is read of a request: a larger one is
	// net/http's.
	maxHead    = 16 << 10
	maxRequest = 64 << 10
	// wholeWithin is how long a request that has begun may take to come: a slower
	// one is net/http's.
	wholeWithin = time.Second
	// slack is by how much an idle connection may be closed too early: setting a
	// deadline for each request would cost more than that is worth.
	slack = 10 * time.Second
)

// States of a connection.
const (
	idle int32 = iota // nothing of a request has come
	busy
	ended
)

// conn is a connection. But for state it is its goroutine's.
type conn struct {
	s      *Server
	tcp    *net.TCPConn
	io     net.Conn // tcp, for what is read and written all the time
	remote string
	state  atomic.Int32

	buf      []byte
	n        int       // of buf: what has come and was not answered
	used     bool      // a request has been answered
	hurried  bool      // the deadline is that of a request that has begun
	deadline time.Time // for reading
	here     *presence // of the request
	answer   answer
}

// serve serves until the connection ends or is net/http's.
func (c *conn) serve() {
	defer c.s.forget(c)
	c.remote = c.tcp.RemoteAddr().String()
	for {
		r, size := c.next()
		if r == nil {
			return
		}
		c.answer.reset(c, r)
		whole := c.handle(r)
		c.settle()
		switch {
		case whole && c.answer.declined:
			c.handOver()
			return
		case whole:
			c.answer.finish()
		}
		if !whole || c.answer.closes {
			_ = c.tcp.Close()
			return
		}
		c.n = copy(c.buf, c.buf[size:c.n])
		c.used, c.hurried = true, false
		if c.n == 0 && len(c.buf) > firstBuffer {
			c.buf = nil // it may be long until the next
		}
	}
}

// settle ends the request's context and takes what came while it ran.
func (c *conn) settle() {
	early, touched := c.here.end()
	if touched {
		c.deadline = time.Time{}
		_ = c.tcp.SetReadDeadline(c.deadline) // fails only if the connection is closed, which the next use tells
	}
	if len(early) > 0 {
		c.room(c.n + len(early))
		c.n += copy(c.buf[c.n:], early)
	}
}

// handle has the handler answer r. It is false if the handler gave up.
func (c *conn) handle(r *http.Request) (whole bool) {
	defer func() {
		if err := recover(); err != nil && err != http.ErrAbortHandler { //nolint:errorlint // a value that was thrown
			stack := make([]byte, 64<<10)
			c.s.logf("http: panic serving %v: %v\n%s", c.remote, err, stack[:runtime.Stack(stack, false)])
		}
	}()
	c.s.rest.Handler.ServeHTTP(&c.answer, r)
	return true
}

// next waits for a request until all of it is there. size is how much of buf it
// is. It is nil when the connection has ended, or is net/http's.
func (c *conn) next() (r *http.Request, size int) {
	for looked := 0; ; {
		if r == nil {
			if i := bytes.Index(c.buf[looked:c.n], []byte(headEnd)); i >= 0 {
				size = looked + i + len(headEnd)
				c.here = &presence{tcp: c.tcp}
				r = parse(c.here, string(c.buf[:size-2]))
				if r == nil || size > maxHead || r.ContentLength > int64(maxRequest-size) {
					c.handOver()
					return nil, 0
				}
				r.RemoteAddr, r.Body = c.remote, http.NoBody
				if r.ContentLength > 0 {
					r.Body = &body{c: c, from: size, to: size + int(r.ContentLength)}
					size += int(r.ContentLength)
				}
			} else if looked = max(0, c.n-len(headEnd)+1); c.n > maxHead {
				c.handOver()
				return nil, 0
			}
		}
		if r != nil && c.n >= size {
			return r, size
		}
		c.room(max(size, c.n+1))
		if !c.read() {
			return nil, 0
		}
	}
}

// room makes buf at least so long.
func (c *conn) room(n int) {
	if n > len(c.buf) {
		grown := make([]byte, max(n, min(2*len(c.buf), maxRequest), firstBuffer))
		copy(grown, c.buf[:c.n])
		c.buf = grown
	}
}

// read reads more. It is false when the connection has ended, or is net/http's.
func (c *conn) read() bool {
	waiting := c.n == 0
	if waiting {
		if !c.rest() {
			return false
		}
	} else if !c.hurried {
		c.hurried = true
		c.until(wholeWithin, 0)
	}
	n, err := c.io.Read(c.buf[c.n:])
	c.n += n
	switch {
	case n > 0 && waiting:
		return c.state.CompareAndSwap(idle, busy)
	case n > 0:
		return true
	case !waiting && errors.Is(err, os.ErrDeadlineExceeded):
		c.handOver()
		return false
	}
	_ = c.tcp.Close()
	return false
}

// rest makes the connection idle. It is false if it has been closed.
func (c *conn) rest() bool {
	c.state.Store(idle) // nobody else changes it while it is busy
	if c.s.closing.Load() {
		c.hangUp()
		return false
	}
	wait := c.s.rest.IdleTimeout
	if !c.used {
		wait = c.s.rest.ReadHeaderTimeout
	}
	if wait > 0 {
		c.until(wait, slack)
	}
	return true
}

// hangUp closes the connection if it is idle.
func (c *conn) hangUp() {
	if c.state.CompareAndSwap(idle, ended) {
		_ = c.tcp.Close()
	}
}

// until bounds the next read: it may end earlier by as much as slack.
func (c *conn) until(wait, slack time.Duration) {
	now := time.Now()
	if left := c.deadline.Sub(now); left > wait || left < wait-min(slack, wait/4) {
		c.deadline = now.Add(wait)
		_ = c.tcp.SetReadDeadline(c.deadline) // fails only if the connection is closed, which the read tells
	}
}

// handOver gives the connection to net/http, with what was read.
func (c *conn) handOver() {
	_ = c.tcp.SetReadDeadline(time.Time{}) // fails only if the connection is closed, which the next use tells
	c.s.handOver(&handed{TCPConn: c.tcp, io: c.io, read: c.buf[:c.n]})
}

// body is the body of a request, in the connection's buffer.
type body struct {
	c        *conn
	from, to int
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.c == nil {
		return 0, http.ErrBodyReadAfterClose
	}
	n := copy(p, b.c.buf[b.from:b.to])
	if b.from += n; b.from == b.to {
		return n, io.EOF
	}
	return n, nil
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.c = nil
	return nil
}

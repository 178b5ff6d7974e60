package runtimeapi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ebb-faas/ebb/internal/socket"
)

// This is as much of HTTP/1.1 as the Runtime API and its neighbours need, for
// listeners inside boxes: keep-alive, whole and chunked bodies with trailers,
// Expect. A runtime makes two requests for each invocation; net/http costs more
// for those than all the rest of ebb.

const (
	maxHTTPConns  = 128              // besides one for each place; further ones are closed
	headTime      = 10 * time.Second // for a request's head, once it has begun
	replyTime     = 10 * time.Second // for the other side to take an answer
	unreadAllowed = 256 << 10        // of a body nobody wanted, before the connection is closed instead
	maxLarge      = 4                // connections that may have more in ebb's memory than a usual head and body; with each further place one more
)

// httpServer serves a listener inside a box.
type httpServer struct {
	l     net.Listener
	most  int                           // connections
	route func(c *httpConn, r *request) // answers a request, or leaves it to be answered later
	lost  func(c *httpConn)             // the connection has ended

	serving sync.WaitGroup // the goroutines of listener and connections
	closed  chan struct{}
	closing sync.Once

	mu     sync.Mutex
	begun  bool
	conns  map[*httpConn]struct{}
	large  int       // of conns, how many are large
	places int       // how many of them may be answers that wait for their callers, too
	room   sync.Cond // on mu: one of them is not any more, or need not wait to be
}

func newHTTPServer(l net.Listener, most int) *httpServer {
	s := &httpServer{l: l, most: most, closed: make(chan struct{}), conns: make(map[*httpConn]struct{})}
	s.room.L = &s.mu
	return s
}

// begin serves, from the first call on. Until then, what is sent waits in the
// listener's backlog.
func (s *httpServer) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.begun && !s.ended() {
		s.begun = true
		s.serving.Go(s.accept)
	}
}

// allow makes room for so many invocations at once: for their connections, and for
// their answers, so that none waits for the caller of another.
func (s *httpServer) allow(places int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most, s.places = maxHTTPConns+places, places
	s.room.Broadcast()
}

// close ends all, and returns when nothing runs any more.
func (s *httpServer) close() error {
	s.closing.Do(func() {
		s.mu.Lock()
		close(s.closed)
		for c := range s.conns {
			_ = c.conn.Close() // what runs on it ends
		}
		s.room.Broadcast()
		s.mu.Unlock()
	})
	err := s.l.Close()
	s.serving.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// ended reports whether close was called.
func (s *httpServer) ended() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

// httpConn is one connection of a runtime.
type httpConn struct {
	s      *httpServer
	conn   net.Conn
	in     wireReader
	waits  atomic.Bool // a request of it is yet to be answered, by another goroutine
	ending bool        // to be closed after this answer
	body   []byte      // memory for bodies

	large  bool        // has more in memory than is usual; changed with s.mu held, by its own goroutine
	halted atomic.Bool // whoever waits for the request in hand gave up; set with s.mu held

	out sync.Mutex // of what is written
}

// accept takes connections until the listener is closed.
func (s *httpServer) accept() {
	for {
		conn, err := s.l.Accept()
		if err != nil {
			if ne := net.Error(nil); errors.As(err, &ne) && ne.Timeout() {
				continue
			}
			return
		}
		conn = socket.New(conn)
		c := &httpConn{s: s, conn: conn, in: wireReader{src: conn}}
		c.in.enlarge = c.enlarge
		if !s.admit(c) {
			_ = conn.Close()
			continue
		}
		s.serving.Go(c.run)
	}
}

func (s *httpServer) admit(c *httpConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended() || len(s.conns) >= s.most {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}

// gone forgets c.
func (s *httpServer) gone(c *httpConn) {
	s.lost(c)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.shrink(c)
}

// enlarge lets c have more in memory than is usual. That memory is ebb's and not
// the box's, so only some of a box's connections may at once; the others wait, and
// it is the box's own time that passes.
func (c *httpConn) enlarge() error {
	if c.large {
		return nil
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.large >= maxLarge+max(0, s.places-1) && !c.halted.Load() && !s.ended() {
		s.room.Wait()
	}
	if c.halted.Load() || s.ended() {
		return net.ErrClosed
	}
	c.large = true
	s.large++
	return nil
}

// shrink takes the leave back. s.mu is held.
func (s *httpServer) shrink(c *httpConn) {
	if c.large {
		c.large = false
		s.large--
		s.room.Signal()
	}
}

// tidy lets go of what the last request needed, and no usual one does.
func (c *httpConn) tidy() {
	if cap(c.body) > readSize {
		c.body = nil
	}
	if cap(c.in.buf) > largeHead {
		c.in.buf = append(make([]byte, 0, max(usualHead, c.in.w-c.in.r)), c.in.buf[c.in.r:c.in.w]...)
		c.in.r, c.in.w, c.in.buf = 0, len(c.in.buf), c.in.buf[:cap(c.in.buf)]
	}
	c.halted.Store(false)
	if c.large && len(c.in.buf) <= largeHead {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		c.s.shrink(c)
	}
}

// run serves requests until the connection ends.
func (c *httpConn) run() {
	defer func() { c.s.gone(c); _ = c.conn.Close() }()
	for !c.ending {
		r, err := c.in.head(headTime)
		if c.waits.Load() {
			return // it does not wait for the answer to its poll: that would get out of order
		}
		if err != nil {
			bad := (*badRequest)(nil)
			if errors.As(err, &bad) {
				c.ending = true
				c.text(bad.status, bad.why)
			}
			return
		}
		r.c = c
		c.ending = r.close
		c.s.route(c, r)
		if err := r.discard(unreadAllowed); err != nil {
			return
		}
		c.tidy()
	}
}

// interrupt makes a read of a request's body end, and a wait for room for it.
func (c *httpConn) interrupt() {
	_ = c.conn.SetReadDeadline(time.Unix(1, 0)) // fails only on a closed connection
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.halted.Store(true)
	c.s.room.Broadcast()
}

// invocation answers a poll. A runtime that is gone by now shows as a process
// that ended: what could not be written needs no other report.
func (c *httpConn) invocation(call *Call, tenant string) {
	p := writeBuffers.Get().(*[]byte)
	defer writeBuffers.Put(p)
	b := c.begin((*p)[:0], http.StatusOK, "application/json", len(call.Payload))
	b = appendField(b, headerRequestID, string(call.ID))
	b = appendField(b, headerARN, call.ARN)
	b = appendField(b, headerTrace, call.TraceID)
	b = appendField(b, headerTenant, tenant)
	b = appendField(b, headerClientContext, string(call.ClientContext))
	if !call.Deadline.IsZero() {
		b = append(b, headerDeadline+": "...)
		b = append(strconv.AppendInt(b, call.Deadline.UnixMilli(), 10), "\r\n"...)
	}
	b = append(b, "\r\n"...)
	*p = b[:0]
	until := call.Deadline
	if until.IsZero() {
		until = time.Now().Add(replyTime)
	}
	c.write(b, call.Payload, until)
}

// reply answers a request.
func (c *httpConn) reply(status int, contentType string, body []byte, fields ...string) {
	p := writeBuffers.Get().(*[]byte)
	defer writeBuffers.Put(p)
	b := c.begin((*p)[:0], status, contentType, len(body))
	for i := 0; i < len(fields); i += 2 {
		b = appendField(b, fields[i], fields[i+1])
	}
	b = append(b, "\r\n"...)
	*p = b[:0]
	c.write(b, body, time.Now().Add(replyTime))
}

// text answers a request with a line for people.
func (c *httpConn) text(status int, line string, fields ...string) {
	c.reply(status, "text/plain; charset=utf-8", []byte(line), fields...)
}

// begin appends the head of an answer up to the fields of its own.
func (c *httpConn) begin(b []byte, status int, contentType string, length int) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(append(b, ' '), http.StatusText(status)...)
	b = append(append(b, "\r\nContent-Type: "...), contentType...)
	b = append(b, "\r\nContent-Length: "...)
	b = append(strconv.AppendInt(b, int64(length), 10), "\r\n"...)
	if c.ending {
		b = append(b, "Connection: close\r\n"...)
	}
	return b
}

// appendField appends a header field, unless it is empty.
func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	return appendHeader(b, name, value)
}

// appendHeader appends a header field. A line end within would begin another.
func appendHeader(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	if strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0 {
		value = strings.NewReplacer("\r", " ", "\n", " ").Replace(value)
	}
	return append(append(b, value...), "\r\n"...)
}

// write sends head and body, small ones with one system call.
func (c *httpConn) write(head, body []byte, until time.Time) {
	c.out.Lock()
	defer c.out.Unlock()
	_ = c.conn.SetWriteDeadline(until) // fails only on a closed connection
	var err error
	if len(head)+len(body) <= writeSize {
		_, err = c.conn.Write(append(head, body...))
	} else {
		bufs := net.Buffers{head, body}
		_, err = bufs.WriteTo(c.conn)
	}
	if err != nil {
		_ = c.conn.Close() // its reader sees it
	}
}

// readBody reads a body of at most limit bytes, valid until the next request. A
// longer one is read to its end all the same, within reason, so that the
// connection survives the refusal.
func (c *httpConn) readBody(r *request, limit int64) (body []byte, tooLarge bool, err error) {
	body, tooLarge, err = readAll(r, c.body[:0], r.length, limit, c.enlarge)
	if err == nil && !tooLarge {
		c.body = body[:0]
	}
	return body, tooLarge, err
}

// readAll reads r, of which size bytes are expected (-1 = unknown), into buf.
// enlarge is asked before more than readSize bytes are kept.
func readAll(r io.Reader, buf []byte, size, limit int64, enlarge func() error) (body []byte, tooLarge bool, err error) {
	if size > readSize && size <= limit {
		if err := enlarge(); err != nil {
			return nil, false, err
		}
	}
	if size > int64(cap(buf)) && size <= limit {
		buf = make([]byte, 0, size+1)
	} else if cap(buf) == 0 {
		buf = make([]byte, 0, 512)
	}
	for size <= limit && int64(len(buf)) <= limit {
		if len(buf) == cap(buf) {
			if 2*len(buf) > readSize {
				if err := enlarge(); err != nil {
					return nil, false, err
				}
			}
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, int64(len(buf)) > limit, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	if _, err := io.CopyN(io.Discard, r, 16*limit+1<<20); err != nil && !errors.Is(err, io.EOF) {
		return nil, false, fmt.Errorf("reading an answer that is too large: %w", err)
	}
	return nil, true, nil
}

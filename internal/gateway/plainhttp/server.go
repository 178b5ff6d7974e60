package plainhttp

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ebb-faas/ebb/internal/socket"
)

// Server serves connections. See the package comment.
type Server struct {
	rest    *http.Server // for what is not plain; its handler and its idle timeout are ours too
	closing atomic.Bool
	day     atomic.Pointer[second]

	mu       sync.Mutex
	conns    map[*conn]struct{}
	listener net.Listener // nil before Serve
	over     *overflow
	none     chan struct{} // closed when there are no connections any more; nil = nobody waits for that
}

// second is a moment as the Date header has it.
type second struct {
	unix int64
	text string
}

// New makes a server beside rest, which serves what is not plain and is not to be
// used by anybody else.
func New(rest *http.Server) *Server {
	return &Server{rest: rest, conns: make(map[*conn]struct{})}
}

// Serve accepts connections until Shutdown or Close, and returns
// http.ErrServerClosed then. It is called once.
func (s *Server) Serve(l net.Listener) error {
	over := &overflow{addr: l.Addr(), conns: make(chan net.Conn), closed: make(chan struct{})}
	s.mu.Lock()
	if s.closing.Load() || s.over != nil {
		s.mu.Unlock()
		_ = l.Close()
		return http.ErrServerClosed
	}
	s.listener, s.over = l, over
	s.mu.Unlock()
	rested := make(chan struct{})
	go func() {
		defer close(rested)
		_ = s.rest.Serve(over) // it ends when over is closed, and has no other reason to
	}()
	err := s.accept(l)
	_ = errors.Join(l.Close(), over.Close()) // what there is to say, accept has said
	<-rested
	if s.closing.Load() {
		return http.ErrServerClosed
	}
	return err
}

// accept accepts connections until that fails for good.
func (s *Server) accept(l net.Listener) error {
	var pause time.Duration
	for {
		c, err := l.Accept()
		if err != nil {
			var passing interface{ Temporary() bool }
			if s.closing.Load() || !errors.As(err, &passing) || !passing.Temporary() {
				return err
			}
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.logf("http: Accept error: %v; retrying in %v", err, pause)
			<-time.After(pause)
			continue
		}
		pause = 0
		if tcp, ok := c.(*net.TCPConn); ok {
			s.begin(&conn{s: s, tcp: tcp, io: socket.New(tcp)})
		} else {
			s.handOver(c)
		}
	}
}

func (s *Server) begin(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		_ = c.tcp.Close()
		return
	}
	s.conns[c] = struct{}{}
	go c.serve()
}

// forget says that c is served no more.
func (s *Server) forget(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if len(s.conns) == 0 && s.none != nil {
		close(s.none)
		s.none = nil
	}
}

// handOver gives a connection to net/http.
func (s *Server) handOver(c net.Conn) {
	select {
	case s.over.conns <- c:
	case <-s.over.closed:
		_ = c.Close()
	}
}

// Shutdown accepts no more connections, closes those that are idle, and returns
// when the others have been answered, or when ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	none := s.close((*conn).hangUp)
	err := s.rest.Shutdown(ctx)
	select {
	case <-none:
	case <-ctx.Done():
		err = ctx.Err()
	}
	return err
}

// Close closes all connections.
func (s *Server) Close() error {
	s.close(func(c *conn) { _ = c.tcp.Close() })
	return s.rest.Close()
}

// close accepts no more connections and has end see to those there are. What it
// returns is closed when there are none any more.
func (s *Server) close(end func(*conn)) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closing.Store(true)
	if s.listener != nil {
		_ = s.listener.Close() // it may be closed already
	}
	for c := range s.conns {
		end(c)
	}
	none := s.none
	switch {
	case len(s.conns) == 0:
		none = make(chan struct{})
		close(none)
	case none == nil:
		none = make(chan struct{})
		s.none = none
	}
	return none
}

func (s *Server) logf(format string, args ...any) {
	if s.rest.ErrorLog != nil {
		s.rest.ErrorLog.Printf(format, args...)
	}
}

// date is now as the Date header has it, made once a second.
func (s *Server) date(now time.Time) string {
	d := s.day.Load()
	if unix := now.Unix(); d == nil || d.unix != unix {
		d = &second{unix, now.UTC().Format(http.TimeFormat)}
		s.day.Store(d)
	}
	return d.text
}

// overflow is the listener of net/http: what it accepts was accepted before.
type overflow struct {
	addr   net.Addr
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// Accept implements net.Listener.
func (o *overflow) Accept() (net.Conn, error) {
	select {
	case c := <-o.conns:
		return c, nil
	case <-o.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (o *overflow) Close() error {
	o.once.Do(func() { close(o.closed) })
	return nil
}

// Addr implements net.Listener.
func (o *overflow) Addr() net.Addr { return o.addr }

// handed is a connection of which something was read.
type handed struct {
	*net.TCPConn
	io   net.Conn // TCPConn, for what is read and written all the time
	read []byte
}

// Write implements io.Writer.
func (h *handed) Write(p []byte) (int, error) { return h.io.Write(p) }

// Read implements io.Reader.
func (h *handed) Read(p []byte) (int, error) {
	if len(h.read) == 0 {
		return h.io.Read(p)
	}
	n := copy(p, h.read)
	if h.read = h.read[n:]; len(h.read) == 0 {
		h.read = nil
	}
	return n, nil
}

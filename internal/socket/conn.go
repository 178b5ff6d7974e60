package socket

import (
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// Conn is a connection. See the package comment.
type Conn struct {
	net.Conn
	in, out half
}

// half is one direction of a connection.
type half struct {
	mu   sync.Mutex
	wait func(func(fd uintptr) (done bool)) error // of the syscall.RawConn
	step func(fd uintptr) (done bool)             // made once: it would be an allocation for each call
	p    []byte
	n    int
	err  error
}

// New makes a Conn of c, or returns c if it is no socket of the system's.
func New(c net.Conn) net.Conn {
	s, ok := c.(syscall.Conn)
	if !ok || !quick {
		return c
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return c // it is closed, which its first use tells
	}
	n := &Conn{Conn: c}
	n.in.wait, n.in.step = raw.Read, n.in.read
	n.out.wait, n.out.step = raw.Write, n.out.write
	return n
}

// Read implements io.Reader.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.in.do(p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// Write implements io.Writer.
func (c *Conn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return c.out.do(p)
}

func (h *half) do(p []byte) (n int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.p, h.n, h.err = p, 0, nil
	if err = h.wait(h.step); err == nil {
		err = h.err
	}
	h.p = nil
	return h.n, err
}

func (h *half) read(fd uintptr) (done bool) {
	n, err := receive(fd, h.p)
	if errors.Is(err, syscall.EAGAIN) {
		return false
	}
	h.n, h.err = n, err
	return true
}

func (h *half) write(fd uintptr) (done bool) {
	for h.n < len(h.p) {
		n, err := send(fd, h.p[h.n:])
		if errors.Is(err, syscall.EAGAIN) {
			return false
		}
		if h.n += n; err != nil {
			h.err = err
			break
		}
	}
	return true
}

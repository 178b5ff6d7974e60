//go:build linux

package linux

import (
	"net"
	"os"
	"sync"
)

// maxConnections is how many connections of a box to one of its listeners ebb
// holds at once; each costs ebb a descriptor and memory that are not the box's.
// Others wait, at first in the kernel, and it is the box's own time that passes.
const maxConnections = 64

// listener is one of a box's, with at most so many connections open.
type listener struct {
	*net.TCPListener
	slots  chan struct{} // holds one for each connection
	closed chan struct{}
	once   sync.Once
}

// newListener makes a listener that ebb-init opened ours.
func newListener(f *os.File) (net.Listener, error) {
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	return &listener{
		TCPListener: l.(*net.TCPListener), // ebb-init opens no other
		slots:       make(chan struct{}, maxConnections),
		closed:      make(chan struct{}),
	}, nil
}

// Accept waits for a connection to end if there are too many.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.AcceptTCP()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &connection{TCPConn: c, l: l}, nil
}

// Close ends an Accept that waits, for whatever.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.TCPListener.Close()
}

// connection gives its slot back when it is closed.
type connection struct {
	*net.TCPConn
	l    *listener
	once sync.Once
}

func (c *connection) Close() error {
	err := c.TCPConn.Close()
	c.once.Do(func() { <-c.l.slots })
	return err
}

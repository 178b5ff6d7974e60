package store_test

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/ebb-faas/ebb/internal/store/postgrestest"
)

// proxy stands between ebb and its PostgreSQL, and breaks what the network may.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	conns map[net.Conn]bool
	down  bool
	// cut, if not nil, is what a message to the server must contain for its
	// connection to end: before the server hears it, or after it did, but
	// before its answer comes through.
	cut     []byte
	deliver bool
	all     sync.WaitGroup
}

// behindProxy makes a database and returns the URL that leads through the proxy.
func behindProxy(t *testing.T) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(postgrestest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: u.Host, conns: map[net.Conn]bool{}}
	u.Host = l.Addr().String()
	p.all.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.setDown(true)
		p.all.Wait()
	})
	return p, u.String()
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.all.Go(func() { p.pass(client) })
	}
}

// track remembers a connection, or says that the network is down.
func (p *proxy) track(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.down
}

func (p *proxy) setDown(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
	if down {
		for c := range p.conns {
			_ = c.Close()
		}
		p.conns = map[net.Conn]bool{}
	}
}

func (p *proxy) cutAt(text string, deliver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.deliver = []byte(text), deliver
}

// cuts says once whether the connection ends at this message.
func (p *proxy) cuts(message []byte) (cut, deliver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cut == nil || !bytes.Contains(message, p.cut) {
		return false, false
	}
	p.cut = nil
	return true, p.deliver
}

func (p *proxy) pass(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !p.track(client) {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if !p.track(server) {
		return
	}
	var back sync.WaitGroup
	quiet := make(chan struct{}) // the client hears nothing any more
	back.Go(func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			select {
			case <-quiet:
				_ = client.Close()
				return // having waited for the server's answer
			default:
			}
			if n > 0 {
				_, err = client.Write(buf[:n])
			}
			if err != nil {
				_ = client.Close()
				return
			}
		}
	})
	defer back.Wait()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if n > 0 {
			cut, deliver := p.cuts(buf[:n])
			if cut && !deliver {
				_ = server.Close()
				return
			}
			if cut {
				close(quiet)
			}
			if _, werr := server.Write(buf[:n]); werr != nil {
				return
			}
			if cut {
				back.Wait()
				return
			}
		}
		if err != nil {
			_ = server.Close()
			return
		}
	}
}

package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

// Port is a port of the host that was free a moment ago: all boxes share one
// network, and each must have its own.
func (b *box) Port(inside int) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p, ok := b.ports[inside]; ok {
		return p
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return inside // no port is free: the process will say so itself
	}
	defer func() { _ = l.Close() }()
	if b.ports == nil {
		b.ports = make(map[int]int)
	}
	b.ports[inside] = l.Addr().(*net.TCPAddr).Port
	return b.ports[inside]
}

// Dial connects to what Port says.
func (b *box) Dial(ctx context.Context, port int) (net.Conn, error) {
	var d net.Dialer
	at := strconv.Itoa(b.Port(port))
	conn, err := d.DialContext(ctx, "tcp4", net.JoinHostPort("127.0.0.1", at))
	if errors.Is(err, syscall.ECONNREFUSED) { // some listen there alone
		if other, otherErr := d.DialContext(ctx, "tcp6", net.JoinHostPort("::1", at)); otherErr == nil {
			return other, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("box %s: port %d: %w", b.id, port, err)
	}
	return conn, nil
}

// Listening is not known: the network is the host's.
func (b *box) Listening() []netip.AddrPort { return nil }

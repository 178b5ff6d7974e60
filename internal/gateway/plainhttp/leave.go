package plainhttp

import (
	"context"
	"net"
	"sync"
	"time"
)

// presence is the context of a request. Whether its client has left is looked at
// only while somebody waits for that: almost nobody does, and reading from the
// connection beside the handler costs more than all the rest of a request.
type presence struct {
	tcp *net.TCPConn

	mu     sync.Mutex
	ctx    context.Context // nil until somebody asks
	cancel context.CancelFunc
	over   bool          // the handler has returned
	look   chan struct{} // closed when nobody reads any more; nil = nobody ever did
	early  []byte        // what the client sent meanwhile
}

// Deadline implements context.Context.
func (p *presence) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (p *presence) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil {
		p.ctx, p.cancel = context.WithCancel(context.Background())
		if p.over {
			p.cancel()
		} else {
			_ = p.tcp.SetReadDeadline(time.Time{}) // fails only if the connection is closed, which the read tells
			p.look = make(chan struct{})
			go p.watch(p.look)
		}
	}
	return p.ctx.Done()
}

// Err implements context.Context.
func (p *presence) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.ctx != nil:
		return p.ctx.Err()
	case p.over:
		return context.Canceled
	}
	return nil
}

// Value implements context.Context. What is derived from p finds by it the
// context that it really depends on.
func (p *presence) Value(key any) any {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx == nil {
		return nil
	}
	return p.ctx.Value(key)
}

// watch reads until the client leaves or sends more, or until end is called.
func (p *presence) watch(gone chan struct{}) {
	defer close(gone)
	var b [1]byte
	n, err := p.tcp.Read(b[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	p.early = append(p.early, b[:n]...)
	if err != nil && !p.over {
		p.cancel()
	}
}

// end ends the context. It returns what the client sent ahead, and whether the
// connection's read deadline is no longer what it was.
func (p *presence) end() (early []byte, touched bool) {
	p.mu.Lock()
	p.over = true
	look, cancel := p.look, p.cancel
	p.mu.Unlock()
	if look == nil {
		return nil, false
	}
	defer cancel()
	_ = p.tcp.SetReadDeadline(time.Unix(1, 0)) // fails only if the connection is closed, which ends the read as well
	<-look
	return p.early, true
}

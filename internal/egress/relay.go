package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Sockets are a box's: opened inside its network, which sends there what is for
// elsewhere. The relay closes them.
type Sockets struct {
	TCP net.Listener // its connections' local address is the target
	UDP *net.UDPConn // told of each datagram's target, see origin
	DNS *net.UDPConn // the box's 127.0.0.1:53
	// Flow opens a connected UDP socket in the box that speaks as the target.
	Flow func(ctx context.Context, target, client netip.AddrPort) (*net.UDPConn, error)
}

// Relay is one box's way out. Its methods may be called from several goroutines.
type Relay struct {
	net     *Network
	sockets Sockets
	log     *throttle
	use     counters
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
	asking  chan struct{} // holds one for each question being answered

	mu     sync.Mutex
	policy Policy
	links  map[*link]struct{}
	flows  map[flowKey]*flow
	names  nameTable
	closed bool
}

// link is one connection or flow that is open.
type link struct {
	protocol string
	host     string // "" if the box named an address
	to       netip.AddrPort
	conn     net.Conn // to the target; nil while it is dialled
	cancel   context.CancelFunc
	ended    chan struct{}
}

// maxAsking is how many questions of a box are answered at once.
const maxAsking = 32

// Open begins to carry for a box. Nothing is allowed until SetPolicy. say gets a
// line for what was refused or failed, now and then a number of them.
func (n *Network) Open(s Sockets, say func(line string)) *Relay {
	r := &Relay{net: n, sockets: s, log: newThrottle(say), asking: make(chan struct{}, maxAsking),
		links: make(map[*link]struct{}), flows: make(map[flowKey]*flow)}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.running.Go(r.acceptTCP)
	r.running.Go(r.readUDP)
	r.running.Go(r.answerNames)
	return r
}

// SetPolicy replaces the policy. Connections that it does not allow have ended
// when it returns.
func (r *Relay) SetPolicy(p Policy) {
	r.mu.Lock()
	r.policy = p
	var cut []*link
	for l := range r.links {
		if !p.still(l) {
			cut = append(cut, l)
		}
	}
	r.mu.Unlock()
	r.end(cut)
}

// still reports whether an open connection may stay. The address of a named
// target was judged when it was dialled.
func (p Policy) still(l *link) bool {
	if l.host != "" {
		return p.allowsName(l.protocol, l.host, l.to.Port())
	}
	return slices.ContainsFunc(p, func(g Grant) bool {
		_, ok := g.Allow.Address(l.protocol, l.to)
		return ok
	})
}

// Cut ends every connection.
func (r *Relay) Cut() {
	r.mu.Lock()
	all := make([]*link, 0, len(r.links))
	for l := range r.links {
		all = append(all, l)
	}
	r.mu.Unlock()
	r.end(all)
}

func (r *Relay) end(list []*link) {
	for _, l := range list {
		l.cancel()
	}
	for _, l := range list {
		<-l.ended
	}
}

// Close ends everything and waits for it.
func (r *Relay) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	_ = r.sockets.TCP.Close()
	_ = r.sockets.UDP.Close()
	_ = r.sockets.DNS.Close()
	r.running.Wait()
	r.log.flush()
}

// Usage is what the box has used so far.
func (r *Relay) Usage() Usage {
	u := r.use.read()
	r.mu.Lock()
	u.Open = int64(len(r.links))
	r.mu.Unlock()
	return u
}

// Denied counts and logs a connection that was refused before it came here.
func (r *Relay) Denied(protocol string, to netip.AddrPort) {
	r.deny(protocol+"/"+r.label(to), errNoRule)
}

func (r *Relay) deny(target string, why error) {
	r.use.denied.Add(1)
	r.net.sum.denied.Add(1)
	r.log.say("EGRESS denied " + target + ": " + why.Error())
}

// label names a target as the box knows it.
func (r *Relay) label(to netip.AddrPort) string {
	r.mu.Lock()
	host := r.names.host(to.Addr())
	r.mu.Unlock()
	if host == "" {
		return to.String()
	}
	return (&link{host: host, to: to}).target()
}

func (l *link) target() string {
	if l.host == "" {
		return l.to.String()
	}
	return net.JoinHostPort(l.host, portText(l.to.Port()))
}

// begin makes a link for a target, if the limits have room. The policy is the
// one to dial by.
func (r *Relay) begin(protocol string, to netip.AddrPort) (*link, Policy, context.Context, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &link{protocol: protocol, to: to, host: r.names.host(to.Addr()), ended: make(chan struct{})}
	switch {
	case r.closed:
		return l, nil, nil, net.ErrClosed
	case len(r.links) >= r.net.cfg.MaxPerInstance:
		return l, nil, nil, errTooMany
	case r.net.open.Add(1) > int64(r.net.cfg.MaxConnections):
		r.net.open.Add(-1)
		return l, nil, nil, errNodeFull
	}
	var ctx context.Context
	ctx, l.cancel = context.WithCancel(r.ctx)
	r.links[l] = struct{}{}
	return l, r.policy, ctx, nil
}

// dial connects a link to its target, unless the policy changed to forbid it
// meanwhile.
func (r *Relay) dial(ctx context.Context, l *link, p Policy) error {
	conn, err := r.net.dial(ctx, p, l.protocol, l.host, l.to)
	if err != nil {
		return err
	}
	l.conn = conn
	r.use.connections.Add(1)
	r.net.sum.connections.Add(1)
	return ctx.Err()
}

// finish takes a link out of the books.
func (r *Relay) finish(l *link) {
	r.mu.Lock()
	delete(r.links, l)
	r.mu.Unlock()
	l.cancel()
	if l.conn != nil {
		_ = l.conn.Close()
	}
	r.net.open.Add(-1)
	close(l.ended)
}

// failed says why a target was not reached. The end of the box, and of the
// permission, need no words.
func (r *Relay) failed(ctx context.Context, l *link, err error) {
	target := l.protocol + "/" + l.target()
	var no *refusal
	switch {
	case errors.As(err, &no), errors.Is(err, errTooMany), errors.Is(err, errNodeFull):
		r.deny(target, err)
	case errors.Is(err, net.ErrClosed), ctx != nil && ctx.Err() != nil:
	default:
		r.log.say("EGRESS failed " + target + ": " + reason(err))
	}
}

// reason is an error without the addresses of this host.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) {
		if op.Timeout() {
			return "no answer in time"
		}
		return op.Err.Error()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Err
	}
	return err.Error()
}

// count adds to what a box and the node have carried.
func (r *Relay) count(outward bool, n int64) {
	if outward {
		r.use.sent.Add(n)
		r.net.sum.sent.Add(n)
		return
	}
	r.use.received.Add(n)
	r.net.sum.received.Add(n)
}

// acceptPause is how long a listener rests that fails for want of descriptors.
const acceptPause = 50 * time.Millisecond

package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Bounds of flows.
const (
	flowIdle   = time.Minute // a flow without a datagram for that long is over
	maxFlows   = 64          // of a box; each has two buffers
	flowQueue  = 16          // datagrams of a flow that wait while it is being made
	maxPayload = 65535
)

// flowKey is who in the box speaks with whom.
type flowKey struct{ client, target netip.AddrPort }

// flow is one exchange of datagrams.
type flow struct {
	first chan []byte  // what came before the flow had a socket of its own
	last  atomic.Int64 // when something came last, Unix nanoseconds
}

// readUDP takes the first datagrams of flows until the socket is closed.
func (r *Relay) readUDP() {
	buf, oob := make([]byte, maxPayload), make([]byte, 256)
	for {
		n, oobn, _, client, err := r.sockets.UDP.ReadMsgUDPAddrPort(buf, oob)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if r.ctx.Err() != nil {
				return
			}
			continue
		}
		if target, ok := origin(oob[:oobn]); ok {
			client = netip.AddrPortFrom(client.Addr().Unmap(), client.Port())
			r.datagram(flowKey{client, target}, append([]byte(nil), buf[:n]...))
		}
	}
}

// datagram gives one to its flow, which is made if need be.
func (r *Relay) datagram(key flowKey, data []byte) {
	r.mu.Lock()
	f := r.flows[key]
	fresh := f == nil
	if fresh && len(r.flows) >= maxFlows {
		r.mu.Unlock()
		r.deny(ebb.ProtocolUDP+"/"+r.label(key.target), errTooMany)
		return
	}
	if fresh {
		f = &flow{first: make(chan []byte, flowQueue)}
		r.flows[key] = f
	}
	r.mu.Unlock()
	select {
	case f.first <- data:
	default: // datagrams may be lost
	}
	if fresh {
		r.running.Go(func() {
			r.run(key, f)
			r.mu.Lock()
			delete(r.flows, key)
			r.mu.Unlock()
		})
	}
}

// run carries one flow until nothing comes any more.
func (r *Relay) run(key flowKey, f *flow) {
	l, p, ctx, err := r.begin(ebb.ProtocolUDP, key.target)
	if err != nil {
		r.failed(ctx, l, err)
		return
	}
	defer r.finish(l)
	if err := r.dial(ctx, l, p); err != nil {
		r.failed(ctx, l, err)
		return
	}
	inner, err := r.sockets.Flow(ctx, key.target, key.client)
	if err != nil {
		r.failed(ctx, l, err)
		return
	}
	stop := context.AfterFunc(ctx, func() {
		_ = inner.Close()
		_ = l.conn.Close()
	})
	defer stop()
	defer func() { _ = inner.Close() }()
	back := make(chan struct{})
	r.running.Go(func() {
		defer close(back)
		r.datagrams(f, inner, l.conn, false)
		_ = inner.Close()
	})
	r.waiting(f, l.conn)
	r.datagrams(f, l.conn, inner, true)
	_ = l.conn.Close()
	<-back
}

// waiting sends on what came before the flow's own socket was there.
func (r *Relay) waiting(f *flow, to net.Conn) {
	for {
		select {
		case data := <-f.first:
			n, _ := to.Write(data)
			r.count(true, int64(n))
		default:
			return
		}
	}
}

// datagrams carries one direction until the flow was idle or is closed. An ICMP
// refusal shows as an error of reading or writing, and ends the flow.
func (r *Relay) datagrams(f *flow, to, from net.Conn, outward bool) {
	buf := make([]byte, maxPayload)
	f.last.Store(time.Now().UnixNano())
	for {
		if from.SetReadDeadline(time.Unix(0, f.last.Load()).Add(flowIdle)) != nil {
			return
		}
		n, err := from.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) && time.Since(time.Unix(0, f.last.Load())) < flowIdle {
			continue // the other direction is alive
		}
		if err != nil {
			return
		}
		f.last.Store(time.Now().UnixNano())
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
		r.count(outward, int64(n))
	}
}

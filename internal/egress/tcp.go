package egress

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// acceptTCP takes the box's connections until the listener is closed.
func (r *Relay) acceptTCP() {
	for {
		conn, err := r.sockets.TCP.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // descriptors ran out: the box's clients wait
			select {
			case <-r.ctx.Done():
				return
			case <-time.After(acceptPause):
			}
			continue
		}
		r.running.Go(func() { r.carry(conn.(*net.TCPConn)) })
	}
}

// carry serves one connection of the box to its end.
func (r *Relay) carry(inner *net.TCPConn) {
	l, p, ctx, err := r.begin(ebb.ProtocolTCP, addrPort(inner.LocalAddr()))
	if err != nil {
		r.failed(ctx, l, err) // first: who sees the end finds the reason
		abort(inner)
		return
	}
	defer r.finish(l)
	if err := r.dial(ctx, l, p); err != nil {
		r.failed(ctx, l, err)
		abort(inner)
		return
	}
	outer := l.conn.(*net.TCPConn)
	whole := make(chan bool, 2)
	stop := context.AfterFunc(ctx, func() { // permission or box ended
		abort(inner)
		abort(outer)
	})
	defer stop()
	r.running.Go(func() { whole <- r.copy(outer, inner, true) })
	r.running.Go(func() { whole <- r.copy(inner, outer, false) })
	if first, second := <-whole, <-whole; first && second {
		_ = inner.Close()
	}
}

// chunk is how much is carried before it is counted.
const chunk = 256 << 10

// copy carries one direction. Its end is passed on as an end, and the other
// direction goes on; an error ends both at once.
func (r *Relay) copy(to, from *net.TCPConn, outward bool) (whole bool) {
	for {
		n, err := io.Copy(to, &io.LimitedReader{R: from, N: chunk})
		r.count(outward, n)
		if err == nil && n == 0 {
			err = to.CloseWrite()
			if err == nil {
				return true
			}
		}
		if err != nil {
			abort(to)
			abort(from)
			return false
		}
	}
}

// abort resets a connection, so that its peer does not take the end for a whole
// answer.
func abort(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}

func portText(p uint16) string { return strconv.Itoa(int(p)) }

//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// way is a box's way out: the relay that carries, and the program that leads
// connections to it.
type way struct {
	number  uint64 // in reports
	relay   *egress.Relay
	sockets *os.File // the map of the relay's sockets
	link    *os.File // keeps the program at work
}

// errNoEgress is a policy for a host whose kernel cannot keep to it.
var errNoEgress = errors.New("this host cannot restrict connections, so none are allowed")

// SetEgress opens the box's way out the first time, and replaces the rules from
// then on. The first time has to come before Start, or before Attach where that
// is to come.
func (b *box) SetEgress(ctx context.Context, p egress.Policy, say func(line string)) error {
	if err := b.setEgress(ctx, p, say); err != nil {
		return unavailable("box %s: egress: %w", b.id, err)
	}
	return nil
}

func (b *box) setEgress(ctx context.Context, p egress.Policy, say func(string)) error {
	b.egress.Lock()
	defer b.egress.Unlock()
	b.mu.Lock()
	gone := b.destroyed || b.gone
	b.mu.Unlock()
	if gone {
		return errGone
	}
	w := b.way.Load()
	if w == nil {
		if b.d.reports == nil {
			return errNoEgress
		}
		var err error
		if w, err = b.openWay(ctx, say); err != nil {
			return err
		}
		b.way.Store(w)
	}
	// What is not allowed any more ends before anything new can begin.
	if err := b.lead(w, p); err != nil {
		return err
	}
	w.relay.SetPolicy(p)
	return nil
}

// openWay gets the relay's sockets from ebb-init.
func (b *box) openWay(ctx context.Context, say func(string)) (*way, error) {
	files, err := b.ask(ctx, 3, func(id uint64) []byte { return (&initproto.Relay{ID: id}).Encode() })
	if err != nil {
		return nil, fmt.Errorf("open the relay's sockets: %w", err)
	}
	defer closeFiles(files)
	w := &way{number: b.d.nextWay.Add(1)}
	if w.sockets, err = newMap(unix.BPF_MAP_TYPE_SOCKMAP, 4, 8, 2); err != nil {
		return nil, err
	}
	err = errors.Join(putSocket(w.sockets, keyTCP, files[0]), putSocket(w.sockets, keyUDP, files[1]))
	s := egress.Sockets{Flow: b.openFlow}
	if err == nil {
		err = takeSockets(&s, files)
	}
	if err != nil {
		return nil, errors.Join(err, w.sockets.Close())
	}
	w.relay = b.d.network.Open(s, say)
	b.d.ways.Store(w.number, w.relay)
	return w, nil
}

// takeSockets makes Go's of ebb-init's.
func takeSockets(s *egress.Sockets, files []*os.File) error {
	var err1, err2, err3 error
	var udp, dns net.PacketConn
	s.TCP, err1 = net.FileListener(files[0])
	udp, err2 = net.FilePacketConn(files[1])
	dns, err3 = net.FilePacketConn(files[2])
	if err := errors.Join(err1, err2, err3); err != nil {
		closeAll([]io.Closer{s.TCP, udp, dns})
		return err
	}
	s.UDP, s.DNS = udp.(*net.UDPConn), dns.(*net.UDPConn)
	return nil
}

// openFlow has ebb-init open a socket that speaks as target.
func (b *box) openFlow(ctx context.Context, target, client netip.AddrPort) (*net.UDPConn, error) {
	files, err := b.ask(ctx, 1, func(id uint64) []byte {
		return (&initproto.Flow{ID: id, Local: address(target), Remote: address(client)}).Encode()
	})
	if err != nil {
		return nil, err
	}
	defer closeFiles(files)
	conn, err := net.FileConn(files[0])
	if err != nil {
		return nil, err
	}
	return conn.(*net.UDPConn), nil
}

func address(ap netip.AddrPort) initproto.Address {
	return initproto.Address{IP: string(ap.Addr().AsSlice()), Port: ap.Port()}
}

// lead makes the program for a policy and puts it to work.
func (b *box) lead(w *way, p egress.Policy) error {
	program, err := b.d.compile(p.Rules(), w)
	if err != nil {
		return err
	}
	defer func() { _ = program.Close() }()
	if w.link != nil {
		return swapLookup(w.link, program)
	}
	network, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", b.init.Pid))
	if err != nil {
		return err
	}
	defer func() { _ = network.Close() }()
	w.link, err = attachLookup(program, network)
	return err
}

func (d *Driver) compile(rules []ebb.EgressRule, w *way) (*os.File, error) {
	code, err := assemble(rules, int(w.sockets.Fd()), int(d.reports.ring.Fd()), w.number)
	if err != nil {
		return nil, err
	}
	return loadLookup(code)
}

// closeWay ends all connections. The box has no process any more to make others.
func (b *box) closeWay() {
	b.egress.Lock()
	defer b.egress.Unlock()
	w := b.way.Load()
	b.gone = true
	if w == nil {
		return
	}
	b.d.ways.Delete(w.number)
	if w.link != nil {
		_ = w.link.Close()
	}
	_ = w.sockets.Close()
	w.relay.Close()
}

// refused tells a box's relay what its program refused.
func (d *Driver) refused(number uint64, protocol string, to netip.AddrPort) {
	if relay, ok := d.ways.Load(number); ok {
		relay.(*egress.Relay).Denied(protocol, to)
	}
}

// Egress is what all boxes together have used so far.
func (d *Driver) Egress() egress.Usage { return d.network.Usage() }

// egressWorks tries all that a way takes and that a kernel may lack, and opens
// the ring of reports.
func (d *Driver) egressWorks() error {
	ring, err := openReports(d.refused)
	if err != nil {
		return err
	}
	d.reports = ring
	sockets, err := newMap(unix.BPF_MAP_TYPE_SOCKMAP, 4, 8, 2)
	if err == nil {
		var program *os.File
		if program, err = d.compile(nil, &way{sockets: sockets}); err == nil {
			_ = program.Close()
		}
		_ = sockets.Close()
	}
	if err != nil {
		d.reports = nil
		return errors.Join(err, ring.close())
	}
	return nil
}

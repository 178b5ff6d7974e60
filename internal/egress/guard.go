package egress

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
)

// Guard knows the addresses that rules do not open by the way.
type Guard struct {
	ports atomic.Pointer[ownPorts]
	// own lists the host's addresses.
	own func() ([]net.Addr, error)
}

type ownPorts struct{ api, gateway []uint16 }

// NewGuard makes a guard that knows of no ports yet.
func NewGuard() *Guard {
	g := &Guard{own: net.InterfaceAddrs}
	g.ports.Store(&ownPorts{})
	return g
}

// Own names ports of this host: those of ebb's API, which nothing opens, and
// those of its gateway, which only an exact rule does.
func (g *Guard) Own(api, gateway []uint16) {
	g.ports.Store(&ownPorts{api: slices.Clone(api), gateway: slices.Clone(gateway)})
}

// metadata are services of clouds, outside the link-local block, that give a
// machine's secrets to whoever asks from it.
var metadata = [...]netip.Addr{
	netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("168.63.129.16"),
	netip.MustParseAddr("192.0.0.192"), netip.MustParseAddr("fd00:ec2::254"), netip.MustParseAddr("fd20:ce::254"),
}

// Blocks whose addresses stand for IPv4 addresses within them, with the byte
// where that begins.
var embedding = [...]struct {
	block netip.Prefix
	at    int
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("64:ff9b:1::/48"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::/96"), 12},
}

var (
	errNever  = errors.New("nobody may connect to that address")
	errAPI    = errors.New("it is the platform's own API")
	errExact  = errors.New("addresses of this host itself, of the link and of cloud metadata are opened only by a rule that names exactly this address and port")
	broadcast = netip.MustParseAddr("255.255.255.255")
)

// check refuses what rules in general do not open. exact says that a rule names
// this address and port and no others.
func (g *Guard) check(to netip.AddrPort, exact bool) error {
	a := to.Addr().Unmap().WithZone("")
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() || a == broadcast || a.Is4() && a.As4()[0] == 0 {
		return errNever
	}
	own := a.IsLoopback()
	ports := g.ports.Load()
	api, gateway := slices.Contains(ports.api, to.Port()), slices.Contains(ports.gateway, to.Port())
	if api || gateway {
		if own = own || g.isOwn(a); own && api {
			return errAPI
		}
	}
	if inner, ok := embedded(a); ok {
		return g.check(netip.AddrPortFrom(inner, to.Port()), exact)
	}
	if exact {
		return nil
	}
	if own || a.IsLinkLocalUnicast() || slices.Contains(metadata[:], a) {
		return errExact
	}
	return nil
}

func embedded(a netip.Addr) (netip.Addr, bool) {
	if !a.Is6() || a.IsLoopback() {
		return a, false
	}
	for _, e := range embedding {
		if e.block.Contains(a) {
			b := a.As16()
			return netip.AddrFrom4([4]byte(b[e.at : e.at+4])), true
		}
	}
	return a, false
}

// isOwn reports whether an address is one of the host's. If that cannot be
// found out, it is.
func (g *Guard) isOwn(a netip.Addr) bool {
	list, err := g.own()
	if err != nil {
		return true
	}
	return slices.ContainsFunc(list, func(have net.Addr) bool {
		n, ok := have.(*net.IPNet)
		if !ok {
			return false
		}
		b, ok := netip.AddrFromSlice(n.IP)
		return ok && b.Unmap() == a
	})
}

package egress

import (
	"errors"
	"net/netip"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Policy is what one box may connect to: any of the grants. nil = nothing.
type Policy []Grant

// Grant is an allow list and the lists that it has to lie within.
type Grant struct {
	Allow ebb.Egress
	Under []ebb.Egress
}

// NewGrant leaves out the rules that do not lie within the ceilings.
func NewGrant(allow ebb.Egress, under ...ebb.Egress) Grant {
	return Grant{Allow: allow.Within(under...), Under: under}
}

// Empty reports whether nothing is allowed.
func (p Policy) Empty() bool {
	for _, g := range p {
		if !g.Allow.Empty() {
			return false
		}
	}
	return true
}

// Rules are those of all grants.
func (p Policy) Rules() []ebb.EgressRule {
	var all []ebb.EgressRule
	for _, g := range p {
		all = append(all, g.Allow.Rules...)
	}
	return all
}

// name reports whether some port of a name is allowed.
func (p Policy) name(host string) bool {
	for _, g := range p {
		if g.Allow.Name(host) {
			return true
		}
	}
	return false
}

// Why a connection is not made.
var (
	errNoRule   = errors.New("no rule allows it")
	errTooMany  = errors.New("the instance has too many connections open")
	errNodeFull = errors.New("the node has too many connections open")
)

// address decides about a target that the box named by its address.
func (p Policy) address(protocol string, to netip.AddrPort, guard *Guard) error {
	err := errNoRule
	for _, g := range p {
		r, ok := g.Allow.Address(protocol, to)
		if !ok || !within(g.Under, protocol, "", to) {
			continue
		}
		if err = guard.check(to, r.Exact()); err == nil {
			return nil
		}
	}
	return err
}

// allowsName reports whether the port of a name is allowed, whatever its address.
func (p Policy) allowsName(protocol, host string, port uint16) bool {
	for _, g := range p {
		if g.Allow.Host(protocol, host, port) {
			return true
		}
	}
	return false
}

// resolved decides about one address of a name.
func (p Policy) resolved(protocol, host string, to netip.AddrPort, guard *Guard) error {
	err := errNoRule
	for _, g := range p {
		if !g.Allow.Host(protocol, host, to.Port()) || !within(g.Under, protocol, host, to) {
			continue
		}
		if err = guard.check(to, false); err == nil {
			return nil
		}
	}
	return err
}

// within reports whether each ceiling allows the target, by its name or by its
// address.
func within(ceilings []ebb.Egress, protocol, host string, to netip.AddrPort) bool {
	for _, c := range ceilings {
		_, byAddress := c.Address(protocol, to)
		if !byAddress && (host == "" || !c.Host(protocol, host, to.Port())) {
			return false
		}
	}
	return true
}

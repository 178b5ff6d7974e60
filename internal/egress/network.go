package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Config of the node's egress. Zero fields mean their defaults.
type Config struct {
	// Allow is the node's ceiling. No service and no function gets beyond it.
	Allow []ebb.EgressRule `yaml:"allow"`
	// MaxPerInstance is how many connections and flows one instance may have open.
	MaxPerInstance int `yaml:"maxPerInstance"`
	// MaxConnections is how many all instances of the node may have.
	MaxConnections int `yaml:"maxConnections"`
	// DialTimeout is how long resolving and connecting may take together.
	DialTimeout time.Duration `yaml:"dialTimeout"`

	Guard *Guard `yaml:"-"` // set by server; nil = one that knows no ports
	// Lookup finds a name's addresses; nil = as the host does.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error) `yaml:"-"`
}

// Defaults of Config.
const (
	DefaultMaxPerInstance = 256
	DefaultMaxConnections = 8192
	DefaultDialTimeout    = 10 * time.Second
)

// Ceiling is Config.Allow as a list.
func (c Config) Ceiling() ebb.Egress { return ebb.Egress{Rules: c.Allow} }

// Validate refuses values that cannot work, naming the key.
func (c Config) Validate() error {
	var errs []error
	if err := c.Ceiling().Validate(); err != nil {
		errs = append(errs, fmt.Errorf("egress.allow: %w", err))
	}
	if c.MaxPerInstance < 0 || c.MaxPerInstance > 1<<16 {
		errs = append(errs, fmt.Errorf("egress.maxPerInstance: %d is not between 0 and 65536", c.MaxPerInstance))
	}
	if c.MaxConnections < 0 {
		errs = append(errs, errors.New("egress.maxConnections: must not be negative"))
	}
	if c.DialTimeout < 0 {
		errs = append(errs, errors.New("egress.dialTimeout: must not be negative"))
	}
	return errors.Join(errs...)
}

// Network is what the relays of a node share.
type Network struct {
	cfg   Config
	guard *Guard
	open  atomic.Int64 // connections and flows of all relays
	sum   counters

	mu    sync.Mutex
	names map[string]found // what was resolved a moment ago
}

// found is a name's addresses, or that it has none.
type found struct {
	at    time.Time
	addrs []netip.Addr
	err   error
}

// New makes the node's network. It does nothing until a box is opened.
func New(cfg Config) *Network {
	if cfg.MaxPerInstance == 0 {
		cfg.MaxPerInstance = DefaultMaxPerInstance
	}
	if cfg.MaxConnections == 0 {
		cfg.MaxConnections = DefaultMaxConnections
	}
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = DefaultDialTimeout
	}
	if cfg.Lookup == nil {
		cfg.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host+".") // the name itself, not one of the host's own domain
		}
	}
	if cfg.Guard == nil {
		cfg.Guard = NewGuard()
	}
	return &Network{cfg: cfg, guard: cfg.Guard, names: make(map[string]found)}
}

// Usage is what all boxes together have used since the start.
func (n *Network) Usage() Usage {
	u := n.sum.read()
	u.Open = n.open.Load()
	return u
}

// nameKept is how long an answer may be used again: a question and the
// connection that follows it are one resolution. maxNames bounds the memory.
const (
	nameKept = 5 * time.Second
	maxNames = 4096
)

// lookup finds the addresses of a name.
func (n *Network) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	now := time.Now()
	n.mu.Lock()
	f, ok := n.names[host]
	n.mu.Unlock()
	if ok && now.Sub(f.at) < nameKept {
		return f.addrs, f.err
	}
	addrs, err := n.cfg.Lookup(ctx, host)
	var dns *net.DNSError
	if err != nil && !(errors.As(err, &dns) && dns.IsNotFound) {
		return nil, err // it may be known a moment later
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.names) >= maxNames {
		clear(n.names)
	}
	n.names[host] = found{at: now, addrs: addrs, err: err}
	return addrs, err
}

// maxAddresses of a name are tried.
const maxAddresses = 4

// Dial connects the platform itself on behalf of those who may connect to what p
// says: like a box, but not counted as one. address is host:port, with a name or
// an address for host.
func (n *Network) Dial(ctx context.Context, p Policy, protocol, address string) (net.Conn, error) {
	host, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%q is no port", service)
	}
	addr, err := netip.ParseAddr(host)
	if err == nil {
		host = ""
	}
	conn, err := n.dial(ctx, p, protocol, host, netip.AddrPortFrom(addr.Unmap(), uint16(port)))
	if r, ok := errors.AsType[*refusal](err); ok {
		return nil, fmt.Errorf("%s is not among the targets that the service may connect to: %w", address, r.why)
	}
	return conn, err
}

// dial connects to a target. host is its name, or "" if the box named an
// address. Each address is judged right before it is dialled.
func (n *Network) dial(ctx context.Context, p Policy, protocol, host string, to netip.AddrPort) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.DialTimeout)
	defer cancel()
	var d net.Dialer
	if host == "" {
		if err := p.address(protocol, to, n.guard); err != nil {
			return nil, &refusal{err}
		}
		return d.DialContext(ctx, protocol, to.String())
	}
	if !p.allowsName(protocol, host, to.Port()) {
		return nil, &refusal{errNoRule}
	}
	addrs, err := n.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	err = fmt.Errorf("%s has no address", host)
	for _, a := range addrs[:min(len(addrs), maxAddresses)] {
		target := netip.AddrPortFrom(a.Unmap(), to.Port())
		if why := p.resolved(protocol, host, target, n.guard); why != nil {
			err = &refusal{fmt.Errorf("its address %s: %w", target.Addr(), why)}
			continue
		}
		conn, failed := d.DialContext(ctx, protocol, target.String())
		if failed == nil {
			return conn, nil
		}
		err = failed
	}
	return nil, err
}

// refusal is a connection that policy forbids; other errors are the network's.
type refusal struct{ why error }

func (r *refusal) Error() string { return r.why.Error() }
func (r *refusal) Unwrap() error { return r.why }

package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// standIns are the addresses that mean names: a block that is routed nowhere
// (RFC 2544), so that it hides nothing.
var standIns = netip.MustParsePrefix("198.18.0.0/15")

// StandIns is the block of addresses that the relay answers names with.
func StandIns() netip.Prefix { return standIns }

// maxNamesOfBox bounds how many names a box may ask for; a wildcard has no end.
const maxNamesOfBox = 4096

// nameTable gives names of one box their addresses. A name keeps its for the
// box's life, as programs keep what they were answered.
type nameTable struct {
	byName map[string]netip.Addr
	byAddr map[netip.Addr]string
}

// addr returns the name's stand-in; ok is false if there are too many names.
func (t *nameTable) addr(name string) (a netip.Addr, ok bool) {
	if a, ok = t.byName[name]; ok {
		return a, true
	}
	if len(t.byName) >= maxNamesOfBox {
		return a, false
	}
	if t.byName == nil {
		t.byName, t.byAddr = make(map[string]netip.Addr), make(map[netip.Addr]string)
	}
	n := len(t.byName) + 1
	base := standIns.Addr().As4()
	a = netip.AddrFrom4([4]byte{base[0], base[1], byte(n >> 8), byte(n)})
	t.byName[name], t.byAddr[a] = a, name
	return a, true
}

// host returns the name that an address stands for, or "".
func (t *nameTable) host(a netip.Addr) string { return t.byAddr[a] }

// maxQuestion is the largest message of a resolver over UDP that is read.
const maxQuestion = 1232

// answerNames answers the box's questions until the socket is closed.
func (r *Relay) answerNames() {
	for {
		buf := make([]byte, maxQuestion)
		n, from, err := r.sockets.DNS.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			if r.ctx.Err() != nil {
				return
			}
			continue // an earlier asker is gone
		}
		select {
		case r.asking <- struct{}{}:
		default:
			continue // resolvers ask again
		}
		r.running.Go(func() {
			defer func() { <-r.asking }()
			if answer := r.answer(r.ctx, buf[:n]); answer != nil {
				_, _ = r.sockets.DNS.WriteToUDPAddrPort(answer, from)
			}
		})
	}
}

// answer makes the answer to a question; nil for what is no question.
func (r *Relay) answer(ctx context.Context, message []byte) []byte {
	var p dnsmessage.Parser
	head, err := p.Start(message)
	if err != nil || head.Response {
		return nil
	}
	q, err := p.Question()
	if err != nil || head.OpCode != 0 {
		return reply(head, nil, dnsmessage.RCodeFormatError, netip.Addr{})
	}
	code, addr := r.resolve(ctx, strings.ToLower(strings.TrimSuffix(q.Name.String(), ".")), q.Type)
	return reply(head, &q, code, addr)
}

// resolve finds what to say about a name: the stand-in for one that is allowed
// and exists.
func (r *Relay) resolve(ctx context.Context, name string, kind dnsmessage.Type) (dnsmessage.RCode, netip.Addr) {
	r.mu.Lock()
	allowed := ebb.ValidHostName(name) && r.policy.name(name)
	r.mu.Unlock()
	if !allowed {
		if !strings.HasSuffix(name, ".arpa") { // logging libraries ask for the names of addresses
			r.deny("name "+printable(name), errNoRule)
		}
		return dnsmessage.RCodeNameError, netip.Addr{}
	}
	ctx, cancel := context.WithTimeout(ctx, r.net.cfg.DialTimeout)
	defer cancel()
	addrs, err := r.net.lookup(ctx, name)
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound, err == nil && len(addrs) == 0:
		return dnsmessage.RCodeNameError, netip.Addr{}
	case err != nil:
		if ctx.Err() == nil || r.ctx.Err() == nil {
			r.log.say("EGRESS failed name " + name + ": " + reason(err))
		}
		return dnsmessage.RCodeServerFailure, netip.Addr{}
	case kind != dnsmessage.TypeA && kind != dnsmessage.TypeALL:
		return dnsmessage.RCodeSuccess, netip.Addr{} // it exists, and has nothing of that kind
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	a, ok := r.names.addr(name)
	if !ok {
		return dnsmessage.RCodeRefused, netip.Addr{}
	}
	return dnsmessage.RCodeSuccess, a
}

// printable keeps a name from writing lines of its own into a log.
func printable(name string) string {
	clean := strings.Map(func(c rune) rune {
		if c < 0x21 || c > 0x7e {
			return '?'
		}
		return c
	}, name)
	return clean[:min(len(clean), 253)]
}

// answerTTL in seconds. A stand-in never changes; its target is found anew each
// time.
const answerTTL = 30

func reply(head dnsmessage.Header, q *dnsmessage.Question, code dnsmessage.RCode, addr netip.Addr) []byte {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: head.ID, Response: true, OpCode: head.OpCode,
		RecursionDesired: head.RecursionDesired, RecursionAvailable: true, RCode: code})
	b.EnableCompression()
	err := b.StartQuestions()
	if err == nil && q != nil {
		err = b.Question(*q)
	}
	if err == nil && addr.IsValid() {
		if err = b.StartAnswers(); err == nil {
			err = b.AResource(dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: answerTTL},
				dnsmessage.AResource{A: addr.As4()})
		}
	}
	if err != nil {
		return nil
	}
	out, err := b.Finish()
	if err != nil {
		return nil
	}
	return out
}

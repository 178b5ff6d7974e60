package egress

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func list(t testing.TB, text string) ebb.Egress {
	t.Helper()
	e, err := ebb.ParseEgress(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func own(addresses ...string) func() ([]net.Addr, error) {
	return func() (all []net.Addr, err error) {
		for _, a := range addresses {
			all = append(all, &net.IPNet{IP: net.ParseIP(a), Mask: net.CIDRMask(24, 32)})
		}
		return all, nil
	}
}

func TestGuard(t *testing.T) {
	g := NewGuard()
	g.own = own("10.0.0.5")
	g.Own([]uint16{9080}, []uint16{9081})
	for target, want := range map[string]struct{ general, exact error }{
		"10.0.0.9:5432":               {nil, nil},
		"10.0.0.5:5432":               {nil, nil},
		"10.0.0.9:9080":               {nil, nil},
		"10.0.0.5:9080":               {errAPI, errAPI},
		"127.0.0.1:9080":              {errAPI, errAPI},
		"127.0.0.77:9080":             {errAPI, errAPI},
		"[::1]:9080":                  {errAPI, errAPI},
		"[::ffff:127.0.0.1]:9080":     {errAPI, errAPI},
		"[64:ff9b::7f00:1]:9080":      {errAPI, errAPI},
		"[2002:7f00:1::]:9080":        {errAPI, errAPI},
		"[::127.0.0.1]:9080":          {errAPI, errAPI},
		"10.0.0.5:9081":               {errExact, nil},
		"127.0.0.1:5432":              {errExact, nil},
		"[::1]:5432":                  {errExact, nil},
		"169.254.169.254:80":          {errExact, nil},
		"[fe80::1]:80":                {errExact, nil},
		"[fd00:ec2::254]:80":          {errExact, nil},
		"100.100.100.200:80":          {errExact, nil},
		"168.63.129.16:80":            {errExact, nil},
		"[64:ff9b::a9fe:a9fe]:80":     {errExact, nil},
		"[::ffff:169.254.169.254]:80": {errExact, nil},
		"0.0.0.0:5432":                {errNever, errNever},
		"0.1.2.3:5432":                {errNever, errNever},
		"[::]:5432":                   {errNever, errNever},
		"224.0.0.1:5432":              {errNever, errNever},
		"[ff02::1]:5432":              {errNever, errNever},
		"255.255.255.255:67":          {errNever, errNever},
	} {
		to := netip.MustParseAddrPort(target)
		if err := g.check(to, false); !errors.Is(err, want.general) {
			t.Errorf("%s by a block: %v, want %v", target, err, want.general)
		}
		if err := g.check(to, true); !errors.Is(err, want.exact) {
			t.Errorf("%s by an exact rule: %v, want %v", target, err, want.exact)
		}
	}
	g.own = func() ([]net.Addr, error) { return nil, io.ErrUnexpectedEOF }
	if g.check(netip.MustParseAddrPort("10.0.0.9:9080"), true) == nil {
		t.Error("with its own addresses unknown the API port is open")
	}
}

func TestPolicy(t *testing.T) {
	guard := NewGuard()
	guard.own = own()
	node := list(t, "10.0.0.0/8:*,api.partner.com:443")
	p := Policy{NewGrant(list(t, "db.bank.local:5432,api.partner.com:443,10.1.0.0/16:22,11.0.0.1:22"), node)}
	if rules := p.Rules(); len(rules) != 3 {
		t.Errorf("rules %v", rules)
	}
	at := netip.MustParseAddrPort
	for what, got := range map[string]bool{
		"an address of the block":           p.address("tcp", at("10.1.2.3:22"), guard) == nil,
		"an address beyond the ceiling":     p.address("tcp", at("11.0.0.1:22"), guard) != nil,
		"another protocol":                  p.address("udp", at("10.1.2.3:22"), guard) != nil,
		"a name with an allowed address":    p.resolved("tcp", "db.bank.local", at("10.9.9.9:5432"), guard) == nil,
		"a name that was bent elsewhere":    p.resolved("tcp", "db.bank.local", at("203.0.113.1:5432"), guard) != nil,
		"a name that the ceiling knows":     p.resolved("tcp", "api.partner.com", at("203.0.113.1:443"), guard) == nil,
		"a name bent to the loopback":       p.resolved("tcp", "api.partner.com", at("127.0.0.1:443"), guard) != nil,
		"a name bent to the metadata":       p.resolved("tcp", "api.partner.com", at("169.254.169.254:443"), guard) != nil,
		"a name's other port":               p.resolved("tcp", "db.bank.local", at("10.9.9.9:5433"), guard) != nil,
		"a name known":                      p.name("db.bank.local") && !p.name("bank.local"),
		"no policy allows nothing":          Policy(nil).address("tcp", at("10.1.2.3:22"), guard) != nil,
		"an empty policy is empty":          Policy(nil).Empty() && !p.Empty(),
		"a ceiling of nothing lets nothing": NewGrant(list(t, "10.0.0.1:1"), ebb.Egress{}).Allow.Empty(),
	} {
		if !got {
			t.Error(what)
		}
	}
}

// TestNames: a name is looked up for the connection that follows, and again for
// one that comes later.
func TestNamesAreResolvedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		n := New(Config{Lookup: func(context.Context, string) ([]netip.Addr, error) {
			asked++
			return []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, byte(asked)})}, nil
		}})
		for want := 1; want <= 2; want++ {
			for range 3 {
				a, err := n.lookup(t.Context(), "db.bank.local")
				if err != nil || a[0].As4()[3] != byte(want) {
					t.Fatalf("%v %v, want .%d", a, err, want)
				}
			}
			time.Sleep(nameKept)
		}
	})
}

func TestNamesThatFail(t *testing.T) {
	var fault error = &net.DNSError{Err: "server misbehaving"}
	asked := 0
	n := New(Config{Lookup: func(context.Context, string) ([]netip.Addr, error) { asked++; return nil, fault }})
	for range 2 {
		if _, err := n.lookup(t.Context(), "x.test"); err == nil {
			t.Error("no error")
		}
	}
	if asked != 2 {
		t.Error("a failure is remembered")
	}
	fault = &net.DNSError{Err: "no such host", IsNotFound: true}
	for range 2 {
		_, _ = n.lookup(t.Context(), "x.test")
	}
	if asked != 3 {
		t.Error("that there is no such name is not remembered")
	}
}

func question(name string, kind dnsmessage.Type) []byte {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}}
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// asker is a relay of which only the names are used.
func asker(t testing.TB, p Policy) (*Relay, *[]string) {
	n := New(Config{Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		if strings.Contains(host, "absent") {
			return nil, &net.DNSError{Err: "no such host", IsNotFound: true}
		}
		return []netip.Addr{netip.MustParseAddr("203.0.113.9")}, nil
	}})
	var said []string
	r := &Relay{net: n, policy: p, ctx: t.Context(), log: newThrottle(func(s string) { said = append(said, s) })}
	return r, &said
}

func TestAnswers(t *testing.T) {
	e := list(t, "*.bank.local:443")
	r, said := asker(t, Policy{NewGrant(e, e)})
	ask := func(name string, kind dnsmessage.Type) (dnsmessage.RCode, []dnsmessage.Resource) {
		t.Helper()
		var m dnsmessage.Message
		if err := m.Unpack(r.answer(t.Context(), question(name, kind))); err != nil {
			t.Fatal(err)
		}
		if m.ID != 7 || !m.Response || len(m.Questions) != 1 || m.Questions[0].Name.String() != name {
			t.Errorf("answer is %+v", m)
		}
		return m.RCode, m.Answers
	}
	addr := func(name string) netip.Addr {
		code, rr := ask(name, dnsmessage.TypeA)
		if code != dnsmessage.RCodeSuccess || len(rr) != 1 {
			t.Fatalf("%s: %v %v", name, code, rr)
		}
		return netip.AddrFrom4(rr[0].Body.(*dnsmessage.AResource).A)
	}
	one, same, two := addr("db.bank.local."), addr("DB.Bank.Local."), addr("web.bank.local.")
	if one != same || one == two || !standIns.Contains(one) || r.names.host(two) != "web.bank.local" {
		t.Errorf("%v %v %v", one, same, two)
	}
	if code, rr := ask("db.bank.local.", dnsmessage.TypeAAAA); code != dnsmessage.RCodeSuccess || len(rr) != 0 {
		t.Errorf("AAAA: %v %v", code, rr)
	}
	for _, name := range []string{"absent.bank.local.", "secret.evil.test.", "1.0.0.127.in-addr.arpa."} {
		if code, _ := ask(name, dnsmessage.TypeA); code != dnsmessage.RCodeNameError {
			t.Errorf("%s: %v", name, code)
		}
	}
	if len(*said) != 1 || (*said)[0] != "EGRESS denied name secret.evil.test: no rule allows it" {
		t.Errorf("said %q", *said)
	}
	for _, nonsense := range [][]byte{nil, {1}, question("x.", dnsmessage.TypeA)[:13]} {
		if answer := r.answer(t.Context(), nonsense); len(answer) > 12 {
			t.Errorf("%x is answered with %x", nonsense, answer)
		}
	}
	for i := range maxNamesOfBox { // a wildcard has no end, a table has
		ask(fmt.Sprintf("n%d.bank.local.", i), dnsmessage.TypeA)
	}
	if code, _ := ask("onemore.bank.local.", dnsmessage.TypeA); code != dnsmessage.RCodeRefused {
		t.Errorf("one name too many: %v", code)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(question("db.bank.local.", dnsmessage.TypeA))
	f.Add(question("a.b.", dnsmessage.TypeTXT))
	f.Add([]byte{0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, 'a', '\n', 'b', 0, 0, 1, 0, 1})
	e := list(f, "*:443")
	f.Fuzz(func(t *testing.T, b []byte) {
		r, said := asker(t, Policy{NewGrant(e, e)})
		r.answer(t.Context(), b)
		for _, line := range *said {
			if strings.ContainsAny(line, "\n\r\x1b") {
				t.Errorf("a line of the log is %q", line)
			}
		}
	})
}

func TestThrottle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		log := newThrottle(func(s string) { said = append(said, s) })
		for range 100 {
			log.say("x")
		}
		if len(said) != linesAtOnce {
			t.Fatalf("%d lines", len(said))
		}
		time.Sleep(linePeriod)
		log.say("y")
		if got := said[linesAtOnce:]; len(got) != 2 || got[0] != "EGRESS 80 more lines like these were left out" || got[1] != "y" {
			t.Errorf("%q", got)
		}
		log.say("z")
		log.flush()
		if !strings.Contains(said[len(said)-1], " 1 more") {
			t.Errorf("%q", said)
		}
	})
}

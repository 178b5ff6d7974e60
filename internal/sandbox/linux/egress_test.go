//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// outside is what is beyond the box: servers of the test on this machine.
type outside struct {
	tcp, udp string // ports of servers that answer with what they hear
	silent   string // port of a server that never reads
	own      string // an address of this machine that is not the loopback, or ""
	said     *lines
}

// lines are what a box's relay said.
type lines struct {
	mu   sync.Mutex
	list []string
}

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, line)
}

func (l *lines) has(part string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.list, func(s string) bool { return strings.Contains(s, part) })
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.list, "\n")
}

func openOutside(t *testing.T) *outside {
	t.Helper()
	o := &outside{said: &lines{}}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n := a.(*net.IPNet); n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			o.own = n.IP.String()
		}
	}
	o.tcp = serveTCP(t, func(c net.Conn) {
		b, _ := io.ReadAll(c)
		_, _ = fmt.Fprintf(c, "echo %s", b)
	})
	o.silent = serveTCP(t, func(c net.Conn) { <-t.Context().Done() })
	udp, err := net.ListenPacket("udp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = udp.Close() })
	_, o.udp, _ = net.SplitHostPort(udp.LocalAddr().String())
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := udp.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = udp.WriteTo(append([]byte("echo "), b[:n]...), from)
		}
	}()
	return o
}

// serveTCP serves each connection on all addresses of this machine, and returns
// the port.
func serveTCP(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				serve(c)
				_ = c.Close()
			}()
		}
	}()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// connected is a driver whose names lead to this machine.
func connectedBoxes(t *testing.T, o *outside, cfg egress.Config) sandboxtest.Boxes {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("boxes need root")
	}
	cfg.Lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
		switch host {
		case "own.test", "other.test":
			return []netip.Addr{netip.MustParseAddr(o.own)}, nil
		case "loopback.test":
			return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
		case "metadata.test":
			return []netip.Addr{netip.MustParseAddr("169.254.169.254")}, nil
		}
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	d, err := Open(context.Background(), Config{Dir: t.TempDir(), TmpMB: 32, Egress: cfg}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if d.reports == nil {
		if text := fmt.Sprint(d.Level().Missing); strings.Contains(text, einval) || strings.Contains(text, eacces) {
			t.Fatalf("the kernel refuses the program: %s", text)
		}
		t.Skipf("this kernel has no socket-lookup programs: %q", d.Level().Missing)
	}
	return sandboxtest.Boxes{Driver: d, Probe: sandboxtest.BuildProbe(t)}
}

func rules(t *testing.T, text string) ebb.Egress {
	t.Helper()
	e, err := ebb.ParseEgress(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func allow(t *testing.T, text string) egress.Policy {
	e := rules(t, text)
	return egress.Policy{egress.NewGrant(e, e)}
}

// talker is a box with a policy and a process that connects to what it is told.
func (o *outside) talker(t *testing.T, b sandboxtest.Boxes, id string, p egress.Policy) sandbox.Box {
	t.Helper()
	box := b.Box(t, id, sandbox.Limits{MemoryMB: 256})
	if err := box.SetEgress(context.Background(), p, o.said.add); err != nil {
		t.Fatal(err)
	}
	process := sandboxtest.Process(box, "talklater")
	process.Framed = true
	sandboxtest.StartProcess(t, box, process)
	return box
}

func tell(t *testing.T, box sandbox.Box, network, address, want string) {
	t.Helper()
	if _, err := fmt.Fprintf(box.Conn(), "%s %s\n", network, address); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Expect(t, box, address+": "+want+"\n")
}

const unreachable = "network is unreachable"

func TestEgress(t *testing.T) {
	o := openOutside(t)
	b := connectedBoxes(t, o, egress.Config{})
	none := b.Box(t, "none", sandbox.Limits{})
	sandboxtest.Start(t, none, "talk", "tcp", "127.0.0.1:"+o.tcp, "tcp", "192.0.2.1:443", "udp", "192.0.2.1:53")
	want := "127.0.0.1:" + o.tcp + ": " + refused + "\n192.0.2.1:443: " + unreachable + "\n192.0.2.1:53: " + unreachable + "\n"
	if got := sandboxtest.ReadAll(t, none); got != want {
		t.Errorf("without a policy: %s", got)
	}

	box := o.talker(t, b, "exact", allow(t, "127.0.0.1:"+o.tcp+",udp/127.0.0.1:"+o.udp))
	tell(t, box, "tcp", "127.0.0.1:"+o.tcp, "echo hello")
	tell(t, box, "udp", "127.0.0.1:"+o.udp, "echo hello")
	tell(t, box, "udp", "127.0.0.1:"+o.udp, "echo hello")
	tell(t, box, "tcp", "127.0.0.1:"+o.silent, refused)
	tell(t, box, "tcp", "127.0.0.2:"+o.tcp, refused)
	tell(t, box, "tcp", "192.0.2.1:443", refused)
	tell(t, box, "udp", "192.0.2.1:53", refused)
	tell(t, box, "tcp", "[2001:db8::1]:443", refused)
	sandboxtest.Eventually(t, "refusals are counted", func() bool { return box.Usage().Egress.Denied == 3 })
	for _, line := range []string{"EGRESS denied tcp/192.0.2.1:443: no rule", "EGRESS denied udp/192.0.2.1:53", "EGRESS denied tcp/[2001:db8::1]:443"} {
		if !o.said.has(line) {
			t.Errorf("%q is not in:\n%s", line, o.said)
		}
	}
	u := box.Usage().Egress
	if u.Connections != 3 || u.Sent != 15 || u.Received != 30 {
		t.Errorf("usage is %+v", u)
	}
	box.Destroy()
	if after := box.Usage().Egress; after.Sent != 15 {
		t.Errorf("usage after Destroy is %+v", after)
	}
}

func TestEgressBlocksAndNames(t *testing.T) {
	o := openOutside(t)
	if o.own == "" {
		t.Skip("this machine has the loopback only")
	}
	b := connectedBoxes(t, o, egress.Config{})
	box := o.talker(t, b, "names", allow(t, o.own+"/32:"+o.tcp+",udp/0.0.0.0/0:"+o.udp+
		",own.test:"+o.tcp+",loopback.test:*,metadata.test:*,*.absent.test:1-9000"))
	tell(t, box, "tcp", o.own+":"+o.tcp, "echo hello")
	tell(t, box, "tcp", o.own+":"+o.silent, refused)
	tell(t, box, "udp", o.own+":"+o.udp, "echo hello")
	tell(t, box, "udp", "127.0.0.1:"+o.udp, refused) // a block does not open the loopback
	tell(t, box, "tcp", "own.test:"+o.tcp, "echo hello")
	tell(t, box, "tcp", "OWN.test.:"+o.tcp, "echo hello")
	tell(t, box, "tcp", "own.test:"+o.silent, "connection reset by peer")
	tell(t, box, "tcp", "loopback.test:"+o.tcp, "connection reset by peer")
	tell(t, box, "tcp", "metadata.test:80", "connection reset by peer")
	tell(t, box, "tcp", "other.test:"+o.tcp, "no such host")
	tell(t, box, "tcp", "x.absent.test:80", "no such host")
	for _, line := range []string{"denied tcp/own.test:" + o.silent + ": no rule", "denied tcp/loopback.test:" + o.tcp + ": its address 127.0.0.1",
		"denied tcp/metadata.test:80: its address 169.254.169.254", "denied name other.test"} {
		if !o.said.has(line) {
			t.Errorf("%q is not in:\n%s", line, o.said)
		}
	}
}

// TestEgressNobodyReachesTheAPI: whatever the rule says.
func TestEgressNobodyReachesTheAPI(t *testing.T) {
	o := openOutside(t)
	port := func(s string) (n uint16) { _, _ = fmt.Sscan(s, &n); return n }
	guard := egress.NewGuard()
	guard.Own([]uint16{port(o.tcp)}, []uint16{port(o.silent)})
	b := connectedBoxes(t, o, egress.Config{Guard: guard})
	policy := "127.0.0.1:" + o.tcp
	if o.own != "" {
		policy += ",own.test:1-65535,0.0.0.0/0:*," + o.own + ":" + o.tcp
	}
	box := o.talker(t, b, "api", allow(t, policy))
	tell(t, box, "tcp", "127.0.0.1:"+o.tcp, "connection reset by peer")
	if o.own != "" {
		tell(t, box, "tcp", o.own+":"+o.tcp, "connection reset by peer")
		tell(t, box, "tcp", "own.test:"+o.tcp, "connection reset by peer")
		tell(t, box, "tcp", o.own+":"+o.silent, "connection reset by peer")
		tell(t, box, "tcp", "169.254.169.254:80", "connection reset by peer")
		tell(t, box, "tcp", "0.0.0.1:"+o.tcp, "connection reset by peer")
	}
	if !o.said.has("own API") {
		t.Errorf("the reason is not said:\n%s", o.said)
	}
}

// TestEgressChanges: what a policy does not allow any more ends at once, and a
// spare's box has none before it is somebody's.
func TestEgressChanges(t *testing.T) {
	o := openOutside(t)
	b := connectedBoxes(t, o, egress.Config{})
	ctx := context.Background()
	box := o.talker(t, b, "changes", nil)
	target := "127.0.0.1:" + o.tcp
	tell(t, box, "tcp", target, refused)
	if err := box.SetEgress(ctx, allow(t, target+",127.0.0.1:"+o.silent), nil); err != nil {
		t.Fatal(err)
	}
	tell(t, box, "tcp", target, "echo hello")
	if _, err := fmt.Fprintf(box.Conn(), "tcp 127.0.0.1:%s\n", o.silent); err != nil { // hangs there
		t.Fatal(err)
	}
	sandboxtest.Eventually(t, "it is connected", func() bool { return box.Usage().Egress.Connections == 2 })
	if err := box.SetEgress(ctx, allow(t, target), nil); err != nil {
		t.Fatal(err)
	}
	if n := box.Usage().Egress.Open; n != 0 {
		t.Errorf("%d connections are open that are not allowed", n)
	}
	sandboxtest.Expect(t, box, "127.0.0.1:"+o.silent+": connection reset by peer\n")
	tell(t, box, "tcp", target, "echo hello")
	if err := box.SetEgress(ctx, nil, nil); err != nil {
		t.Fatal(err)
	}
	tell(t, box, "tcp", target, refused)
	box.Destroy()
	if err := box.SetEgress(ctx, nil, nil); err == nil {
		t.Error("a destroyed box is opened")
	}
}

// TestEgressOfASpare: opened after its process began, with the code.
func TestEgressOfASpare(t *testing.T) {
	o := openOutside(t)
	b := connectedBoxes(t, o, egress.Config{})
	box := b.Box(t, "spare", sandbox.Limits{})
	p := sandboxtest.Process(box, "talklater")
	p.Framed, p.AttachLater = true, true
	sandboxtest.StartProcess(t, box, p)
	ctx := context.Background()
	target := "127.0.0.1:" + o.tcp
	if err := errors.Join(box.SetEgress(ctx, allow(t, target+",udp/127.0.0.1:"+o.udp), o.said.add), box.Attach(ctx, nil, sandbox.Limits{})); err != nil {
		t.Fatal(err)
	}
	tell(t, box, "tcp", target, "echo hello")
	tell(t, box, "udp", "127.0.0.1:"+o.udp, "echo hello")
}

// TestEgressLimits: what is beyond the limit is refused, and room comes back.
func TestEgressLimits(t *testing.T) {
	o := openOutside(t)
	b := connectedBoxes(t, o, egress.Config{MaxPerInstance: 3})
	target := "127.0.0.1:" + serveTCP(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	box := b.Box(t, "limits", sandbox.Limits{MemoryMB: 256})
	if err := box.SetEgress(context.Background(), allow(t, target+",127.0.0.1:"+o.tcp), o.said.add); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Start(t, box, "hold", target, "5")
	sandboxtest.Expect(t, box, "held 3\n")
	sandboxtest.Wait(t, box)
	if !o.said.has("too many connections") {
		t.Errorf("it is not said:\n%s", o.said)
	}
	sandboxtest.Eventually(t, "the connections end with their process", func() bool { return box.Usage().Egress.Open == 0 })
}

// TestEgressBulk: a lot goes both ways, whole, at the pace of the slower side.
func TestEgressBulk(t *testing.T) {
	o := openOutside(t)
	const size = 32 << 20
	port := serveTCP(t, func(c net.Conn) {
		n, _ := io.Copy(io.Discard, c)
		_, _ = fmt.Fprintf(c, "%d", n)
	})
	slow := serveTCP(t, func(c net.Conn) {
		_, _ = io.CopyN(c, zeros{}, size)
	})
	b := connectedBoxes(t, o, egress.Config{})
	box := b.Box(t, "bulk", sandbox.Limits{MemoryMB: 256})
	if err := box.SetEgress(context.Background(), allow(t, "127.0.0.1:"+port+",127.0.0.1:"+slow), o.said.add); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	sandboxtest.Start(t, box, "bulk", "127.0.0.1:"+port, fmt.Sprint(size), "127.0.0.1:"+slow)
	sandboxtest.Expect(t, box, fmt.Sprintf("sent %d\nreceived %d\n", size, size))
	t.Logf("64 MB took %v", time.Since(begin))
	sandboxtest.Wait(t, box)
	sandboxtest.Eventually(t, "all is counted", func() bool { return box.Usage().Egress.Sent >= size && box.Usage().Egress.Received >= size })
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// BenchmarkSetEgress opens a way out and changes its rules, which every
// invocation with a target of its own does twice.
func BenchmarkSetEgress(b *testing.B) {
	d := open(b, b.TempDir())
	defer func() { _ = d.Close() }()
	ctx := context.Background()
	e, err := ebb.ParseEgress("10.0.0.0/8:5432,db.bank.local:1521,udp/10.1.1.1:53,[2001:db8::/32]:443")
	if err != nil {
		b.Fatal(err)
	}
	p := egress.Policy{egress.NewGrant(e, e)}
	b.Run("open", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			b.StopTimer()
			box, err := d.Create(ctx, sandbox.Spec{ID: fmt.Sprintf("bench-%d", i), Limits: sandbox.Limits{TmpMB: 32}})
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			if err := box.SetEgress(ctx, p, func(string) {}); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			box.Destroy()
			b.StartTimer()
		}
	})
	b.Run("change", func(b *testing.B) {
		box, err := d.Create(ctx, sandbox.Spec{ID: "bench", Limits: sandbox.Limits{TmpMB: 32}})
		if err != nil {
			b.Fatal(err)
		}
		defer box.Destroy()
		for b.Loop() {
			if err := box.SetEgress(ctx, p, func(string) {}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

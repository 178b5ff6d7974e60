package pool

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/runtimes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hostRuntimes is what this host has, looked for once.
var hostRuntimes = sync.OnceValues(func() (*runtimes.Catalog, error) {
	dir, err := os.MkdirTemp("", "ebb-pool-test")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	return runtimes.Load(context.Background(), dir)
})

// pipes is a listener in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
	case <-ctx.Done():
	}
	return nil, errors.Join(net.ErrClosed, ours.Close(), theirs.Close())
}

// handler is a function of the tests: it runs in this process and speaks the
// real Runtime API. Returning an error ends the "process" as a crash.
type handler func(box *testBox, payload []byte) ([]byte, error)

// testDriver makes boxes whose process is a goroutine.
type testDriver struct {
	handle  handler
	begin   func(ctx context.Context) error // before the first poll; nil = nothing
	serve   func(box *testBox) http.Handler // instead of handle: the process is an HTTP server
	fail    atomic.Int64                    // so many boxes cannot be made
	created atomic.Int64
	alive   atomic.Int64
	peak    atomic.Int64
	stuck   atomic.Bool          // boxes do not thaw
	bubble  bool                 // the test runs in synctest
	ice     func(*testBox) error // before a box is frozen; nil = nothing
	node    atomic.Int64         // bytes that boxes may have of the node; 0 = unknown
	memory  atomic.Int64         // bytes that every box uses
	zygotes atomic.Int64         // how many were asked for
	barren  atomic.Bool          // none is made
	linger  time.Duration        // that the end of a box takes
	burn    time.Duration        // CPU that every box uses between two looks
}

func (d *testDriver) Level() sandbox.Level {
	return sandbox.Level{Name: "test", Freezes: true, Forks: true}
}
func (d *testDriver) Zygote(context.Context, sandbox.Spec, sandbox.Process) (sandbox.Zygote, error) {
	d.zygotes.Add(1)
	if d.barren.Load() {
		return nil, ebb.Errorf(ebb.Unavailable, ebb.TypeSandboxUnavailable, "no zygote today")
	}
	d.alive.Add(1)
	return &testZygote{driver: d, done: make(chan struct{})}, nil
}
func (d *testDriver) Sweep(context.Context) error { return nil }
func (d *testDriver) Close() error                { return nil }

func (d *testDriver) Create(_ context.Context, spec sandbox.Spec) (sandbox.Box, error) {
	d.created.Add(1)
	if d.fail.Add(-1) >= 0 {
		return nil, ebb.Errorf(ebb.Unavailable, ebb.TypeSandboxUnavailable, "no box today")
	}
	if n := d.alive.Add(1); n > d.peak.Load() {
		d.peak.Store(n)
	}
	b := &testBox{driver: d, id: spec.ID, spec: spec, done: make(chan struct{})}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.api, b.endpoint = newPipes(), newPipes()
	return b, nil
}

type testZygote struct {
	driver *testDriver
	once   sync.Once
	done   chan struct{}
}

func (z *testZygote) Done() <-chan struct{} { return z.done }
func (z *testZygote) Usage() sandbox.Usage  { return sandbox.Usage{Memory: z.driver.memory.Load()} }
func (z *testZygote) Destroy() {
	z.once.Do(func() {
		close(z.done)
		z.driver.alive.Add(-1)
	})
}

type testBox struct {
	driver        *testDriver
	id            string
	spec          sandbox.Spec
	api, endpoint *pipes
	port          atomic.Pointer[string] // where a web function's server listens
	out, stdout   *os.File
	ctx           context.Context
	cancel        context.CancelFunc
	done          chan struct{}
	exit          sandbox.Exit
	gone          sync.Once
	started       bool
	attached      bool
	frozen        atomic.Bool
	freezes       atomic.Int64
	cpu           atomic.Int64
}

func (b *testBox) RuntimeAPI() net.Listener  { return b.api }
func (b *testBox) Endpoint() net.Listener    { return b.endpoint }
func (b *testBox) Path(inside string) string { return inside }
func (b *testBox) Conn() net.Conn            { return nil }
func (b *testBox) Output() *os.File          { return b.out }
func (b *testBox) Done() <-chan struct{}     { return b.done }
func (b *testBox) Exit() sandbox.Exit        { return b.exit }
func (b *testBox) Port(inside int) int       { return inside }
func (b *testBox) Dial(ctx context.Context, _ int) (net.Conn, error) {
	address := b.port.Load()
	if address == nil {
		return nil, syscall.ECONNREFUSED
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", *address)
}
func (b *testBox) Listening() []netip.AddrPort { return nil }
func (b *testBox) MemoryPeak() int64           { return 5 << 20 }
func (b *testBox) Usage() sandbox.Usage {
	return sandbox.Usage{MemoryPeak: b.MemoryPeak(), Memory: b.driver.memory.Load(), CPU: time.Duration(b.cpu.Add(int64(b.driver.burn)))}
}
func (b *testBox) Spawn(context.Context, sandbox.Process) (*sandbox.Companion, error) {
	return nil, errors.ErrUnsupported
}
func (b *testBox) Fork(context.Context, sandbox.Zygote, string) error { return sandbox.ErrNotForked }
func (b *testBox) LimitCPU(int) error                                 { return nil }
func (b *testBox) Attach(_ context.Context, mounts []sandbox.Mount, _ sandbox.Limits) error {
	b.spec.Mounts = append(b.spec.Mounts, mounts...)
	b.attached = true
	return nil
}
func (b *testBox) Freeze() error {
	if b.driver.ice != nil {
		if err := b.driver.ice(b); err != nil {
			return err
		}
	}
	b.frozen.Store(true)
	b.freezes.Add(1)
	return nil
}
func (b *testBox) Thaw() error {
	if b.driver.stuck.Load() {
		return errors.New("it does not thaw")
	}
	b.frozen.Store(false)
	return nil
}
func (b *testBox) SetEgress(context.Context, egress.Policy, func(string)) error { return nil }
func (b *testBox) Stop(time.Duration)                                           { b.cancel() }

func (b *testBox) Start(context.Context, sandbox.Process) (err error) {
	b.started = true
	if b.driver.bubble {
		// A pipe's reader waits for the kernel, which a synctest bubble does not do.
		b.out, err = os.Open(os.DevNull)
		b.stdout = b.out
	} else {
		b.out, b.stdout, err = os.Pipe()
	}
	if err == nil {
		go b.live()
	}
	return err
}

// Destroy ends the goroutine and waits for it, as a real box waits for its processes.
func (b *testBox) Destroy() {
	b.gone.Do(func() {
		b.cancel()
		if b.started {
			<-b.done
		}
		if b.driver.linger > 0 {
			<-time.After(b.driver.linger)
		}
		_ = b.api.Close()
		_ = b.endpoint.Close()
		b.driver.alive.Add(-1)
	})
}

// live is the process: a custom runtime.
func (b *testBox) live() {
	defer close(b.done)
	if !b.driver.bubble {
		defer func() { _ = b.stdout.Close() }()
	}
	client := &http.Client{Transport: &http.Transport{DialContext: b.api.dial}}
	defer client.CloseIdleConnections()
	base := "http://runtime/2018-06-01/runtime/invocation/"
	if b.driver.begin != nil {
		if err := b.driver.begin(b.ctx); err != nil {
			b.exit.Code = 1
			return
		}
	}
	if b.driver.serve != nil {
		b.web()
		return
	}
	for {
		req, _ := http.NewRequestWithContext(b.ctx, http.MethodGet, base+"next", nil)
		res, err := client.Do(req)
		if err != nil {
			b.exit.Signal = "killed"
			return
		}
		payload, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		answer, err := b.driver.handle(b, payload)
		if err != nil {
			b.exit.Code = 1
			return
		}
		req, _ = http.NewRequestWithContext(b.ctx, http.MethodPost,
			base+res.Header.Get("Lambda-Runtime-Aws-Request-Id")+"/response", bytes.NewReader(answer))
		if res, err = client.Do(req); err != nil {
			b.exit.Signal = "killed"
			return
		}
		_ = res.Body.Close()
	}
}

// web is the process of a web function.
func (b *testBox) web() {
	srv := &http.Server{Handler: b.driver.serve(b)}
	stop := context.AfterFunc(b.ctx, func() { _ = srv.Close() })
	defer stop()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	address := l.Addr().String()
	b.port.Store(&address)
	_ = srv.Serve(l)
	b.exit.Signal = "killed"
}

var errCrash = errors.New("crash")

// rig is a pool on a testDriver with everything else real.
type rig struct {
	*Pool
	t      testing.TB
	driver *testDriver
	logs   *logs.Store
	code   ebb.Code
	stop   func()
}

func newRig(t testing.TB, cfg Config, d *testDriver) *rig {
	t.Helper()
	if cfg.PrewarmMin == 0 { // most tests count boxes
		cfg.PrewarmOff = true
	}
	dir := t.TempDir()
	log := slog.New(slog.DiscardHandler)
	packages, err := artifact.Open(artifact.Config{Dir: filepath.Join(dir, "packages")})
	if err != nil {
		t.Fatal(err)
	}
	code, err := packages.Put(t.Context(), bytes.NewReader(zipped(t)))
	if err != nil {
		t.Fatal(err)
	}
	catalog, err := hostRuntimes()
	if err != nil {
		t.Fatal(err)
	}
	store, err := logs.Open(logs.Config{Dir: filepath.Join(dir, "logs")}, log)
	if err != nil {
		t.Fatal(err)
	}
	memory := func() (Memory, bool) {
		n := d.node.Load()
		return Memory{Total: 4 << 30, Available: n - d.alive.Load()*d.memory.Load()}, n > 0
	}
	p := New(cfg, Deps{Memory: memory, Driver: d, Packages: packages, Runtimes: catalog, Logs: store, Log: log,
		Endpoint: func(*ebb.Version) (http.Handler, auth.Credentials) {
			return http.NotFoundHandler(), auth.Credentials{}
		}})
	ctx, cancel := context.WithCancel(context.Background())
	logCtx, stopLogs := context.WithCancel(context.Background())
	done, logDone := make(chan error, 1), make(chan error, 1)
	go func() { done <- p.Run(ctx, 5*time.Second) }()
	go func() { logDone <- store.Run(logCtx) }()
	r := &rig{Pool: p, t: t, driver: d, logs: store, code: code}
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		stopLogs()
		if err := <-logDone; err != nil {
			t.Error(err)
		}
		if n := d.alive.Load(); n != 0 {
			t.Errorf("%d boxes are left", n)
		}
		if c := p.Counts(); c != (Counts{}) {
			t.Errorf("the pool is not empty: %+v", c)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func zipped(t testing.TB) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	f, err := w.Create("bootstrap")
	if err == nil {
		_, err = f.Write([]byte("#!/bin/sh\n"))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// version makes a version of function name; each call is a new revision.
func (r *rig) version(name string, timeoutS int) *ebb.Version {
	return &ebb.Version{
		FunctionKey: ebb.FunctionKey{Service: ebb.DefaultService, Name: name},
		RevisionID:  uuid.NewString(), Runtime: "provided", Handler: "h",
		MemoryMB: 128, TimeoutS: timeoutS, TmpMB: 512, Code: r.code,
	}
}

// collected is a sink that keeps the answer.
type collected struct {
	head ebb.Head
	body bytes.Buffer
}

func (c *collected) Head(h ebb.Head) error       { c.head = h; return nil }
func (c *collected) Write(b []byte) (int, error) { return c.body.Write(b) }

// call acquires, invokes and releases.
func (r *rig) call(ctx context.Context, v *ebb.Version, payload string, patience time.Duration) (string, Outcome, error) {
	lease, err := r.Acquire(ctx, v, "", time.Now().Add(patience))
	if err != nil {
		return "", Outcome{}, err
	}
	defer lease.Release()
	inv := &ebb.Invocation{ID: ebb.InvocationID(uuid.NewString()), FunctionKey: v.FunctionKey, Payload: []byte(payload)}
	lease.Begin(inv)
	var sink collected
	out := lease.Invoke(context.WithoutCancel(ctx), inv, "arn", &sink)
	lease.End()
	return sink.body.String(), out, nil
}

func echo(_ *testBox, payload []byte) ([]byte, error) { return payload, nil }

package sandboxtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// Run runs the suite. open makes a fresh driver on a directory of its own; the
// suite closes it.
func Run(t *testing.T, open func(t *testing.T, dir string) sandbox.Driver) {
	dir := t.TempDir()
	driver := open(t, dir)
	t.Cleanup(func() {
		if err := driver.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if err := driver.Sweep(context.Background()); err != nil {
		t.Fatalf("Sweep: %v", err)
	}
	boxes := Boxes{Driver: driver, Probe: BuildProbe(t)}
	tests := map[string]func(*testing.T, Boxes){
		"ExitCode": exitCode, "Signal": endBySignal, "Output": output, "Environment": environment,
		"Framed": framed, "FramedEnds": framedEnds, "Listeners": listeners, "Path": paths,
		"MissingProgram": missingProgram, "MissingDirectory": missingDirectory,
		"StopGraceful": stopGraceful, "StopStubborn": stopStubborn, "StopBeforeStart": stopBeforeStart,
		"DestroyRunning": destroyRunning, "DestroyDaemons": destroyDaemons, "DestroyUnstarted": destroyUnstarted,
		"StartTwice": startTwice, "BadSpec": badSpec, "SameID": sameID, "Canceled": canceled,
		"AttachRunning": attachRunning, "AttachFollows": attachFollows, "AttachEmpty": attachEmpty,
		"FreezeStops": freezeStops, "FreezeDeath": freezeDeath, "FreezeDestroy": freezeDestroy,
		"Spawn": spawn, "SpawnMissing": spawnMissing, "SpawnDestroyed": spawnDestroyed, "DialPort": dialPort, "DialIPv6": dialIPv6, "DialGone": dialGone,
		"FileLimit": fileLimit, "Usage": usage, "Fifty": fifty, "Level": level,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, boxes) })
	}
	t.Run("CloseDestroys", func(t *testing.T) { closeDestroys(t, boxes.Probe, open) })
}

func exitCode(t *testing.T, b Boxes) {
	for _, code := range []int{0, 1, 42} {
		_, exit := b.Run(t, fmt.Sprintf("exit-%d", code), sandbox.Limits{}, "exit", fmt.Sprint(code))
		if exit != (sandbox.Exit{Code: code}) {
			t.Errorf("exit %d gives %+v", code, exit)
		}
	}
}

func endBySignal(t *testing.T, b Boxes) {
	_, exit := b.Run(t, "signal", sandbox.Limits{}, "signal", "9")
	if exit != (sandbox.Exit{Code: -1, Signal: "killed"}) {
		t.Errorf("SIGKILL gives %+v", exit)
	}
	_, exit = b.Run(t, "segv", sandbox.Limits{}, "signal", "15")
	if exit != (sandbox.Exit{Code: -1, Signal: "terminated"}) {
		t.Errorf("SIGTERM gives %+v", exit)
	}
}

func output(t *testing.T, b Boxes) {
	out, _ := b.Run(t, "output", sandbox.Limits{}, "print", "a b")
	if out != "out a b\nerr a b\n" {
		t.Errorf("output is %q", out)
	}
}

// environment must be what was asked for: nothing of ebb's own gets in. EBB_BOX
// is the process driver's mark.
func environment(t *testing.T, b Boxes) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "of the platform")
	box := b.Box(t, "env", sandbox.Limits{})
	p := Process(box, "env")
	p.Env = []string{"B=2", "A=1 2"}
	StartProcess(t, box, p)
	var got []string
	for _, v := range strings.Fields(strings.ReplaceAll(ReadAll(t, box), " ", "_")) {
		if !strings.HasPrefix(v, "EBB_BOX=") {
			got = append(got, v)
		}
	}
	if !slices.Equal(got, []string{"B=2", "A=1_2"}) {
		t.Errorf("environment is %q", got)
	}
}

func framed(t *testing.T, b Boxes) {
	box := b.Box(t, "framed", sandbox.Limits{})
	p := Process(box, "echo")
	p.Framed = true
	StartProcess(t, box, p)
	if err := box.Conn().SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	// More than socket buffers hold, so both directions flow.
	sent := strings.Repeat("0123456789abcdef", 1<<16)
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := io.WriteString(box.Conn(), sent); err != nil {
			t.Errorf("write: %v", err)
		}
	})
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(box.Conn(), got); err != nil || string(got) != sent {
		t.Errorf("the echo differs (%v)", err)
	}
	wg.Wait()
}

// framedEnds: the process's death is the connection's end, and ours is its.
func framedEnds(t *testing.T, b Boxes) {
	box := b.Box(t, "framed-a", sandbox.Limits{})
	p := Process(box, "echo")
	p.Framed = true
	StartProcess(t, box, p)
	if err := box.Conn().Close(); err != nil {
		t.Fatal(err)
	}
	Wait(t, box)
	if exit := box.Exit(); exit.Code != 0 {
		t.Errorf("echo ended with %+v", exit)
	}

	box = b.Box(t, "framed-b", sandbox.Limits{})
	p = Process(box, "exit", "0")
	p.Framed = true
	StartProcess(t, box, p)
	if err := box.Conn().SetDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := box.Conn().Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read from a process that ended gives %v, want EOF", err)
	}
}

func listeners(t *testing.T, b Boxes) {
	box := b.Box(t, "listeners", sandbox.Limits{})
	var wg sync.WaitGroup
	for name, l := range map[string]net.Listener{"runtime": box.RuntimeAPI(), "endpoint": box.Endpoint()} {
		if err := l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Now().Add(Patience)); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			conn, err := l.Accept()
			if err != nil {
				t.Errorf("%s: accept: %v", name, err)
				return
			}
			_, _ = fmt.Fprintf(conn, "hello from %s", name)
			_ = conn.Close()
		})
	}
	first, second := box.RuntimeAPI().Addr().String(), box.Endpoint().Addr().String()
	if !strings.HasPrefix(first, "127.0.0.1:") || first == second {
		t.Fatalf("listeners are at %s and %s", first, second)
	}
	Start(t, box, "dial", first, second)
	if got := ReadAll(t, box); got != "hello from runtimehello from endpoint" {
		t.Errorf("the process got %q", got)
	}
	wg.Wait()
	box.Destroy()
	if _, err := box.RuntimeAPI().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after Destroy gives %v", err)
	}
	if conn, err := net.Dial("tcp", second); err == nil {
		_ = conn.Close()
		t.Errorf("%s answers after Destroy", second)
	}
}

// paths: what Path says is where the process finds the mount.
func paths(t *testing.T, b Boxes) {
	code := t.TempDir()
	if err := os.MkdirAll(filepath.Join(code, "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(code, "sub", "f"), []byte("code"), 0o644); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "single")
	if err := os.WriteFile(file, []byte("+file"), 0o644); err != nil {
		t.Fatal(err)
	}
	box := b.Box(t, "paths", sandbox.Limits{},
		sandbox.Mount{Source: code, Target: "/var/task"}, sandbox.Mount{Source: file, Target: "/opt/a/b"})
	Start(t, box, "cat", box.Path("/var/task/sub/f"), box.Path("/opt/a/b"))
	if got := ReadAll(t, box); got != "code+file" {
		t.Errorf("the mounts read %q", got)
	}
	box = b.Box(t, "paths-tmp", sandbox.Limits{})
	Start(t, box, "write", box.Path("/tmp/x"))
	if got := ReadAll(t, box); got != "written "+box.Path("/tmp/x")+"\n" {
		t.Errorf("/tmp: %q", got)
	}
}

func missingProgram(t *testing.T, b Boxes) {
	box := b.Box(t, "no-program", sandbox.Limits{})
	p := Process(box, "exit", "0")
	p.Argv[0] = "/no/such/program"
	StartProcess(t, box, p)
	Wait(t, box)
	exit := box.Exit()
	if !errors.Is(exit.Err, fs.ErrNotExist) || !strings.Contains(exit.Err.Error(), "/no/such/program") {
		t.Errorf("exit is %+v, want the missing program named", exit)
	}
	if out := ReadAll(t, box); out != "" {
		t.Errorf("output is %q", out)
	}
}

func missingDirectory(t *testing.T, b Boxes) {
	box := b.Box(t, "no-dir", sandbox.Limits{})
	p := Process(box, "exit", "0")
	p.Dir = "/no/such/dir"
	StartProcess(t, box, p)
	Wait(t, box)
	if exit := box.Exit(); !errors.Is(exit.Err, fs.ErrNotExist) {
		t.Errorf("exit is %+v, want no such directory", exit)
	}
}

func startTwice(t *testing.T, b Boxes) {
	box := b.Box(t, "twice", sandbox.Limits{})
	Start(t, box, "sleep")
	if err := box.Start(context.Background(), Process(box, "exit", "0")); err == nil {
		t.Error("a second Start is accepted")
	}
	Expect(t, box, "ready\n")
}

func badSpec(t *testing.T, b Boxes) {
	ctx := context.Background()
	for name, spec := range map[string]sandbox.Spec{
		"no id":           {},
		"path in id":      {ID: "../x"},
		"long id":         {ID: strings.Repeat("x", 41)},
		"relative source": {ID: "ok", Mounts: []sandbox.Mount{{Source: "x", Target: "/x"}}},
		"dots in target":  {ID: "ok", Mounts: []sandbox.Mount{{Source: "/x", Target: "/x/../y"}}},
		"target is root":  {ID: "ok", Mounts: []sandbox.Mount{{Source: "/x", Target: "/"}}},
	} {
		if box, err := b.Driver.Create(ctx, spec); ebb.KindOf(err) != ebb.Invalid {
			t.Errorf("%s: Create gives %v, want Invalid", name, err)
			if err == nil {
				box.Destroy()
			}
		}
	}
	box := b.Box(t, "bad-process", sandbox.Limits{})
	for _, p := range []sandbox.Process{
		{Dir: "/"},
		{Argv: []string{"relative"}, Dir: "/"},
		{Argv: []string{"/x"}, Dir: "."},
		{Argv: []string{"/x"}, Dir: "/", Env: []string{"A=\x00"}},
	} {
		if err := box.Start(ctx, p); ebb.KindOf(err) != ebb.Invalid {
			t.Errorf("Start of %+v gives %v, want Invalid", p, err)
		}
	}
}

func sameID(t *testing.T, b Boxes) {
	b.Box(t, "same", sandbox.Limits{})
	if box, err := b.Driver.Create(context.Background(), sandbox.Spec{ID: "same"}); err == nil {
		box.Destroy()
		t.Error("two boxes have one id")
	}
}

func canceled(t *testing.T, b Boxes) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if box, err := b.Driver.Create(ctx, sandbox.Spec{ID: "canceled"}); !errors.Is(err, context.Canceled) {
		t.Errorf("Create gives %v, want canceled", err)
		if err == nil {
			box.Destroy()
		}
	}
	b.Box(t, "canceled-not", sandbox.Limits{})
}

func fileLimit(t *testing.T, b Boxes) {
	if runtime.GOOS != "linux" {
		t.Skip("limits from outside are Linux's")
	}
	box := b.Box(t, "files", sandbox.Limits{Files: 77})
	Start(t, box, "stubborn")
	Expect(t, box, "ready\n")
	reader := b.Box(t, "files-r", sandbox.Limits{Files: 77})
	Start(t, reader, "cat", "/proc/self/limits")
	out := ReadAll(t, reader)
	// The process driver's limit comes a moment after the start, which a short
	// program may miss; the one that still runs has it.
	if !strings.Contains(out, "Max open files            77                   77") && b.Driver.Level().Mounts {
		t.Errorf("limits are:\n%s", out)
	}
}

func usage(t *testing.T, b Boxes) {
	if runtime.GOOS != "linux" {
		t.Skip("measured on Linux")
	}
	box := b.Box(t, "usage", sandbox.Limits{MemoryMB: 256})
	Start(t, box, "hog", "40")
	Expect(t, box, "used 40\n")
	Wait(t, box)
	for range 2 { // before and after Destroy
		u := box.Usage()
		if u.MemoryPeak < 40<<20 || u.MemoryPeak > 256<<20 || u.CPU <= 0 {
			t.Errorf("usage of 40 MB is %+v", u)
		}
		if peak := box.MemoryPeak(); peak < 40<<20 || peak > 256<<20 {
			t.Errorf("the peak of 40 MB is %d", peak)
		}
		box.Destroy()
	}
}

// fifty boxes at once, each with its own output and connection.
func fifty(t *testing.T, b Boxes) {
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			id := fmt.Sprintf("fifty-%d", i)
			ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
			defer cancel()
			box, err := b.Driver.Create(ctx, sandbox.Spec{ID: id, Mounts: []sandbox.Mount{{Source: b.Probe, Target: ProbeDir}}})
			if err != nil {
				t.Errorf("Create: %v", err)
				return
			}
			defer box.Destroy()
			p := Process(box, "echo")
			p.Framed = true
			if err := box.Start(ctx, p); err != nil {
				t.Errorf("Start: %v", err)
				return
			}
			defer func() { _ = box.Output().Close() }()
			_ = box.Conn().SetDeadline(time.Now().Add(2 * Patience))
			got := make([]byte, len(id))
			if _, err := io.WriteString(box.Conn(), id); err != nil {
				t.Errorf("%s: %v", id, err)
			}
			if _, err := io.ReadFull(box.Conn(), got); err != nil || string(got) != id {
				t.Errorf("%s hears %q (%v)", id, got, err)
			}
		})
	}
	wg.Wait()
}

func level(t *testing.T, b Boxes) {
	l := b.Driver.Level()
	if l.Name == "" || l.Summary == "" {
		t.Errorf("level is %+v", l)
	}
	t.Logf("%s: %s; missing: %q", l.Name, l.Summary, l.Missing)
}

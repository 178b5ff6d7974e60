//go:build linux

package linux

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
	"github.com/ebb-faas/ebb/runtimes"
)

// zygoteDir is where zygotes of tests find their program.
const zygoteDir = "/opt/zygote"

// startZygote starts one whose copies execute what they are told to.
func startZygote(t testing.TB, d *Driver, id string) sandbox.Zygote {
	t.Helper()
	z, err := newZygote(t, d, id, "execute.py")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(z.Destroy)
	return z
}

func newZygote(t testing.TB, d *Driver, id, program string) (sandbox.Zygote, error) {
	t.Helper()
	spec, p, err := zygoteProgram(id, program)
	if errors.Is(err, errors.ErrUnsupported) {
		hosttest.Lacks(t, "this host lacks Python, the only runtime that forks")
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), sandboxtest.Patience)
	defer cancel()
	return d.Zygote(ctx, spec, p)
}

// zygoteProgram is a program of testdata/zygote, with the host's Python.
func zygoteProgram(id, program string) (spec sandbox.Spec, p sandbox.Process, err error) {
	catalog, err := hostRuntimes()
	if err != nil {
		return spec, p, err
	}
	python, ok := catalog.Lookup("python3")
	if !ok {
		return spec, p, errors.ErrUnsupported
	}
	spec.ID = id
	for _, m := range python.Mounts {
		spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: m.Source, Target: m.Target})
	}
	programs, err := filepath.Abs("testdata/zygote")
	spec.Mounts = append(spec.Mounts, sandbox.Mount{Source: programs, Target: zygoteDir})
	p = sandbox.Process{Argv: []string{python.ZygoteCommand()[0], "-B", "-S", zygoteDir + "/" + program},
		Env: []string{"LANG=C.UTF-8"}, Dir: "/"}
	return spec, p, err
}

// catalogDir holds what boxes see of the catalog, until all tests are over.
var catalogDir string

// hostRuntimes is the catalog, which takes a while to make.
var hostRuntimes = sync.OnceValues(func() (_ *runtimes.Catalog, err error) {
	if catalogDir, err = os.MkdirTemp("", "ebb-catalog-"); err != nil {
		return nil, err
	}
	if err := os.Chmod(catalogDir, 0o755); err != nil {
		return nil, err
	}
	return runtimes.Load(context.Background(), catalogDir)
})

// forkedBox is a box whose process begins as a zygote's copy.
type forkedBox struct {
	sandbox.Box
	zygote sandbox.Zygote
}

// Start has the copy execute the process.
func (b forkedBox) Start(ctx context.Context, p sandbox.Process) error {
	if err := b.Fork(ctx, b.zygote, p.Dir); err != nil {
		return err
	}
	if p.Env == nil {
		p.Env = []string{}
	}
	order, err := json.Marshal(map[string]any{"argv": p.Argv, "env": p.Env, "framed": p.Framed})
	if err == nil {
		_, err = b.Conn().Write(append(order, '\n'))
	}
	return err
}

// TestForkedIsAsIfStarted: what a copy is allowed and shown is, to the letter, what a
// process that was started is.
func TestForkedIsAsIfStarted(t *testing.T) {
	b := opened(t)
	z := startZygote(t, b.Driver.(*Driver), "zygote-same")
	const look = `cd /proc/self
grep -E '^(Uid|Gid|Groups|NoNewPrivs|Seccomp:|Cap|SigCgt|SigBlk|Umask)' status | sed -E 's/[0-9]{6}/UID/g'
cat limits cgroup oom_score_adj mountinfo | sed -E 's/[0-9]{6}/UID/g; s/^[0-9]+ [0-9]+ [0-9]+:[0-9]+//; s/master:[0-9]+//; s#/dev/loop[0-9]+##'
echo fd/*; ls -ld fd/0 fd/1 | awk '{print $1}'; readlink fd/0
pwd; hostname; ulimit -a; cat /proc/net/dev | awk '{print $1}'; umask; echo "parent $PPID"; ls -ld /proc/$$ | awk '{print $1}'
ls -l ns | awk '{print $9}'`
	process := sandbox.Process{Argv: []string{"/bin/sh", "-c", look}, Dir: "/tmp", Env: []string{"PATH=/usr/bin:/bin"}}
	var said [2]string
	for i := range said {
		box := b.Box(t, fmt.Sprintf("same-%d", i), sandbox.Limits{MemoryMB: 256, Files: 321, PIDs: 99, FileSizeMB: 7})
		if i == 1 {
			box = forkedBox{box, z}
		}
		sandboxtest.StartProcess(t, box, process)
		said[i] = sandboxtest.ReadAll(t, box)
		sandboxtest.Wait(t, box)
		if exit := box.Exit(); exit != (sandbox.Exit{}) {
			t.Errorf("%d: %+v", i, exit)
		}
	}
	if said[0] != said[1] || !strings.Contains(said[0], "NoNewPrivs:\t1") || strings.Count(said[0], "\n") < 60 {
		t.Errorf("forked and not as started (-), or the other way round (+): %s\n%s", cmp.Diff(said[0], said[1]), said[0])
	}
}

// TestForkedNamespaces: a copy is in its box's namespaces and in no one else's.
func TestForkedNamespaces(t *testing.T) {
	b := opened(t)
	z := startZygote(t, b.Driver.(*Driver), "zygote-spaces")
	seen := make(map[string]int)
	for i := range 3 {
		box := forkedBox{b.Box(t, fmt.Sprintf("spaces-%d", i), sandbox.Limits{}), z}
		sandboxtest.StartProcess(t, box, sandbox.Process{Dir: "/", Argv: []string{"/bin/sh", "-c", "readlink /proc/self/ns/*; keyctl show 2>&1 | head -1"}, Env: []string{"PATH=/usr/bin:/bin"}})
		for line := range strings.Lines(sandboxtest.ReadAll(t, box)) {
			seen[strings.TrimSpace(line)]++
		}
		for _, name := range []string{"mnt", "pid", "net", "ipc", "uts", "cgroup"} {
			var own [256]byte
			n, err := unix.Readlink("/proc/self/ns/"+name, own[:])
			if err != nil {
				t.Fatal(err)
			}
			if seen[string(own[:n])] > 0 {
				t.Errorf("the copy is in ebb's own %s namespace", name)
			}
		}
	}
	for name, n := range seen {
		if n > 1 && !strings.HasPrefix(name, "user:") && !strings.HasPrefix(name, "time") && strings.Contains(name, ":[") {
			if kind, _, _ := strings.Cut(name, ":"); n != 2 || kind != "pid" { // pid and pid_for_children
				t.Errorf("%d copies share %s", n, name)
			}
		}
	}
}

// TestForkedCountsAsTheBoxes: memory and processes of a copy are the box's, and its
// end is told as any other.
func TestForkedCountsAsTheBoxes(t *testing.T) {
	b := opened(t)
	z := startZygote(t, b.Driver.(*Driver), "zygote-count")
	box := forkedBox{b.Box(t, "count", sandbox.Limits{MemoryMB: 64}), z}
	sandboxtest.Start(t, box, "hog", "600")
	sandboxtest.Wait(t, box)
	if exit := box.Exit(); !exit.OOM || exit.Signal != "killed" {
		t.Errorf("%+v", exit)
	}
	if u := z.Usage(); u.MemoryPeak > 60<<20 {
		t.Errorf("the zygote used %+v", u)
	}
	box = forkedBox{b.Box(t, "exit", sandbox.Limits{}), z}
	sandboxtest.Start(t, box, "exit", "7")
	sandboxtest.Wait(t, box)
	if exit := box.Exit(); exit.Code != 7 {
		t.Errorf("%+v", exit)
	}
	box = forkedBox{b.Box(t, "stop", sandbox.Limits{}), z}
	sandboxtest.Start(t, box, "sleep")
	sandboxtest.Expect(t, box, "ready\n")
	for range 3 {
		if err := errors.Join(box.Freeze(), box.Thaw()); err != nil {
			t.Fatal(err)
		}
	}
	box.Stop(time.Minute)
	if exit := box.Exit(); exit.Signal != "terminated" && exit.Code == 0 {
		t.Errorf("%+v", exit)
	}
}

// TestZygoteThatDied: a box that no copy came into takes a process all the same.
func TestZygoteThatDied(t *testing.T) {
	b := opened(t)
	d := b.Driver.(*Driver)
	z := startZygote(t, d, "zygote-dead")
	if err := z.(*zygote).process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-z.Done()
	box := b.Box(t, "orphan", sandbox.Limits{})
	if err := box.Fork(t.Context(), z, "/tmp"); !errors.Is(err, sandbox.ErrNotForked) {
		t.Fatalf("Fork by a dead zygote gives %v", err)
	}
	sandboxtest.Start(t, box, "print", "x")
	if out := sandboxtest.ReadAll(t, box); !strings.Contains(out, "x") {
		t.Errorf("output is %q", out)
	}
	if err := box.Fork(t.Context(), z, "/tmp"); err == nil || errors.Is(err, sandbox.ErrNotForked) {
		t.Errorf("Fork of a box with a process gives %v", err)
	}
}

// TestZygoteEnds: with its driver, or at once; its copies live on.
func TestZygoteEnds(t *testing.T) {
	b := opened(t)
	z := startZygote(t, b.Driver.(*Driver), "zygote-ends")
	box := forkedBox{b.Box(t, "lives-on", sandbox.Limits{}), z}
	p := sandboxtest.Process(box, "echo")
	p.Framed = true
	sandboxtest.StartProcess(t, box, p)
	z.Destroy()
	<-z.Done()
	for _, word := range []string{"one", "two"} {
		if _, err := box.Conn().Write([]byte(word)); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 3)
		_ = box.Conn().SetReadDeadline(time.Now().Add(sandboxtest.Patience))
		if _, err := box.Conn().Read(got); err != nil || string(got) != word {
			t.Fatalf("%q, %v", got, err)
		}
	}
	_ = box.Conn().Close()
	sandboxtest.Wait(t, box)
	if exit := box.Exit(); exit != (sandbox.Exit{}) {
		t.Errorf("%+v", exit)
	}
}

// TestZygoteThatCannotStart says why, and leaves nothing.
func TestZygoteThatCannotStart(t *testing.T) {
	d := opened(t).Driver.(*Driver)
	_, err := newZygote(t, d, "zygote-broken", "broken.py")
	if err == nil || !strings.Contains(err.Error(), "no zygote today") {
		t.Errorf("the error is %v", err)
	}
	_, err = d.Zygote(t.Context(), sandbox.Spec{ID: "zygote-image", Root: "/usr"}, sandbox.Process{Argv: []string{"/x"}, Dir: "/"})
	if err == nil {
		t.Error("a program of an image gets privileges")
	}
}

// TestManyCopiesAtOnce is a burst.
func TestManyCopiesAtOnce(t *testing.T) {
	b := opened(t)
	z := startZygote(t, b.Driver.(*Driver), "zygote-burst")
	var all sync.WaitGroup
	for i := range 20 {
		box := forkedBox{b.Box(t, fmt.Sprintf("burst-%d", i), sandbox.Limits{}), z}
		all.Go(func() {
			if err := box.Start(t.Context(), sandboxtest.Process(box, "print", fmt.Sprint("n", i))); err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = box.Output().Close() }()
			sandboxtest.Wait(t, box)
			if exit := box.Exit(); exit != (sandbox.Exit{}) {
				t.Errorf("%+v", exit)
			}
		})
	}
	all.Wait()
}

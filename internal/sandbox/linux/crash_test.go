//go:build linux

package linux

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// victimVar makes this test binary an ebb to be killed: DIR:PROBE:TOKEN.
const victimVar = "EBB_TEST_VICTIM"

func victim() {
	args := strings.Split(os.Getenv(victimVar), ":")
	if err := beVictim(args[0], args[1], args[2]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

// beVictim has one box with a process and a daemon, one that runs nothing, a zygote
// and a pool; then it waits.
func beVictim(dir, probe, token string) error {
	ctx := context.Background()
	d, err := Open(ctx, Config{Dir: dir, TmpMB: 16}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	for _, id := range []string{"busy", "quiet"} {
		box, err := d.Create(ctx, sandbox.Spec{ID: id, Mounts: []sandbox.Mount{{Source: probe, Target: sandboxtest.ProbeDir}}})
		if err != nil {
			return err
		}
		if id == "quiet" {
			continue
		}
		script := fmt.Sprintf("%[1]s/probe daemon %[2]s && exec %[1]s/probe stubborn %[2]s", sandboxtest.ProbeDir, token)
		p := sandbox.Process{Argv: []string{"/bin/sh", "-c", script}, Dir: "/tmp", Framed: true}
		if err := box.Start(ctx, p); err != nil {
			return err
		}
		lines := bufio.NewReader(box.Output())
		for line := ""; line != "ready\n"; {
			if line, err = lines.ReadString('\n'); err != nil {
				return err
			}
		}
	}
	spec, p, err := zygoteProgram("zygote-victim", "execute.py")
	switch {
	case errors.Is(err, errors.ErrUnsupported), !d.level.Forks: // no Python here, or no right to
	case err != nil:
		return err
	default:
		p.Argv = append(p.Argv, token)
		if _, err := d.Zygote(ctx, spec, p); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	// The parent's end of our standard input is what we wait for; it never comes.
	_, err = os.Stdin.Read(make([]byte, 1))
	return err
}

// startVictim returns an ebb that has boxes.
func startVictim(t *testing.T, dir, probe, token string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimVar+"="+strings.Join([]string{dir, probe, token}, ":"), "TMPDIR="+t.TempDir())
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the victim says %q (%v)", line, err)
	}
	return cmd
}

func TestKilledDriverLeavesNothing(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("boxes need root")
	}
	probe, dir, token := sandboxtest.BuildProbe(t), t.TempDir(), sandboxtest.Token(t)
	cmd := startVictim(t, dir, probe, token)
	if n := sandboxtest.Running(token); n < 2 {
		t.Fatalf("%d processes run, want the runtime and its daemon", n)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// Before anybody sweeps.
	sandboxtest.Eventually(t, "no process is left", func() bool { return sandboxtest.Running(token) == 0 })
	sandboxtest.Eventually(t, "no loop device is left", func() bool { return len(loopsOf(t, dir)) == 0 })
	left := len(groupsOf(t, dir))
	d := open(t, dir)
	if left == 0 && len(d.groups.parents()) > 0 {
		t.Error("no cgroup is left, so this test sweeps nothing")
	}
	if err := d.Sweep(context.Background()); err != nil {
		t.Errorf("Sweep: %v", err)
	}
	for _, path := range groupsOf(t, dir) {
		if !slices.Contains(d.groups.parents(), path) {
			t.Errorf("cgroup %s is left", path)
		}
	}
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	wantNothing(t, dir)
}

// TestSweepKills: a process that outlived ebb in one of its groups, as if PID 1
// had not heard.
func TestSweepKills(t *testing.T) {
	d := open(t, t.TempDir())
	defer func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}()
	g, err := d.groups.create("left-over", sandbox.Limits{}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	if err := g.join(cmd.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := d.Sweep(context.Background()); err != nil {
		t.Errorf("Sweep: %v", err)
	}
	if err := <-ended; err == nil || err.Error() != "signal: killed" {
		t.Errorf("the process ended with %v", err)
	}
	for _, p := range d.groups.parents() {
		if exists(filepath.Join(p, "left-over")) {
			t.Errorf("%s still has the group", p)
		}
	}
}

// TestNothingLeaks makes and destroys 200 boxes and counts what is left.
func TestNothingLeaks(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	b := sandboxtest.Boxes{Driver: d, Probe: sandboxtest.BuildProbe(t)}
	b.Run(t, "warm-up", sandbox.Limits{}, "exit", "0")
	full := func() bool { return len(d.ahead.ready) == cap(d.ahead.ready) }
	sandboxtest.Eventually(t, "boxes are begun ahead", full)
	fds, goroutines := openFiles(t), runtime.NumGoroutine()
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 25 {
				leakOne(t, b, fmt.Sprintf("leak-%d-%d", worker, i), i)
			}
		})
	}
	wg.Wait()
	d.cleaning.Wait()
	sandboxtest.Eventually(t, "boxes are begun ahead again", full)
	sandboxtest.Eventually(t, "goroutines end", func() bool { return runtime.NumGoroutine() <= goroutines })
	// The pool may hold a little more or less than at the first count.
	if now := openFiles(t); now > fds+d.cfg.TmpPool+1 {
		t.Errorf("%d descriptors are open, %d were before", now, fds)
	}
	if n := len(d.uids.taken); n != 0 || len(d.live) != 0 {
		t.Errorf("%d user ids are taken, %d boxes live", n, len(d.live))
	}
	if n := len(loopsOf(t, dir)); n > d.cfg.TmpPool+1 {
		t.Errorf("%d loop devices are in use", n)
	}
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	wantNothing(t, dir)
}

// leakOne ends a box in one of the ways a box ends.
func leakOne(t *testing.T, b sandboxtest.Boxes, id string, way int) {
	spec := sandbox.Spec{ID: id, Mounts: []sandbox.Mount{{Source: b.Probe, Target: sandboxtest.ProbeDir}}}
	if way%5 == 4 {
		spec.Mounts[0].Source = "/no/such/source"
	}
	box, err := b.Driver.Create(context.Background(), spec)
	if err != nil {
		if way%5 != 4 {
			t.Errorf("Create: %v", err)
		}
		return
	}
	defer box.Destroy()
	if way%5 == 0 {
		return
	}
	p := sandboxtest.Process(box, "sleep")
	p.Framed = way%2 == 0
	if way%5 == 1 {
		p.Argv[0] = "/no/such/program"
	}
	if err := box.Start(context.Background(), p); err != nil {
		t.Errorf("Start: %v", err)
		return
	}
	defer func() { _ = box.Output().Close() }()
	if way%5 == 2 {
		box.Stop(0)
	}
}

// wantNothing checks that a closed driver left nothing on the machine.
func wantNothing(t *testing.T, dir string) {
	t.Helper()
	if left := groupsOf(t, dir); len(left) != 0 {
		t.Errorf("cgroups are left: %v", left)
	}
	sandboxtest.Eventually(t, "no loop device is left", func() bool { return len(loopsOf(t, dir)) == 0 })
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("mounts are left (%v):\n%s", err, mounts)
	}
	files, err := filepath.Glob(filepath.Join(dir, "run", "tmp", "*"))
	if err != nil {
		t.Error(err)
	}
	for _, f := range files {
		if !strings.HasPrefix(filepath.Base(f), templatePrefix) {
			t.Errorf("%s is left", f)
		}
	}
}

// groupsOf lists the cgroups of a data directory, parents and boxes.
func groupsOf(t *testing.T, dir string) []string {
	t.Helper()
	h, err := readHierarchies()
	if err != nil {
		t.Fatal(err)
	}
	c, _ := detectCgroups(h, parentName(dir))
	var list []string
	for _, p := range c.parents() {
		if exists(p) {
			list = append(list, p)
		}
		below, err := filepath.Glob(filepath.Join(p, "*", "cgroup.procs"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range below {
			list = append(list, filepath.Dir(path))
		}
	}
	return list
}

// loopsOf lists the loop devices whose backing file is in dir.
func loopsOf(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(paths, func(path string) bool {
		backing, err := os.ReadFile(path)
		return err != nil || !strings.HasPrefix(string(backing), dir+"/")
	})
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

package sandboxtest

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// Patience is how long anything may take before a test calls it lost. It is
// only waited for in full when something is broken.
const Patience = 30 * time.Second

// ProbeDir is where boxes see the probe's directory.
const ProbeDir = "/var/runtime"

// BuildProbe builds the probe into a directory that any user may read.
func BuildProbe(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := hosttest.Build("./internal/sandbox/sandboxtest/probe", filepath.Join(dir, "probe")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Boxes makes boxes in which the probe can run.
type Boxes struct {
	Driver sandbox.Driver
	Probe  string // BuildProbe's directory
}

// Box makes a box and destroys it at the end of the test.
func (b Boxes) Box(t testing.TB, id string, limits sandbox.Limits, mounts ...sandbox.Mount) sandbox.Box {
	t.Helper()
	mounts = append([]sandbox.Mount{{Source: b.Probe, Target: ProbeDir}}, mounts...)
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	box, err := b.Driver.Create(ctx, sandbox.Spec{ID: id, Mounts: mounts, Limits: limits})
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	t.Cleanup(box.Destroy)
	return box
}

// Process is the probe with arguments.
func Process(box sandbox.Box, args ...string) sandbox.Process {
	return sandbox.Process{
		Argv: append([]string{box.Path(ProbeDir + "/probe")}, args...),
		Dir:  box.Path("/tmp"),
	}
}

// Start runs the probe and closes its output at the end of the test.
func Start(t testing.TB, box sandbox.Box, args ...string) {
	t.Helper()
	StartProcess(t, box, Process(box, args...))
}

// StartProcess runs p and closes its output at the end of the test.
func StartProcess(t testing.TB, box sandbox.Box, p sandbox.Process) {
	t.Helper()
	if err := box.Start(context.Background(), p); err != nil {
		t.Fatalf("Start: %v", err)
	}
	t.Cleanup(func() { _ = box.Output().Close() })
}

// Run runs the probe to its end and returns what it printed.
func (b Boxes) Run(t testing.TB, id string, limits sandbox.Limits, args ...string) (string, sandbox.Exit) {
	t.Helper()
	box := b.Box(t, id, limits)
	Start(t, box, args...)
	out := ReadAll(t, box)
	Wait(t, box)
	exit := box.Exit()
	box.Destroy()
	return out, exit
}

// ReadAll reads the output to its end.
func ReadAll(t testing.TB, box sandbox.Box) string {
	t.Helper()
	if err := box.Output().SetReadDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(box.Output())
	if err != nil {
		t.Fatalf("output does not end: %v; so far: %s", err, out)
	}
	return string(out)
}

// Expect reads the next bytes of the output.
func Expect(t testing.TB, box sandbox.Box, want string) {
	t.Helper()
	if err := box.Output().SetReadDeadline(time.Now().Add(Patience)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(want))
	n, err := io.ReadFull(box.Output(), got)
	if err != nil || string(got) != want {
		t.Fatalf("output is %q (%v), want %q", got[:n], err, want)
	}
}

// Wait waits for the process to end.
func Wait(t testing.TB, box sandbox.Box) {
	t.Helper()
	select {
	case <-box.Done():
	case <-time.After(Patience):
		t.Fatal("the process does not end")
	}
}

// Eventually polls something outside our control until it is so.
func Eventually(t testing.TB, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(Patience); !so(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// Running counts the processes on this machine with token in an argument.
// Without /proc it is always 0.
func Running(token string) int { return len(Found(token)) }

// Found lists the processes that Running counts.
func Found(token string) (pids []int) {
	paths, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(line), token) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Token is an argument that nobody else on this machine has.
func Token(t testing.TB) string {
	return fmt.Sprintf("token-%d-%d-%s", os.Getpid(), time.Now().UnixNano(), filepath.Base(t.Name()))
}

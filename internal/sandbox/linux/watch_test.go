//go:build linux

package linux

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// watchedShell is a shell as PID 1 of a namespace, watched like a box.
func watchedShell(t *testing.T, w *watch, most int64, script string) (*watched, *exec.Cmd) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Skipf("no PID namespaces here: %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	b, err := w.begin(cmd.Process.Pid, most)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.end)
	return b, cmd
}

func newTestWatch(t *testing.T) *watch {
	t.Helper()
	w, err := newWatch()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	return w
}

// TestWatchKillsTheLargest: who has too much goes, its smaller sibling stays, and
// the neighbour too.
func TestWatchKillsTheLargest(t *testing.T) {
	w := newTestWatch(t)
	probe := sandboxtest.BuildProbe(t) + "/probe"
	neighbour, _ := watchedShell(t, w, 1<<30, "sleep 1000 & wait")
	b, cmd := watchedShell(t, w, 48<<20, "sleep 1000 & "+probe+" hog 400; echo $? >&2; wait")
	sandboxtest.Eventually(t, "the hog is killed", func() bool { return b.kills.Load() > 0 })
	sandboxtest.Eventually(t, "the sibling is left", func() bool { return len(b.members()) == 1 })
	if cmd.ProcessState != nil || neighbour.kills.Load() != 0 {
		t.Error("others were killed")
	}
	if _, peak := b.memory(); peak != 48<<20 {
		t.Errorf("the peak is %d", peak)
	}
}

// TestWatchFreezes: all but PID 1 stop, and go on.
func TestWatchFreezes(t *testing.T) {
	w := newTestWatch(t)
	b, _ := watchedShell(t, w, 1<<30, "(while true; do :; done) & (sleep 1000 & wait) & wait")
	states := func() (all string) {
		for _, pid := range b.members() {
			all += state(pid)
		}
		return all
	}
	sandboxtest.Eventually(t, "three run", func() bool { return len(states()) == 3 })
	if err := b.freeze(true); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Eventually(t, "all are stopped", func() bool { return states() == "TTT" })
	if state(b.init) == "T" {
		t.Error("PID 1 is stopped")
	}
	if _, running := w.look(); running {
		t.Error("a box that is frozen is looked at")
	}
	if err := b.freeze(false); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Eventually(t, "all go on", func() bool { return !strings.Contains(states(), "T") })
	sandboxtest.Eventually(t, "CPU time is counted", func() bool { return b.usage().CPU >= 50*time.Millisecond })
	if u := b.usage(); u.PIDs != 4 {
		t.Errorf("usage is %+v", u)
	}
}

func state(pid int) string {
	fields := statOf(pid)
	if len(fields) == 0 {
		return ""
	}
	return string(fields[0])
}

// TestWatchLeavesOutOurMemory: before a box has a root of its own its /dev/shm is the
// machine's, and what others have there is not the box's.
func TestWatchLeavesOutOurMemory(t *testing.T) {
	f, err := os.CreateTemp("/dev/shm", "ebb-test-")
	if err != nil {
		t.Skipf("no /dev/shm here: %v", err)
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }()
	if _, err := f.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	b, _ := watchedShell(t, newTestWatch(t), 1<<30, "sleep 1000")
	if n := b.shm(); n != 0 {
		t.Errorf("%d bytes of the machine's /dev/shm are counted", n)
	}
}

//go:build linux

package linux

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// TestFreezeV1: on a host without a unified hierarchy the v1 freezer does it, and
// what it holds can be killed.
func TestFreezeV1(t *testing.T) {
	h, err := readHierarchies()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(h.self) {
		if !strings.HasPrefix(line, "0:") {
			lines = append(lines, line)
		}
	}
	h.self = strings.Join(lines, "")
	found, _ := detectCgroups(h, "ebb-test-freezer")
	if os.Geteuid() != 0 || found.freezer == "" {
		t.Skip("no v1 freezer here")
	}
	c := &cgroups{freezer: found.freezer, mkdir: mkdir, rmdir: unix.Rmdir, write: write}
	if _, err := c.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	g, err := c.create("box", sandbox.Limits{}.WithDefaults())
	if err != nil {
		t.Fatal(err)
	}
	var pids [2]int // PID 1 of the box and its child
	for i := range pids {
		cmd := exec.Command("sleep", "1000")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pids[i] = cmd.Process.Pid
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			g.release()
			_ = cmd.Wait()
			if i == 0 {
				if err := g.remove(); err != nil {
					t.Error(err)
				}
			}
		})
		if err := g.join(cmd.Process.Pid); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.gather(pids[0]); err != nil {
		t.Fatal(err)
	}
	state := func() string {
		b, err := os.ReadFile(filepath.Join(c.freezer, g.name, frozenGroup, "freezer.state"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(b))
	}
	if err := g.freeze(true); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Eventually(t, "frozen", func() bool { return state() == "FROZEN" })
	if err := g.freeze(false); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Eventually(t, "thawed", func() bool { return state() == "THAWED" })
	if err := g.freeze(true); err != nil { // the clean-up lets it go and kills it
		t.Fatal(err)
	}
}

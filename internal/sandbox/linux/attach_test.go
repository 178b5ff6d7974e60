//go:build linux

package linux

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// TestAttachLeavesNoPrivileges: a box made ahead keeps what attaching takes only
// until it has come, its code cannot be written, and its limits are the new ones.
func TestAttachLeavesNoPrivileges(t *testing.T) {
	b := opened(t)
	created, err := b.Driver.Create(context.Background(), sandbox.Spec{ID: "ahead",
		Places: []string{"/var/task", "/opt"}, Limits: sandbox.Limits{MemoryMB: 10240}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(created.Destroy)
	box := created.(*box)
	sandboxtest.StartProcess(t, box, sandbox.Process{
		Argv: []string{"/bin/sh", "-c", "read go <&3; cat /var/task/code; touch /var/task/x /opt/x /var/x; exec sleep 100"},
		Dir:  "/", Env: []string{"PATH=/usr/bin:/bin"}, Framed: true, AttachLater: true,
	})
	if caps := capabilities(t, box.init.Pid); caps&(1<<unix.CAP_SYS_ADMIN) == 0 {
		t.Fatalf("ebb-init has %x before Attach: the test sees nothing", caps)
	}
	code := t.TempDir()
	for dir, mode := range map[string]os.FileMode{filepath.Dir(code): 0o755, code: 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(code, "code"), []byte("code\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	err = box.Attach(context.Background(), []sandbox.Mount{{Source: code, Target: "/var/task"}}, sandbox.Limits{MemoryMB: 200})
	if err != nil {
		t.Fatal(err)
	}
	if caps := capabilities(t, box.init.Pid); caps != 1<<unix.CAP_KILL|1<<unix.CAP_NET_BIND_SERVICE {
		t.Errorf("ebb-init has capabilities %x after Attach", caps)
	}
	if _, err := io.WriteString(box.Conn(), "go\n"); err != nil {
		t.Fatal(err)
	}
	sandboxtest.Expect(t, box, "code\n"+
		"touch: cannot touch '/var/task/x': Read-only file system\n"+
		"touch: cannot touch '/opt/x': Read-only file system\n"+
		"touch: cannot touch '/var/x': Read-only file system\n")
	if c := box.group.c; c.memory != "" && !c.v2 {
		limit := number(filepath.Join(c.memory, box.group.name), "memory.limit_in_bytes")
		if limit != 200<<20+initMemory {
			t.Errorf("the memory limit is %d", limit)
		}
	}
}

// capabilities reads the effective capabilities of all threads of a process,
// those that any of them has.
func capabilities(t *testing.T, pid int) (held uint64) {
	t.Helper()
	files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/status")
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) {
			continue // Go's threads come and go; there is always the first
		}
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(text), "CapEff:\t")
		caps, err := strconv.ParseUint(strings.TrimSpace(rest[:16]), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		held |= caps
	}
	return held
}

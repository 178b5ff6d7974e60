//go:build linux

package linux

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// forkBomb: the bomb is bounded by the limit that was set before it could start.
func forkBomb(t *testing.T, e *escape) {
	const limit = 64
	got := e.try(t, sandbox.Limits{PIDs: limit, MemoryMB: 256}, "forks", "5000")
	var started int
	if _, err := fmt.Sscanf(got["forks"], "%d resource temporarily unavailable", &started); err != nil || started < limit/4 || started > limit+initPIDs {
		t.Errorf("with a limit of %d: %q", limit, got["forks"])
	}
	// Threads count, too. (A Go program that cannot make one may hang of it.)
	box := e.box(t, "attacker", sandbox.Limits{PIDs: limit})
	sandboxtest.StartProcess(t, box, e.process("threads", "2000"))
	sandboxtest.Eventually(t, "threads reach the limit", func() bool {
		n := box.Usage().PIDs
		if n > limit+initPIDs {
			t.Fatalf("%d processes and threads with a limit of %d", n, limit)
		}
		return n > limit || isDone(box)
	})
	box.Destroy()
}

func isDone(box sandbox.Box) bool {
	select {
	case <-box.Done():
		return true
	default:
		return false
	}
}

// zombieFlood: who does not reap runs into the limit; whose parent is gone is
// reaped by PID 1, any number of them.
func zombieFlood(t *testing.T, e *escape) {
	const limit = 64
	got := e.try(t, sandbox.Limits{PIDs: limit}, "zombies", "1000")
	var own int
	if _, err := fmt.Sscanf(got["zombies"], "%d resource temporarily unavailable", &own); err != nil || own > limit+initPIDs {
		t.Errorf("with a limit of %d: %q", limit, got["zombies"])
	}
	// Room for those that PID 1 has not come to yet: on a busy machine many.
	box := e.box(t, "orphans", sandbox.Limits{PIDs: 4 * limit})
	sandboxtest.StartProcess(t, box, sandbox.Process{Dir: "/tmp", Argv: []string{"/bin/sh", "-c",
		"i=0; while [ $i -lt 300 ]; do (true &) || exit 9; i=$((i+1)); done; echo all"}})
	if out := sandboxtest.ReadAll(t, box); out != "all\n" {
		t.Errorf("300 orphans with a limit of %d: %q", 4*limit, out)
	}
}

// memoryFlood: who takes too much is killed for it, told so, with its peak; the
// neighbour keeps what it has.
func memoryFlood(t *testing.T, e *escape) {
	before := e.neighbour.Usage()
	for name, args := range map[string][]string{
		"heap": {sandboxtest.ProbeDir + "/probe", "hog", "600"},
		"shm":  {"/bin/sh", "-c", "exec dd if=/dev/zero of=/dev/shm/x bs=1M count=600"},
	} {
		limits := sandbox.Limits{MemoryMB: 64, ShmMB: 1024}
		box := e.box(t, "attacker-"+name, limits)
		sandboxtest.StartProcess(t, box, sandbox.Process{Argv: args, Dir: "/tmp", Env: []string{"PATH=/usr/bin:/bin"}})
		sandboxtest.Wait(t, box)
		exit, usage := box.Exit(), box.Usage()
		if !exit.OOM || exit.Signal != "killed" || usage.MemoryPeak < 60<<20 || usage.MemoryPeak > 64<<20 {
			t.Errorf("%s: %+v, %+v", name, exit, usage)
		}
		box.Destroy()
	}
	if now := e.neighbour.Usage(); now.Memory < before.Memory/2 || e.neighbour.Exit().OOM {
		t.Errorf("the neighbour had %d bytes, has %d", before.Memory, now.Memory)
	}
}

// diskFlood: /tmp is full when it is full, on the host's disk as well.
func diskFlood(t *testing.T, e *escape) {
	var before, after unix.Statfs_t
	if err := unix.Statfs(e.Driver.(*Driver).run, &before); err != nil {
		t.Fatal(err)
	}
	box := e.box(t, "attacker", sandbox.Limits{TmpMB: 32})
	sandboxtest.StartProcess(t, box, sandbox.Process{Dir: "/tmp", Argv: []string{"/bin/sh", "-c",
		"for i in 1 2 3 4 5; do " + sandboxtest.ProbeDir + "/probe fill /tmp/$i 100; done"}})
	if out := sandboxtest.ReadAll(t, box); strings.Count(out, "no space left on device") != 5 {
		t.Errorf("output is %s", out)
	}
	if err := unix.Statfs(e.Driver.(*Driver).run, &after); err != nil {
		t.Fatal(err)
	}
	// Others use the disk, too: far from what the attacker wrote is enough.
	if taken := (int64(before.Bfree) - int64(after.Bfree)) * before.Bsize; taken > 300<<20 {
		t.Errorf("the host's disk lost %d bytes", taken)
	}
}

// inodeFlood: names are limited like bytes.
func inodeFlood(t *testing.T, e *escape) {
	for _, dir := range []string{"/tmp", "/dev/shm"} {
		box := e.box(t, "attacker", sandbox.Limits{TmpMB: 32, MemoryMB: 256})
		sandboxtest.StartProcess(t, box, e.process("inodes", dir, "200000"))
		out := sandboxtest.ReadAll(t, box)
		box.Destroy()
		if !strings.Contains(out, "no space left on device") {
			t.Errorf("%s: %q, %+v", dir, out, box.Exit())
		}
	}
}

func descriptorFlood(t *testing.T, e *escape) {
	const limit = 300
	got := e.try(t, sandbox.Limits{Files: limit}, "descriptors", "5000")
	var n int
	if _, err := fmt.Sscanf(got["descriptors"], "%d too many open files", &n); err != nil || n > limit {
		t.Errorf("with a limit of %d: %q", limit, got["descriptors"])
	}
	if strings.HasSuffix(got["in flight"], "<nil>") {
		t.Errorf("there is no end to descriptors in flight: %q", got["in flight"])
	}
}

// connectionFlood: whatever a box opens, ebb holds so many of its connections
// and no more; and it goes on when they are gone.
func connectionFlood(t *testing.T, e *escape) {
	box := e.box(t, "attacker", sandbox.Limits{Files: 4096})
	for _, l := range []net.Listener{box.RuntimeAPI(), box.Endpoint()} {
		var open, most atomic.Int64
		accepting := make(chan struct{})
		go func() {
			defer close(accepting)
			for {
				conn, err := l.Accept()
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				if now := open.Add(1); now > most.Load() {
					most.Store(now)
				}
				go func() { // until the other side gives up
					b := make([]byte, 512)
					for {
						if _, err := conn.Read(b); err != nil {
							break
						}
					}
					open.Add(-1)
					_ = conn.Close()
				}()
			}
		}()
		t.Cleanup(func() { box.Destroy(); <-accepting })
		t.Cleanup(func() {
			if n := most.Load(); n > maxConnections || n < maxConnections/2 {
				t.Errorf("ebb held %d connections of one box, want at most %d", n, maxConnections)
			}
		})
	}
	runtime, endpoint := box.RuntimeAPI().Addr().String(), box.Endpoint().Addr().String()
	// On a busy machine those that are gone stand in line for a while yet.
	script := fmt.Sprintf(`%[1]s connections %[2]s 3000; %[1]s connections %[3]s 3000; i=0; while [ $i -lt 300 ]; do
		case $(%[1]s connections %[2]s 3) in "connections: 3"*) echo again; exit;; esac; i=$((i+1)); done`,
		escapeeDir+"/escapee", runtime, endpoint)
	sandboxtest.StartProcess(t, box, sandbox.Process{Dir: "/tmp", Argv: []string{"/bin/sh", "-c", script}})
	out := sandboxtest.ReadAll(t, box)
	if !strings.HasSuffix(out, "\nagain\n") {
		t.Errorf("afterwards nothing can connect: %s", out)
	}
}

// bufferFlood: what waits in sockets is memory of the kernel, which others need.
func bufferFlood(t *testing.T, e *escape) {
	before := tcpMemory(t)
	box := e.box(t, "attacker", sandbox.Limits{MemoryMB: 128, Files: 4096})
	sandboxtest.StartProcess(t, box, e.process("buffers", "60"))
	out := make([]byte, 64)
	_ = box.Output().SetReadDeadline(time.Now().Add(2 * sandboxtest.Patience))
	n, err := box.Output().Read(out)
	if err != nil || !bytes.HasPrefix(out[:n], []byte("buffered: ")) {
		select {
		case <-box.Done(): // killed for its memory
			if !box.Exit().OOM {
				t.Errorf("%+v", box.Exit())
			}
			return
		default:
			t.Fatalf("%q, %v", out[:n], err)
		}
	}
	if grown := tcpMemory(t) - before; grown > 100<<20 {
		t.Errorf("sockets of one box hold %d MB of the kernel's memory", grown>>20)
	} else {
		t.Logf("%s, %d MB of the kernel's memory", bytes.TrimSpace(out[:n]), grown>>20)
	}
}

func tcpMemory(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/net/sockstat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "TCP: ")
	line, _, _ := strings.Cut(rest, "\n")
	_, pages, _ := strings.Cut(line, "mem ")
	var n int64
	if _, err := fmt.Sscan(pages, &n); err != nil {
		t.Fatal(err)
	}
	return n * int64(os.Getpagesize())
}

// netlinkFlood: what waits in netlink sockets is memory of the kernel that no cgroup
// counts. Who has it pile up is killed for it.
func netlinkFlood(t *testing.T, e *escape) {
	box := e.box(t, "attacker", sandbox.Limits{MemoryMB: 128})
	sandboxtest.StartProcess(t, box, e.process("netlink", "900")) // 300 MB
	sandboxtest.Wait(t, box)
	if exit := box.Exit(); !exit.OOM || exit.Signal != "killed" {
		t.Errorf("%+v", exit)
	}
}

// corkFlood: no cgroup counts what has been begun in UDP sockets, either.
func corkFlood(t *testing.T, e *escape) {
	box := e.box(t, "attacker", sandbox.Limits{MemoryMB: 128, Files: 8192})
	sandboxtest.StartProcess(t, box, e.process("corks", "8000")) // 480 MB
	sandboxtest.Wait(t, box)
	if exit := box.Exit(); !exit.OOM || exit.Signal != "killed" {
		t.Errorf("%+v", exit)
	}
}

// outputFlood: a process that writes without end fills its pipe, not ebb.
func outputFlood(t *testing.T, e *escape) {
	box := e.box(t, "attacker", sandbox.Limits{})
	sandboxtest.StartProcess(t, box, sandbox.Process{Dir: "/tmp", Argv: []string{"/bin/sh", "-c", "exec dd if=/dev/zero bs=1M count=4096 2>/dev/null"}})
	block := make([]byte, 1<<16)
	for range 64 {
		if _, err := box.Output().Read(block); err != nil {
			t.Fatal(err)
		}
	}
	box.Destroy() // while it writes
	if exit := box.Exit(); exit.Signal != "killed" {
		t.Errorf("exit is %+v", exit)
	}
}

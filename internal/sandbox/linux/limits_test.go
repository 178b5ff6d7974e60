//go:build linux

package linux

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

func TestLimits(t *testing.T) {
	b := opened(t)
	tests := map[string]func(*testing.T, sandboxtest.Boxes){
		"TmpSize": tmpSize, "TmpPrivate": tmpPrivate, "TmpIsNotMemory": tmpIsNotMemory,
		"Memory": memoryLimit, "MemoryOfChild": memoryOfChild, "PIDs": pidsLimit,
		"Shm": shmSize, "FileSize": fileSize, "LargeEnvironment": largeEnvironment,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, b) })
	}
}

// tmpSize: the pooled size, and others made for the occasion.
func tmpSize(t *testing.T, b sandboxtest.Boxes) {
	for _, size := range []int{8, 32, 70} {
		out, _ := b.Run(t, fmt.Sprintf("tmp-%d", size), sandbox.Limits{TmpMB: size}, "fill", "/tmp/f", "200")
		var got int
		if _, err := fmt.Sscanf(out, "full %d", &got); err != nil || !strings.Contains(out, "no space left on device") {
			t.Errorf("%d MB: output is %q (%v)", size, out, err)
		}
		if got < size-1 || got > size+size/20+4 {
			t.Errorf("/tmp of %d MB takes %d", size, got)
		}
	}
}

func tmpPrivate(t *testing.T, b sandboxtest.Boxes) {
	one, two := b.Box(t, "tmp-a", sandbox.Limits{}), b.Box(t, "tmp-b", sandbox.Limits{})
	sandboxtest.Start(t, one, "write", "/tmp/secret")
	if out := sandboxtest.ReadAll(t, one); out != "written /tmp/secret\n" {
		t.Fatalf("output is %q", out)
	}
	sandboxtest.Start(t, two, "ls", "/tmp")
	if out := sandboxtest.ReadAll(t, two); out != "" {
		t.Errorf("another box's /tmp holds %q", out)
	}
	out, _ := b.Run(t, "tmp-mode", sandbox.Limits{}, "stat", "/tmp")
	want := "uid 0 gid 0 mode 1777\n"
	if b.Driver.(*Driver).uids.shared { // root is nobody there
		want = fmt.Sprintf("uid %[1]d gid %[1]d mode 1777\n", boxUser)
	}
	if out != want {
		t.Errorf("/tmp is %q", out)
	}
}

// tmpIsNotMemory: files in /tmp are on disk, whatever the memory limit.
func tmpIsNotMemory(t *testing.T, b sandboxtest.Boxes) {
	out, exit := b.Run(t, "tmp-disk", sandbox.Limits{MemoryMB: 64, TmpMB: 300}, "fill", "/tmp/f", "250")
	if out != "wrote 250\n" || exit != (sandbox.Exit{}) {
		t.Errorf("250 MB of files with 64 MB of memory: %q, %+v", out, exit)
	}
}

func memoryLimit(t *testing.T, b sandboxtest.Boxes) {
	box := b.Box(t, "memory", sandbox.Limits{MemoryMB: 64})
	sandboxtest.Start(t, box, "hog", "300")
	sandboxtest.Wait(t, box)
	if exit := box.Exit(); exit != (sandbox.Exit{Code: -1, Signal: "killed", OOM: true}) {
		t.Errorf("exit is %+v", exit)
	}
	if peak := box.Usage().MemoryPeak; peak < 60<<20 || peak > 64<<20 {
		t.Errorf("peak is %d", peak)
	}
	// Told apart from a crash.
	_, exit := b.Run(t, "memory-fine", sandbox.Limits{MemoryMB: 64}, "signal", "9")
	if exit.OOM {
		t.Errorf("a SIGKILL is taken for running out of memory: %+v", exit)
	}
	out, exit := b.Run(t, "memory-most", sandbox.Limits{MemoryMB: 64}, "hog", "50")
	if out != "used 50\n" || exit.OOM {
		t.Errorf("50 of 64 MB: %q, %+v", out, exit)
	}
}

// memoryOfChild: the limit is the box's, and a process that copes with the death
// of its child ended well.
func memoryOfChild(t *testing.T, b sandboxtest.Boxes) {
	box := b.Box(t, "memory-child", sandbox.Limits{MemoryMB: 64})
	sandboxtest.StartProcess(t, box, sandbox.Process{
		Argv: []string{"/bin/sh", "-c", sandboxtest.ProbeDir + "/probe hog 300; echo $?"}, Dir: "/tmp",
	})
	if out := sandboxtest.ReadAll(t, box); !strings.Contains(out, "137\n") {
		t.Errorf("the child was not killed: %q", out)
	}
	sandboxtest.Wait(t, box)
	if exit := box.Exit(); exit != (sandbox.Exit{}) {
		t.Errorf("exit is %+v", exit)
	}
}

func pidsLimit(t *testing.T, b sandboxtest.Boxes) {
	const limit = 60
	out, _ := b.Run(t, "pids", sandbox.Limits{PIDs: limit}, "fork", fmt.Sprint(limit+20))
	var started int
	if _, err := fmt.Sscanf(out, "started %d", &started); err != nil ||
		!strings.Contains(out, "resource temporarily unavailable") || started >= limit+20 || started < limit/2 {
		t.Errorf("with a limit of %d: %q (%v)", limit, out, err)
	}
}

func shmSize(t *testing.T, b sandboxtest.Boxes) {
	out, _ := b.Run(t, "shm", sandbox.Limits{ShmMB: 8}, "fill", "/dev/shm/f", "20")
	if out != "full 8 write /dev/shm/f: no space left on device\n" {
		t.Errorf("output is %q", out)
	}
}

func fileSize(t *testing.T, b sandboxtest.Boxes) {
	out, exit := b.Run(t, "fsize", sandbox.Limits{FileSizeMB: 4}, "fill", "/tmp/f", "20")
	if out == "wrote 20\n" || exit.Signal != "file size limit exceeded" && !strings.Contains(out, "file too large") {
		t.Errorf("output is %q, exit %+v", out, exit)
	}
}

// largeEnvironment is refused in words, not cut.
func largeEnvironment(t *testing.T, b sandboxtest.Boxes) {
	box := b.Box(t, "large", sandbox.Limits{})
	p := sandboxtest.Process(box, "env")
	p.Env = []string{"A=" + strings.Repeat("x", 200<<10)}
	if err := box.Start(t.Context(), p); err == nil || !strings.Contains(err.Error(), errMessageSize.Error()) {
		t.Errorf("Start gives %v", err)
	}
	fits := b.Box(t, "fits", sandbox.Limits{})
	p = sandboxtest.Process(fits, "env")
	p.Env = []string{"A=" + strings.Repeat("x", 100<<10)}
	sandboxtest.StartProcess(t, fits, p)
	if out := sandboxtest.ReadAll(t, fits); len(out) != 100<<10+3 {
		t.Errorf("%d bytes of environment came through", len(out))
	}
}

// TestCPUQuota: a process that never rests gets its share and no more; before
// there is a limit and after it was taken away, it gets what is there.
func TestCPUQuota(t *testing.T) {
	b := opened(t)
	box := b.Box(t, "quota", sandbox.Limits{})
	sandboxtest.StartProcess(t, box, sandbox.Process{Argv: []string{"/bin/sh", "-c", "while :; do :; done"}, Dir: "/"})
	used := func(wall time.Duration) time.Duration {
		begin, before := time.Now(), box.Usage().CPU
		sandboxtest.Eventually(t, "time passes", func() bool { return time.Since(begin) >= wall })
		return time.Duration(float64(time.Second) * float64(box.Usage().CPU-before) / float64(time.Since(begin)))
	}
	const most = 200 * time.Millisecond
	unlimited := func(when string) { // a busy machine may not have so much to give just now
		sandboxtest.Eventually(t, "more CPU time "+when, func() bool { return used(200*time.Millisecond) > most })
	}
	unlimited("before there is a limit")
	if err := box.LimitCPU(100); err != nil {
		t.Fatal(err)
	}
	if limited := used(2 * time.Second); limited > most {
		t.Errorf("with a tenth of a core it used %v in a second", limited)
	}
	if err := box.LimitCPU(0); err != nil {
		t.Fatal(err)
	}
	unlimited("when the limit was taken away")
}

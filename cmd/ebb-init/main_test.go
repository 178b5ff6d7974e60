//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "ebb-init")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return program
}

// TestSmall: its size and its imports are part of every cold start.
func TestSmall(t *testing.T) {
	st, err := os.Stat(build(t))
	if err != nil {
		t.Fatal(err)
	}
	if st.Size() > 1536<<10 {
		t.Errorf("ebb-init has %d bytes, at most 1.5 MiB are allowed", st.Size())
	}
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, dep := range strings.Fields(string(out)) {
		switch {
		case dep == "os" || dep == "fmt" || dep == "net" || dep == "encoding/json":
			t.Errorf("ebb-init imports %s", dep)
		case strings.Contains(dep, ".") && !strings.HasPrefix(dep, "golang.org/x/sys/") &&
			!strings.HasSuffix(dep, "/cmd/ebb-init") && !strings.HasSuffix(dep, "/initproto"):
			t.Errorf("ebb-init imports %s", dep)
		}
	}
}

func TestByHand(t *testing.T) {
	out, err := exec.Command(build(t)).CombinedOutput()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 2 || !strings.Contains(string(out), "started by ebb") {
		t.Errorf("started by hand it ends with %v: %s", err, out)
	}
}

func TestSplitPath(t *testing.T) {
	for path, want := range map[string][2]string{
		"/a": {"/", "a"}, "/a/b": {"/a", "b"}, "/a/b/c": {"/a/b", "c"},
	} {
		if dir, name := splitPath(path); dir != want[0] || name != want[1] {
			t.Errorf("%s is %q in %q", path, name, dir)
		}
	}
}

func TestDecimal(t *testing.T) {
	for v, want := range map[uint64]string{0: "0", 9: "9", 10: "10", 1<<64 - 1: "18446744073709551615"} {
		if got := decimal(v); got != want {
			t.Errorf("%d is written %s", v, got)
		}
	}
}

// filter runs the seccomp program as the kernel would.
func filter(t *testing.T, arch, number uint32, arg0 uint64) uint32 {
	t.Helper()
	var program []bpf.Instruction
	for _, f := range denyProgram() {
		program = append(program, bpf.RawInstruction{Op: f.Code, Jt: f.Jt, Jf: f.Jf, K: f.K}.Disassemble())
	}
	vm, err := bpf.NewVM(program)
	if err != nil {
		t.Fatal(err)
	}
	// The virtual machine reads packets, which are big-endian.
	call := make([]byte, 64)
	binary.BigEndian.PutUint32(call[0:], number)
	binary.BigEndian.PutUint32(call[4:], arch)
	binary.BigEndian.PutUint32(call[16:], uint32(arg0))
	binary.BigEndian.PutUint32(call[20:], uint32(arg0>>32))
	verdict, err := vm.Run(call)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(verdict)
}

func TestFilter(t *testing.T) {
	for _, number := range forbidden {
		if got := filter(t, auditArch, number, 0); got != deny {
			t.Errorf("system call %d gives %#x", number, got)
		}
	}
	for name, c := range map[string]struct {
		arch, number uint32
		arg0         uint64
		want         uint32
	}{
		"read":          {auditArch, unix.SYS_READ, 0, unix.SECCOMP_RET_ALLOW},
		"execve":        {auditArch, unix.SYS_EXECVE, 0, unix.SECCOMP_RET_ALLOW},
		"fork":          {auditArch, unix.SYS_CLONE, uint64(unix.SIGCHLD), unix.SECCOMP_RET_ALLOW},
		"thread":        {auditArch, unix.SYS_CLONE, unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND, unix.SECCOMP_RET_ALLOW},
		"user ns":       {auditArch, unix.SYS_CLONE, unix.CLONE_NEWUSER, deny},
		"net ns":        {auditArch, unix.SYS_CLONE, unix.CLONE_NEWNET | unix.CLONE_VM, deny},
		"clone3":        {auditArch, unix.SYS_CLONE3, 0, absent},
		"foreign arch":  {unix.AUDIT_ARCH_I386, unix.SYS_READ, 0, unix.SECCOMP_RET_KILL_PROCESS},
		"highest known": {auditArch, 600, 0, unix.SECCOMP_RET_ALLOW},
	} {
		if got := filter(t, c.arch, c.number, c.arg0); got != c.want {
			t.Errorf("%s gives %#x, want %#x", name, got, c.want)
		}
	}
	if foreignABI != 0 {
		if got := filter(t, auditArch, foreignABI|unix.SYS_READ, 0); got != unix.SECCOMP_RET_KILL_PROCESS {
			t.Errorf("x32 gives %#x", got)
		}
	}
}

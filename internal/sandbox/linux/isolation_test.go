//go:build linux

package linux

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

func TestIsolation(t *testing.T) {
	b := opened(t)
	tests := map[string]func(*testing.T, sandboxtest.Boxes){
		"Processes": ownProcesses, "ReadOnly": readOnlyRoot, "Network": noNetwork,
		"Privileges": noPrivileges, "Identity": ownIdentity, "Host": hidesHost,
		"Descriptors": ownDescriptors, "Syscalls": forbiddenSyscalls,
		"LinkInCode": linkInCode, "MissingMount": missingMount, "Writable": writableMount,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, b) })
	}
}

// shell runs a script in a box and returns what it printed.
func shell(t *testing.T, b sandboxtest.Boxes, id, script string, mounts ...sandbox.Mount) string {
	t.Helper()
	box := b.Box(t, id, sandbox.Limits{}, mounts...)
	sandboxtest.StartProcess(t, box, sandbox.Process{
		Argv: []string{"/bin/sh", "-c", script}, Dir: "/", Env: []string{"PATH=/usr/bin:/bin"},
	})
	out := sandboxtest.ReadAll(t, box)
	sandboxtest.Wait(t, box)
	return out
}

func ownProcesses(t *testing.T, b sandboxtest.Boxes) {
	other := b.Box(t, "neighbour", sandbox.Limits{})
	sandboxtest.Start(t, other, "sleep")
	sandboxtest.Expect(t, other, "ready\n")
	out := shell(t, b, "processes", "echo /proc/[0-9]*; cat /proc/1/environ /proc/1/cmdline")
	if !regexp.MustCompile(`^/proc/[0-9]+\n`).MatchString(out) {
		t.Errorf("a box sees processes besides its own: %s", out)
	}
	if strings.Contains(out, "ebb-init") {
		t.Errorf("PID 1 can be read: %s", out)
	}
}

func readOnlyRoot(t *testing.T, b sandboxtest.Boxes) {
	code := t.TempDir()
	box := b.Box(t, "read-only", sandbox.Limits{}, sandbox.Mount{Source: code, Target: "/var/task"})
	script := `for p in /x /var/task/x /var/runtime/x /usr/x /etc/x /etc/passwd /run/hosts /dev/x /proc/sys/kernel/hostname /var/x; do
		{ true > $p; } 2>/dev/null && echo "wrote $p"; done
		true > /tmp/x && true > /dev/shm/x && true > /dev/null && echo allowed`
	sandboxtest.StartProcess(t, box, sandbox.Process{Argv: []string{"/bin/sh", "-c", script}, Dir: "/"})
	if out := sandboxtest.ReadAll(t, box); out != "allowed\n" {
		t.Errorf("output is %q", out)
	}
	if entries, err := os.ReadDir(code); err != nil || len(entries) != 0 {
		t.Errorf("the code directory has %v (%v)", entries, err)
	}
}

func noNetwork(t *testing.T, b sandboxtest.Boxes) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	out, _ := b.Run(t, "network", sandbox.Limits{}, "dial", l.Addr().String())
	if !strings.Contains(out, "connection refused") {
		t.Errorf("dialling the host's loopback gives %q", out)
	}
	out, _ = b.Run(t, "network-out", sandbox.Limits{}, "dial", "192.0.2.1:80")
	if !strings.Contains(out, "network is unreachable") {
		t.Errorf("dialling out gives %q", out)
	}
	out, _ = b.Run(t, "network-if", sandbox.Limits{}, "cat", "/proc/net/dev")
	if strings.Count(out, ":") != 1 || !strings.Contains(out, "lo:") {
		t.Errorf("interfaces are %s", out)
	}
}

func noPrivileges(t *testing.T, b sandboxtest.Boxes) {
	out, _ := b.Run(t, "privileges", sandbox.Limits{}, "cat", "/proc/self/status")
	for _, want := range []string{
		"CapInh:\t0000000000000000", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
		"CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2",
		"Groups:\t \n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("status lacks %q:\n%s", want, out)
		}
	}
}

func ownIdentity(t *testing.T, b sandboxtest.Boxes) {
	seen, ids := make(map[string]bool), b.Driver.(*Driver).uids
	for _, id := range []string{"one", "two", "three"} {
		box := b.Box(t, id, sandbox.Limits{}) // all live at once
		sandboxtest.Start(t, box, "cat", "/proc/self/status")
		out := sandboxtest.ReadAll(t, box)
		uids := regexp.MustCompile(`Uid:\t(\d+)\t(\d+)\t(\d+)\t(\d+)\nGid:\t(\d+)\t`).FindStringSubmatch(out)
		if uids == nil || uids[1] != uids[2] || uids[1] != uids[4] || uids[1] != uids[5] || !holds(ids, uids[1]) {
			t.Fatalf("identity is not one of the range:\n%s", out)
		}
		if seen[uids[1]] && !ids.shared {
			t.Errorf("two boxes are uid %s", uids[1])
		}
		seen[uids[1]] = true
	}
	out := shell(t, b, "names", "id -un; hostname; getent hosts $(hostname); true > /tmp/mine; stat -c %U /tmp/mine")
	if out != "sandbox\nebb\n127.0.0.1       localhost ebb sandbox.localdomain\nsandbox\n" {
		t.Errorf("names are %q", out)
	}
}

func holds(u *uids, text string) bool {
	id, err := strconv.Atoi(text)
	return err == nil && id >= u.base && id < u.base+u.count
}

func hidesHost(t *testing.T, b sandboxtest.Boxes) {
	out := shell(t, b, "host", `cat /proc/kcore 2>/dev/null | wc -c; wc -c < /proc/timer_list; cat /proc/self/cgroup; ls /sys /root /home /work 2>&1; ls /`)
	if strings.Contains(out, parentName("")[:4]+"-") || strings.Contains(out, "process_api") {
		t.Errorf("the cgroup's place shows: %s", out)
	}
	if !strings.HasPrefix(out, "0\n0\n") {
		t.Errorf("/proc/kcore or timer_list is not masked: %s", out)
	}
	if strings.Count(out, "No such file or directory") != 4 {
		t.Errorf("host directories show: %s", out)
	}
	out, _ = b.Run(t, "host-etc", sandbox.Limits{}, "ls", "/etc")
	for _, secret := range []string{"shadow", "ssh", "sudoers"} {
		if strings.Contains(out, secret) {
			t.Errorf("/etc holds %s: %s", secret, out)
		}
	}
	out, _ = b.Run(t, "host-mounts", sandbox.Limits{}, "cat", "/proc/self/mountinfo")
	if strings.Contains(out, "cgroup") || strings.Contains(out, "devpts") {
		t.Errorf("the host's mounts show: %s", out)
	}
}

// ownDescriptors: the fourth is the directory that the shell reads. Not even a
// descriptor that leaked into ebb gets in.
func ownDescriptors(t *testing.T, b sandboxtest.Boxes) {
	leaked, err := unix.Open(os.DevNull, unix.O_RDONLY, 0) // without O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(leaked) }()
	out := shell(t, b, "fds", "echo /proc/self/fd/*")
	if n := len(strings.Fields(out)); n > 4 || !strings.HasPrefix(out, "/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2") {
		t.Errorf("descriptors are %s", out)
	}
}

func forbiddenSyscalls(t *testing.T, b sandboxtest.Boxes) {
	calls := []string{"unshare", "clone", "mount", "keyctl", "setuid", "kill1", "mknod", "bpf"}
	out, exit := b.Run(t, "syscalls", sandbox.Limits{}, append([]string{"syscall"}, calls...)...)
	if b.Driver.(*Driver).uids.shared { // there is no such user, and nobody may become another
		out = strings.Replace(out, "setuid error: invalid argument\n", "setuid error: operation not permitted\n", 1)
	}
	if exit.Code != 0 || strings.Count(out, " error: operation not permitted\n") != len(calls) {
		t.Errorf("exit %+v, output:\n%s", exit, out)
	}
}

// linkInCode: a link in somebody's package must not lead a mount out of the box.
func linkInCode(t *testing.T, b sandboxtest.Boxes) {
	outside, code := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(code, "way-out")); err != nil {
		t.Fatal(err)
	}
	_, err := b.Driver.Create(context.Background(), sandbox.Spec{ID: "link", Mounts: []sandbox.Mount{
		{Source: code, Target: "/var/task", Writable: true},
		{Source: b.Probe, Target: "/var/task/way-out/x"},
	}})
	if err == nil {
		t.Error("a mount target behind a link is accepted")
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) != 0 {
		t.Errorf("outside the box there is now %v (%v)", entries, err)
	}
}

func missingMount(t *testing.T, b sandboxtest.Boxes) {
	_, err := b.Driver.Create(context.Background(), sandbox.Spec{ID: "no-mount", Mounts: []sandbox.Mount{
		{Source: "/no/such/source", Target: "/x"},
	}})
	if ebb.TypeOf(err) != ebb.TypeSandboxUnavailable || !strings.Contains(err.Error(), "/no/such/source: no such file") {
		t.Errorf("Create gives %v, want the source named", err)
	}
}

func writableMount(t *testing.T, b sandboxtest.Boxes) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	shell(t, b, "writable", "echo hi > /mnt/w/f", sandbox.Mount{Source: dir, Target: "/mnt/w", Writable: true})
	if got, err := os.ReadFile(filepath.Join(dir, "f")); string(got) != "hi\n" {
		t.Errorf("the file reads %q (%v)", got, err)
	}
}

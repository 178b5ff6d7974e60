//go:build linux

package linux

import (
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// secretPrefix is how the attackers know a secret when they see one.
const secretPrefix = "NEIGHBOUR-SECRET-"

const escapeeDir = "/mnt/escapee"

// escape is a place for attacks: a driver, a neighbour whose box must not notice
// anything, and a machine that must stay as it is.
type escape struct {
	sandboxtest.Boxes
	neighbour sandbox.Box
	host      map[string]string
	count     int            // of boxes made: their ids differ
	zygote    sandbox.Zygote // whose copies processes begin as; nil: they are started
	root      string         // of the attackers' boxes, in which they are the image's root; "": the host's programs
}

// TestEscape is written by somebody who wants out. Each attempt must fail, and
// after each the neighbour answers and the machine is as it was.
func TestEscape(t *testing.T) {
	(&escape{Boxes: opened(t)}).all(t)
}

// TestEscapeOfForked is the same by processes that begin as a zygote's copies.
func TestEscapeOfForked(t *testing.T) {
	b := opened(t)
	if !b.Driver.Level().Forks {
		t.Skip("nothing is forked here")
	}
	(&escape{Boxes: b, zygote: startZygote(t, b.Driver.(*Driver), "zygote-escape")}).all(t)
}

func (e *escape) all(t *testing.T) {
	t.Helper()
	buildEscapee(t, e.Probe)
	e.host = hostState(t)
	e.neighbour = e.box(t, "neighbour", sandbox.Limits{MemoryMB: 128, TmpMB: 32})
	p := e.process("neighbour", secretPrefix+"argument")
	p.Framed = true
	p.Env = []string{"SECRET=" + secretPrefix + "environment"}
	sandboxtest.StartProcess(t, e.neighbour, p)
	sandboxtest.Expect(t, e.neighbour, "ready\n")
	attacks := map[string]func(*testing.T, *escape){
		"Kernel": attackKernel, "Sockets": attackSockets, "Privileges": attackPrivileges, "Init": attackPIDOne,
		"Devices": attackDevices, "Files": attackFiles, "Elevated": attackElevated, "Neighbour": attackNeighbour,
		"Network": attackNetwork, "KillAll": attackKillAll, "Normal": normalWork, "ForeignABI": foreignABI,
		"ForkBomb": forkBomb, "Zombies": zombieFlood, "Memory": memoryFlood, "Disk": diskFlood, "Inodes": inodeFlood,
		"Descriptors": descriptorFlood, "Connections": connectionFlood, "Buffers": bufferFlood, "Netlink": netlinkFlood, "Corks": corkFlood, "Orphans": orphans,
		"Egress": attackEgress, "Routes": attackRoutes, "Names": attackNames, "RelayLoris": relayLoris,
		"FramedSocket": framedSocket, "OutputFlood": outputFlood,
	}
	for _, name := range slices.Sorted(maps.Keys(attacks)) {
		t.Run(name, func(t *testing.T) {
			attacks[name](t, e)
			e.healthy(t)
		})
	}
}

func buildEscapee(t *testing.T, dir string) {
	t.Helper()
	if err := hosttest.Build("./internal/sandbox/linux/escapee", filepath.Join(dir, "escapee")); err != nil {
		t.Fatal(err)
	}
}

// hostState is what attacks aim to change.
func hostState(t *testing.T) map[string]string {
	t.Helper()
	state := make(map[string]string)
	for _, path := range []string{
		"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/modprobe",
		"/proc/sys/kernel/sysrq", "/proc/sys/net/ipv4/ip_forward", "/proc/self/mounts",
	} {
		if b, err := os.ReadFile(path); err == nil {
			state[path] = string(b)
		}
	}
	st, err := os.Stat("/etc/passwd")
	if err != nil {
		t.Fatal(err)
	}
	state["/etc/passwd"] = st.ModTime().String()
	return state
}

// healthy says that nobody but the attacker was hurt.
func (e *escape) healthy(t *testing.T) {
	t.Helper()
	conn := e.neighbour.Conn()
	_ = conn.SetDeadline(time.Now().Add(sandboxtest.Patience))
	got := make([]byte, 5)
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Fatalf("the neighbour is gone: %v", err)
	}
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Fatalf("the neighbour says %q (%v)", got, err)
	}
	if now := hostState(t); !maps.Equal(now, e.host) {
		t.Errorf("the machine was %v, is %v", e.host, now)
	}
	if out, exit := e.Run(t, fmt.Sprintf("after-%d", e.count), sandbox.Limits{}, "print", "x"); exit != (sandbox.Exit{}) || !strings.Contains(out, "out x") {
		t.Errorf("a box made afterwards: %q, %+v", out, exit)
	}
}

func (e *escape) box(t *testing.T, id string, limits sandbox.Limits, mounts ...sandbox.Mount) sandbox.Box {
	t.Helper()
	e.count++
	if e.root != "" && id != "neighbour" {
		return e.imageBox(t, id, limits, mounts)
	}
	box := e.Box(t, fmt.Sprintf("%s-%d", id, e.count), limits, append(mounts, sandbox.Mount{Source: e.Probe, Target: escapeeDir})...)
	if e.zygote != nil {
		return forkedBox{box, e.zygote}
	}
	return box
}

func (e *escape) process(args ...string) sandbox.Process {
	return sandbox.Process{Argv: append([]string{escapeeDir + "/escapee"}, args...), Dir: "/tmp"}
}

// try runs the escapee to its end and returns its lines as name → outcome.
func (e *escape) try(t *testing.T, limits sandbox.Limits, args ...string) map[string]string {
	t.Helper()
	box := e.box(t, "attacker", limits)
	defer box.Destroy()
	return e.tryIn(t, box, args...)
}

func (e *escape) tryIn(t *testing.T, box sandbox.Box, args ...string) map[string]string {
	t.Helper()
	sandboxtest.StartProcess(t, box, e.process(args...))
	out := sandboxtest.ReadAll(t, box)
	sandboxtest.Wait(t, box)
	if exit := box.Exit(); exit != (sandbox.Exit{}) || !strings.HasSuffix(out, "end\n") {
		t.Fatalf("the attacker ended with %+v: %s", exit, out)
	}
	outcomes := make(map[string]string)
	for line := range strings.Lines(strings.TrimSuffix(out, "end\n")) {
		name, outcome, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		outcomes[name] = outcome
	}
	return outcomes
}

// refusals checks each outcome against a pattern, which may be given for a name
// or, as "", for all others.
func refusals(t *testing.T, got map[string]string, atLeast int, want map[string]string) {
	t.Helper()
	if len(got) < atLeast {
		t.Errorf("only %d attempts were made: %v", len(got), got)
	}
	for name := range want {
		if _, made := got[name]; !made && name != "" {
			t.Errorf("%s was not tried", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		pattern, ok := want[name]
		if !ok {
			pattern = want[""]
		}
		if !regexp.MustCompile("^(" + pattern + ")$").MatchString(got[name]) {
			t.Errorf("%s: %q, want %q", name, got[name], pattern)
		}
	}
}

const (
	eperm   = "operation not permitted"
	enosys  = "function not implemented"
	eacces  = "permission denied"
	enoent  = "no such file or directory"
	erofs   = "read-only file system"
	einval  = "invalid argument"
	esrch   = "no such process"
	exdev   = "invalid cross-device link"
	refused = "connection refused"
)

func attackKernel(t *testing.T, e *escape) {
	const enomem = "cannot allocate memory"
	refusals(t, e.try(t, sandbox.Limits{}, "calls"), 95, map[string]string{
		"":         eperm,
		"huge map": enomem, "huge memfd": enomem + "|" + enosys, "huge shared memory": enomem + "|" + enosys,
		"process_mrelease": enosys, "cachestat": enosys, "lsm_set_self_attr": enosys,
		"setxattrat": enosys, "file_setattr": enosys, "migrate_pages": enosys,
		"modify_ldt": enosys, "_sysctl": enosys, "set_thread_area": enosys,
		// The kernel is as if it had never heard of them.
		"clone3 user": enosys, "statmount": enosys, "listmount": enosys, "memfd_secret": enosys, "vmsplice": enosys,
		"io_setup": enosys, "move_pages": enosys, "mbind": enosys, "number from the future": enosys,
		// What filters are compiled into is the machine's, and boxes need it.
		"no new privileges": "ok", "filter": enosys, "filter by prctl": einval,
		"prctl speculation": einval, "prctl memory map": einval, "prctl memory merge": einval,
	})
}

func attackSockets(t *testing.T, e *escape) {
	const family, protocol = "address family not supported by protocol", "protocol not supported"
	refusals(t, e.try(t, sandbox.Limits{}, "sockets"), 22, map[string]string{
		"": family, "raw": eperm, "raw6": eperm, "protocol on top of TCP": eperm, "ping": protocol, "mptcp": protocol, "sctp": protocol,
		"netfilter": protocol, "audit": protocol, "xfrm": protocol, "uevent": protocol, "diag": protocol, "generic": protocol,
	})
}

func attackPrivileges(t *testing.T, e *escape) {
	want := map[string]string{
		"": eperm, "nice": eacces, "new privileges": einval, "oom score": ".*" + eacces, "uid map": ".*" + eperm + "|.*" + eacces,
	}
	if e.root != "" { // it is what it becomes
		want["setuid"], want["setgid"], want["setgroups"] = "ok", "ok", "ok"
	} else if e.Driver.(*Driver).uids.shared { // there is nobody else to become
		want["setuid"], want["setgid"] = einval, einval
	}
	refusals(t, e.try(t, sandbox.Limits{}, "privileges"), 14, want)
}

func attackPIDOne(t *testing.T, e *escape) {
	got := e.try(t, sandbox.Limits{}, "init")
	want := map[string]string{"": eperm + "|" + esrch + "|" + enoent + "|" + eacces}
	if e.Driver.(*Driver).uids.shared { // PID 1 is the same user: the box can harm itself that way
		want["prlimit"] = "ok"
	}
	refusals(t, got, 25, want)
}

func attackDevices(t *testing.T, e *escape) {
	want := map[string]string{"": eperm + "|" + erofs, "ioctl of a device": ".*"}
	if e.Driver.(*Driver).landlock >= 5 {
		want["ioctl of a device"] = eacces
	}
	refusals(t, e.try(t, sandbox.Limits{}, "devices"), 16, want)
}

// attackFiles: the code package, too, is the attacker's.
func attackFiles(t *testing.T, e *escape) {
	code, outside := t.TempDir(), t.TempDir()
	for dir, mode := range map[string]os.FileMode{code: 0o777, filepath.Dir(code): 0o755, outside: 0o777} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"to-shadow": "/etc/shadow", "to-init": "/proc/1/environ", "to-host": outside + "/secret"} {
		if err := os.Symlink(to, filepath.Join(code, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{code + "/secret", outside + "/secret"} {
		if err := os.WriteFile(path, []byte("unchanged"), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	box := e.box(t, "attacker", sandbox.Limits{}, sandbox.Mount{Source: code, Target: "/var/task"})
	defer box.Destroy()
	got := e.tryIn(t, box, "files", outside+"/secret", e.Driver.(*Driver).run, e.Probe)
	want := map[string]string{"": strings.Join([]string{
		erofs, eacces, enoent, eperm, exdev, "empty", "is a directory", "not a directory", "device or resource busy",
		".*" + erofs, ".*" + eacces}, "|")}
	if e.root != "" { // these are its own
		for _, name := range []string{"chmod root", "write /x", "write /etc/x", "write /etc/passwd", "write /run/hosts"} {
			want[name] = "ok"
		}
	}
	refusals(t, got, 60, want)
	for _, path := range []string{code + "/secret", outside + "/secret"} {
		st, err := os.Stat(path)
		if b, _ := os.ReadFile(path); err != nil || string(b) != "unchanged" || st.Mode().Perm() != 0o666 {
			t.Errorf("%s is %q, %v (%v)", path, b, st.Mode(), err)
		}
	}
}

// attackElevated: mode bits and capabilities of files do nothing.
func attackElevated(t *testing.T, e *escape) {
	code := t.TempDir()
	if err := os.Chmod(filepath.Dir(code), 0o755); err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(filepath.Join(e.Probe, "escapee"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"setuid", "setcap"} {
		if err := os.WriteFile(filepath.Join(code, name), program, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Chmod(filepath.Join(code, "setuid"), 0o6755); err != nil {
		t.Fatal(err)
	}
	// struct vfs_cap_data, version 2, effective: CAP_SYS_ADMIN and CAP_NET_RAW.
	capability := []byte{1, 0, 0, 2, 0, 0x20, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	if err := unix.Setxattr(filepath.Join(code, "setcap"), "security.capability", capability, 0); err != nil {
		t.Logf("no file capabilities on this file system: %v", err)
	}
	box := e.box(t, "attacker", sandbox.Limits{MemoryMB: 256}, sandbox.Mount{Source: code, Target: "/var/task"})
	defer box.Destroy()
	sandboxtest.StartProcess(t, box, e.process("elevated", "/var/task/setuid", "/var/task/setcap"))
	out := sandboxtest.ReadAll(t, box)
	if e.root != "" {
		gainsNothing(t, out)
		return
	}
	runs := strings.Count(out, "root: false\n")
	blocked := strings.Count(out, eperm) + strings.Count(out, eacces) // file capabilities with no_new_privs; noexec
	if runs+blocked != 4 || strings.Contains(out, "root: true") || strings.Count(out, "CapEff:\t0000000000000000\n") != runs {
		t.Errorf("output is %s", out)
	}
}

func attackNeighbour(t *testing.T, e *escape) {
	got := e.try(t, sandbox.Limits{}, "hunt", secretPrefix)
	for name, outcome := range got {
		if strings.HasPrefix(name, "found") {
			t.Errorf("%s: %s", name, outcome)
		}
	}
	refusals(t, got, 6, map[string]string{"other processes": "0", "shared memory": enoent + "|" + enosys, "message queue": enoent + "|" + eacces,
		"": refused + "|" + enoent})
	// The hunter does find what is its own to find.
	box := e.box(t, "hunter", sandbox.Limits{})
	script := "echo " + secretPrefix + "own > /tmp/mine; exec " + escapeeDir + "/escapee hunt " + secretPrefix
	sandboxtest.StartProcess(t, box, sandbox.Process{Argv: []string{"/bin/sh", "-c", script}, Dir: "/"})
	if out := sandboxtest.ReadAll(t, box); !strings.Contains(out, "found in /tmp/mine: "+secretPrefix+"own") {
		t.Errorf("the hunter is blind: %s", out)
	}
}

// attackNetwork: listeners of the host, of ebb, the address of cloud metadata,
// and everything else is unreachable.
func attackNetwork(t *testing.T, e *escape) {
	var targets []string
	add := func(network, address string) {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if network == "unix" {
			targets = append(targets, network, address)
			return
		}
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		own, err := net.InterfaceAddrs()
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range own {
			if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil {
				targets = append(targets, "tcp", net.JoinHostPort(ip.IP.String(), port))
			}
		}
	}
	add("tcp", "0.0.0.0:0")
	add("unix", "@ebb-escape-"+sandboxtest.Token(t))
	add("unix", filepath.Join(t.TempDir(), "s"))
	targets = append(targets, "tcp", "169.254.169.254:80", "tcp", "169.254.170.2:80", "tcp", "[fd00:ec2::254]:80",
		"tcp", "192.0.2.1:443", "udp", "192.0.2.1:53", "udp", "127.0.0.1:53", "udp", "224.0.0.1:5353", "udp", "255.255.255.255:67")
	refusals(t, e.try(t, sandbox.Limits{}, append([]string{"dial"}, targets...)...), 11, map[string]string{
		"": refused + "|network is unreachable|" + enoent + "|cannot assign requested address|" + eacces + "|.*i/o timeout"})
}

// attackKillAll: its own processes are all that it can hit.
func attackKillAll(t *testing.T, e *escape) {
	got := e.try(t, sandbox.Limits{}, "killall")
	refusals(t, got, 2, map[string]string{"killed": "0", "kill everybody": "ok|" + esrch + "|" + eperm})
}

// normalWork: the walls are not in the way of what programs do.
func normalWork(t *testing.T, e *escape) {
	got := e.try(t, sandbox.Limits{MemoryMB: 256}, "normal")
	if e.Driver.(*Driver).watch != nil && got["memfd"] == enosys { // nobody would count it
		delete(got, "memfd")
	}
	if len(got) != 0 {
		t.Errorf("not possible: %v", got)
	}
}

// orphans outlive their parents, but not the box.
func orphans(t *testing.T, e *escape) {
	token := sandboxtest.Token(t)
	box := e.box(t, "attacker", sandbox.Limits{MemoryMB: 256})
	sandboxtest.Start(t, box, "daemon", token)
	sandboxtest.Expect(t, box, "left behind\n")
	sandboxtest.Wait(t, box)
	sandboxtest.Eventually(t, "the daemon runs", func() bool { return sandboxtest.Running(token) > 0 })
	box.Destroy()
	if n := sandboxtest.Running(token); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}

// framedSocket: a process may do with its descriptor what it likes. Given to an
// orphan it stays open, until the box goes; closed it is closed.
func framedSocket(t *testing.T, e *escape) {
	if e.root != "" {
		t.Skip("an image's process has no such socket")
	}
	box := e.box(t, "attacker", sandbox.Limits{})
	sandboxtest.StartProcess(t, box, sandbox.Process{Dir: "/tmp", Framed: true,
		Argv: []string{"/bin/sh", "-c", "(setsid sleep 1000 5<&3 &); exec 3<&- 3>&-; echo closed; exec sleep 1000"}})
	sandboxtest.Expect(t, box, "closed\n")
	conn := box.Conn()
	_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if _, err := conn.Read(make([]byte, 1)); !os.IsTimeout(err) {
		t.Errorf("with a copy in an orphan reading gives %v", err)
	}
	box.Destroy()
	_ = conn.SetReadDeadline(time.Now().Add(sandboxtest.Patience))
	if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("after Destroy reading gives %v", err)
	}

	closed := e.box(t, "closer", sandbox.Limits{})
	sandboxtest.StartProcess(t, closed, sandbox.Process{Dir: "/tmp", Framed: true,
		Argv: []string{"/bin/sh", "-c", "exec 3<&- 3>&-; exec sleep 1000"}})
	_ = closed.Conn().SetReadDeadline(time.Now().Add(sandboxtest.Patience))
	if _, err := closed.Conn().Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("after the process closed it reading gives %v", err)
	}
}

// foreignABI: a 32-bit system call has other numbers than those in the table.
func foreignABI(t *testing.T, e *escape) {
	if runtime.GOARCH != "amd64" {
		t.Skip("only amd64 has these calls")
	}
	gcc := hosttest.Program(t, "gcc")
	dir := t.TempDir()
	// int $0x80 is the 32-bit entry of amd64; mount is number 21 there.
	source := "int main(void){long r;__asm__ volatile(\"int $0x80\":\"=a\"(r):\"a\"(21));return 3;}"
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(gcc, "-o", filepath.Join(dir, "a"), filepath.Join(dir, "a.c")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	box := e.box(t, "attacker", sandbox.Limits{}, sandbox.Mount{Source: dir, Target: "/var/task"})
	sandboxtest.StartProcess(t, box, sandbox.Process{Argv: []string{"/var/task/a"}, Dir: "/"})
	sandboxtest.Wait(t, box)
	if exit := box.Exit(); exit.Signal != unix.SIGSYS.String() {
		t.Errorf("exit is %+v, want %s", exit, unix.SIGSYS)
	}
}

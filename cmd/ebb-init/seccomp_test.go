//go:build linux

package main

import (
	"encoding/binary"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// verdictOf runs the filter as the kernel would.
func verdictOf(t *testing.T, arch, number uint32, args ...uint64) uint32 {
	t.Helper()
	return verdictBy(t, filterProgram(), arch, number, args...)
}

func verdictBy(t *testing.T, filter code, arch, number uint32, args ...uint64) uint32 {
	t.Helper()
	var program []bpf.Instruction
	for _, f := range filter {
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
	for i, a := range args {
		binary.BigEndian.PutUint32(call[16+8*i:], uint32(a))
		binary.BigEndian.PutUint32(call[20+8*i:], uint32(a>>32))
	}
	verdict, err := vm.Run(call)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(verdict)
}

func refuse(number unix.Errno) uint32 { return errno | uint32(number) }

// TestTables: each number has the class that its table gives it, is in one table
// only, and what is in none does not exist.
func TestTables(t *testing.T) {
	want := make(map[uint32]uint32)
	put := func(number uint16, verdict uint32) {
		if _, there := want[uint32(number)]; there {
			t.Errorf("system call %d is in two tables", number)
		}
		want[uint32(number)] = verdict
	}
	for _, list := range [][]uint16{allowedCalls[:], allowedCallsOfArch} {
		for _, n := range list {
			put(n, allow)
		}
	}
	for _, list := range [][]uint16{forbiddenCalls[:], forbiddenCallsOfArch} {
		for _, n := range list {
			put(n, refuse(unix.EPERM))
		}
	}
	for _, list := range [][]checkedCall{checkedCalls[:], checkedCallsOfArch} {
		for _, c := range list {
			put(c.number, 0)
		}
	}
	for n := range uint32(lastNumber + 100) {
		verdict, known := want[n]
		switch {
		case !known:
			verdict = refuse(unix.ENOSYS)
		case verdict == 0:
			continue // TestArguments
		}
		if got := verdictOf(t, auditArch, n); got != verdict {
			t.Errorf("system call %d gives %#x, want %#x", n, got, verdict)
		}
	}
	if n := len(filterProgram()); n > 400 {
		t.Errorf("the filter has %d instructions", n)
	} else {
		t.Logf("%d allowed, %d instructions", len(allowedCalls)+len(allowedCallsOfArch), n)
	}
}

func TestArguments(t *testing.T) {
	family := refuse(unix.EAFNOSUPPORT)
	protocol, option := refuse(unix.EPROTONOSUPPORT), refuse(unix.EINVAL)
	const cloexec = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	for name, c := range map[string]struct {
		number uint32
		args   []uint64
		want   uint32
	}{
		"fork":              {unix.SYS_CLONE, []uint64{uint64(unix.SIGCHLD)}, allow},
		"thread":            {unix.SYS_CLONE, []uint64{unix.CLONE_VM | unix.CLONE_THREAD | unix.CLONE_SIGHAND}, allow},
		"user namespace":    {unix.SYS_CLONE, []uint64{unix.CLONE_NEWUSER}, eperm},
		"net namespace":     {unix.SYS_CLONE, []uint64{unix.CLONE_NEWNET | unix.CLONE_VM}, eperm},
		"high half":         {unix.SYS_CLONE, []uint64{unix.CLONE_NEWNS | 1<<40}, eperm},
		"unix":              {unix.SYS_SOCKET, []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, allow},
		"tcp":               {unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM | cloexec, 0}, allow},
		"tcp6":              {unix.SYS_SOCKET, []uint64{unix.AF_INET6, unix.SOCK_STREAM, unix.IPPROTO_TCP}, allow},
		"udp":               {unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_UDP}, allow},
		"raw":               {unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_RAW | cloexec, unix.IPPROTO_TCP}, eperm},
		"raw6":              {unix.SYS_SOCKET, []uint64{unix.AF_INET6, unix.SOCK_RAW, 0}, eperm},
		"old packet":        {unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_PACKET, 0}, eperm},
		"mptcp":             {unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP}, protocol},
		"sctp":              {unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_SEQPACKET, unix.IPPROTO_SCTP}, protocol},
		"ping":              {unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP}, protocol},
		"netlink route":     {unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW | cloexec, unix.NETLINK_ROUTE}, allow},
		"netlink netfilter": {unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_NETFILTER}, protocol},
		"packet":            {unix.SYS_SOCKET, []uint64{unix.AF_PACKET, unix.SOCK_RAW, 0}, family},
		"alg":               {unix.SYS_SOCKET, []uint64{unix.AF_ALG, unix.SOCK_SEQPACKET, 0}, family},
		"vsock":             {unix.SYS_SOCKET, []uint64{unix.AF_VSOCK, unix.SOCK_STREAM, 0}, family},
		"reuse address":     {unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_REUSEADDR}, allow},
		"no delay":          {unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_NODELAY}, allow},
		"same number":       {unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.SO_ATTACH_FILTER}, allow},
		"socket filter":     {unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER}, eperm},
		"reuseport filter":  {unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF}, eperm},
		"TLS of the kernel": {unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_ULP}, eperm},
		"its number":        {unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.TCP_ULP}, allow},
		"another level":     {unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_IP, unix.TCP_ULP}, allow},
		"pages":             {unix.SYS_MMAP, []uint64{0, 4096, 7, unix.MAP_ANON | unix.MAP_PRIVATE}, allow},
		"huge pages":        {unix.SYS_MMAP, []uint64{0, 4096, 7, unix.MAP_ANON | unix.MAP_PRIVATE | unix.MAP_HUGETLB}, refuse(unix.ENOMEM)},
		"memfd":             {unix.SYS_MEMFD_CREATE, []uint64{0, unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING}, allow},
		"huge memfd":        {unix.SYS_MEMFD_CREATE, []uint64{0, unix.MFD_HUGETLB}, refuse(unix.ENOMEM)},
		"shared memory":     {unix.SYS_SHMGET, []uint64{0, 4096, unix.IPC_CREAT | 0o600}, allow},
		"huge shared":       {unix.SYS_SHMGET, []uint64{0, 4096, unix.IPC_CREAT | shmHugetlb}, refuse(unix.ENOMEM)},
		"lock":              {unix.SYS_FCNTL, []uint64{3, unix.F_SETLK}, allow},
		"lease":             {unix.SYS_FCNTL, []uint64{3, unix.F_SETLEASE}, eperm},
		"PR_SET_SECCOMP":    {unix.SYS_PRCTL, []uint64{unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER}, option},
		"seccomp":           {unix.SYS_SECCOMP, []uint64{1}, refuse(unix.ENOSYS)},
		"unix pair":         {unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX, unix.SOCK_STREAM, 0}, allow},
		"tipc pair":         {unix.SYS_SOCKETPAIR, []uint64{unix.AF_TIPC, unix.SOCK_STREAM, 0}, family},
		"isatty":            {unix.SYS_IOCTL, []uint64{1, unix.TCGETS}, allow},
		"TIOCSTI":           {unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, eperm},
		"TIOCSTI, high":     {unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI | 1<<32}, eperm},
		"TIOCLINUX":         {unix.SYS_IOCTL, []uint64{0, tioclinux}, eperm},
		"fifo":              {unix.SYS_MKNODAT, []uint64{0, 0, unix.S_IFIFO | 0o644}, allow},
		"socket file":       {unix.SYS_MKNODAT, []uint64{0, 0, unix.S_IFSOCK | 0o644}, allow},
		"char device":       {unix.SYS_MKNODAT, []uint64{0, 0, unix.S_IFCHR | 0o644}, eperm},
		"block device":      {unix.SYS_MKNODAT, []uint64{0, 0, unix.S_IFBLK | 0o644}, eperm},
		"which personality": {unix.SYS_PERSONALITY, []uint64{0xffffffff}, allow},
		"no randomization":  {unix.SYS_PERSONALITY, []uint64{0x0040000}, eperm},
		"thread name":       {unix.SYS_PRCTL, []uint64{unix.PR_SET_NAME}, allow},
		"last option":       {unix.SYS_PRCTL, []uint64{unix.PR_GET_AUXV}, allow},
		"PR_SET_MM":         {unix.SYS_PRCTL, []uint64{unix.PR_SET_MM}, option},
		"speculation":       {unix.SYS_PRCTL, []uint64{unix.PR_SET_SPECULATION_CTRL}, option},
		"clone3":            {unix.SYS_CLONE3, nil, refuse(unix.ENOSYS)},
		"filter":            {unix.SYS_SECCOMP, []uint64{unix.SECCOMP_SET_MODE_FILTER}, refuse(unix.ENOSYS)},
		"filter by prctl":   {unix.SYS_PRCTL, []uint64{unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER}, option},
	} {
		if got := verdictOf(t, auditArch, c.number, c.args...); got != c.want {
			t.Errorf("%s gives %#x, want %#x", name, got, c.want)
		}
	}
}

func TestForeignABI(t *testing.T) {
	if got := verdictOf(t, unix.AUDIT_ARCH_I386, unix.SYS_READ); got != kill {
		t.Errorf("another architecture gives %#x", got)
	}
	if foreignABI != 0 {
		if got := verdictOf(t, auditArch, foreignABI|unix.SYS_READ); got != kill {
			t.Errorf("x32 gives %#x", got)
		}
	}
}

// TestLandlockVersions: no field and no right that a version does not know.
func TestLandlockVersions(t *testing.T) {
	for version, want := range map[uint32]uint64{
		1: 1<<13 - 1, 2: 1<<14 - 1, 3: 1<<15 - 1, 4: 1<<15 - 1, 5: 1<<16 - 1, 6: 1<<16 - 1, 9: 1<<16 - 1,
	} {
		attr, size := rulesetOf(version)
		if attr.Handled_access_fs != want {
			t.Errorf("version %d handles %#x, want %#x", version, attr.Handled_access_fs, want)
		}
		if scoped := version >= 6; (size == 24) != scoped || (attr.Scoped == 3) != scoped {
			t.Errorf("version %d: %d bytes, scopes %d", version, size, attr.Scoped)
		}
	}
}

// TestZygoteFilter: four calls more than a function has, and no other.
func TestZygoteFilter(t *testing.T) {
	filter := filterProgram(zygoteCalls[:]...)
	eperm := refuse(unix.EPERM)
	spared := map[uint32]uint32{unix.SYS_SETNS: eperm, unix.SYS_UNSHARE: eperm, unix.SYS_KEYCTL: eperm, unix.SYS_SECCOMP: refuse(unix.ENOSYS)}
	for number := range uint32(lastNumber + 1) {
		want := verdictOf(t, auditArch, number)
		if refusal, is := spared[number]; is {
			if want != refusal {
				t.Errorf("a function may use system call %d", number)
			}
			want = allow
		}
		if got := verdictBy(t, filter, auditArch, number); got != want {
			t.Errorf("system call %d: %#x, want %#x", number, got, want)
		}
	}
}

//go:build linux

package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// class is what the filter does with a system call.
type class byte

const (
	absent    class = iota // ENOSYS, as on a kernel that does not have it
	allowed                //
	forbidden              // EPERM
	// The others are allowed with some arguments only.
	cloneCall
	fcntlCall
	ioctlCall
	memfdCall
	mknodCall
	mknodatCall
	mmapCall
	personalityCall
	prctlCall
	setsockoptCall
	shmgetCall
	socketCall
	socketpairCall
)

// lastNumber is beyond every system call in the tables.
const lastNumber = 511

// Offsets into struct seccomp_data. Both architectures are little-endian, so
// the low half of an argument comes first. The kernel, too, reads only that half
// of the arguments looked at here: they are all of type int, except the flags of
// clone, of which it drops the high half, and of mmap, which has none there.
const (
	offNumber = 0
	offArch   = 4
	offArg0   = 16
	offArg1   = 24
	offArg2   = 32
	offArg3   = 40
)

const (
	load = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	and  = unix.BPF_ALU | unix.BPF_AND | unix.BPF_K
	jump = unix.BPF_JMP | unix.BPF_JA
	jeq  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	jge  = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	jset = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	ret  = unix.BPF_RET | unix.BPF_K
)

const (
	allow = uint32(unix.SECCOMP_RET_ALLOW)
	kill  = uint32(unix.SECCOMP_RET_KILL_PROCESS)
	errno = uint32(unix.SECCOMP_RET_ERRNO) // with the number
	eperm = errno | uint32(unix.EPERM)
)

// code is a piece of BPF that ends in returns only.
type code = []unix.SockFilter

func answer(verdict uint32) code { return code{{Code: ret, K: verdict}} }

// filterSyscalls puts this thread, and all it forks, under the filter, in which
// some calls are of another class than the tables say.
func filterSyscalls(but ...checkedCall) error {
	program := filterProgram(but...)
	fprog := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&fprog)), 0, 0)
}

// filterProgram is the allow list as a program. Numbers of one class that follow
// each other are one range, and the ranges a binary search. The kernel remembers
// for each number that is allowed whatever its arguments, and runs the program
// only for the others.
func filterProgram(but ...checkedCall) code {
	program := code{
		{Code: load, K: offArch},
		{Code: jeq, K: auditArch, Jt: 1},
		{Code: ret, K: kill}, // a foreign ABI has other numbers
		{Code: load, K: offNumber},
	}
	if foreignABI != 0 { // x32 on amd64: the same arch with a bit in the number
		program = append(program,
			unix.SockFilter{Code: jge, K: foreignABI, Jf: 1},
			unix.SockFilter{Code: ret, K: kill})
	}
	return append(program, search(ranges(but))...)
}

// span is where a range begins; it ends where the next does.
type span struct {
	from  uint32
	class class
}

// ranges sorts the tables.
func ranges(but []checkedCall) []span {
	var classes [lastNumber + 1]class
	for _, n := range forbiddenCalls {
		classes[n] = forbidden
	}
	for _, list := range [...][]uint16{allowedCalls[:], allowedCallsOfArch} {
		for _, n := range list {
			classes[n] = allowed
		}
	}
	for _, n := range forbiddenCallsOfArch {
		classes[n] = forbidden
	}
	for _, list := range [...][]checkedCall{checkedCalls[:], checkedCallsOfArch, but} {
		for _, c := range list {
			classes[c.number] = c.class
		}
	}
	spans := make([]span, 0, 160)
	for n, c := range classes {
		if n == 0 || c != classes[n-1] {
			spans = append(spans, span{uint32(n), c})
		}
	}
	return spans
}

// search decides by halves which span the number is in.
func search(spans []span) code {
	if len(spans) == 1 {
		return verdict(spans[0].class)
	}
	middle := len(spans) / 2
	left, right := search(spans[:middle]), search(spans[middle:])
	program := make(code, 0, 2+len(left)+len(right))
	if len(left) <= 255 {
		program = append(program, unix.SockFilter{Code: jge, K: spans[middle].from, Jt: uint8(len(left))})
	} else { // farther than a conditional jump goes
		program = append(program,
			unix.SockFilter{Code: jge, K: spans[middle].from, Jf: 1},
			unix.SockFilter{Code: jump, K: uint32(len(left))})
	}
	return append(append(program, left...), right...)
}

// namespaceFlags of clone; CLONE_NEWUSER is the one a process without
// capabilities may use, and with it come all the others.
const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWCGROUP

// deviceBit is what S_IFCHR and S_IFBLK have and no other kind of file.
const deviceBit = unix.S_IFCHR

func verdict(c class) code {
	switch c {
	case allowed:
		return answer(allow)
	case forbidden:
		return answer(eperm)
	case cloneCall:
		return noneOfBits(offArg0, namespaceFlags, eperm)
	case mmapCall:
		return noneOfBits(offArg3, unix.MAP_HUGETLB, noHugePages)
	case memfdCall:
		return noneOfBits(offArg1, unix.MFD_HUGETLB, noHugePages)
	case shmgetCall:
		return noneOfBits(offArg2, shmHugetlb, noHugePages)
	case fcntlCall:
		return oneOf(offArg1, []uint32{unix.F_SETLEASE}, eperm, allow)
	case mknodCall:
		return noneOfBits(offArg1, deviceBit, eperm)
	case mknodatCall:
		return noneOfBits(offArg2, deviceBit, eperm)
	case ioctlCall:
		return oneOf(offArg1, ioctlDenied[:], eperm, allow)
	case personalityCall:
		return oneOf(offArg0, personalities[:], allow, eperm)
	case prctlCall: // EINVAL: as on a kernel that does not know the option
		return oneOf(offArg0, prctlOptions[:], allow, errno|uint32(unix.EINVAL))
	case setsockoptCall:
		return setsockoptProgram()
	case socketCall:
		return socketProgram[:]
	case socketpairCall:
		return oneOf(offArg0, []uint32{unix.AF_UNIX}, allow, errno|uint32(unix.EAFNOSUPPORT))
	default:
		return answer(errno | uint32(unix.ENOSYS))
	}
}

// noHugePages is what a machine without any says. Those that an administrator has
// set aside are for somebody else, and no cgroup of a box counts them.
const noHugePages = errno | uint32(unix.ENOMEM)

const shmHugetlb = 0o4000 // not in x/sys

// setsockoptProgram refuses filters, and protocols on top of TCP.
func setsockoptProgram() code {
	filters := oneOf(offArg2, filterOptions[:], eperm, allow)
	return append(append(code{
		{Code: load, K: offArg1},
		{Code: jeq, K: unix.SOL_SOCKET, Jt: 2},
		{Code: jeq, K: unix.SOL_TCP, Jt: uint8(1 + len(filters))},
		{Code: ret, K: allow},
	}, filters...), oneOf(offArg2, []uint32{unix.TCP_ULP}, eperm, allow)...)
}

// noneOfBits allows an argument without certain bits.
func noneOfBits(arg, bits, otherwise uint32) code {
	return code{
		{Code: load, K: arg},
		{Code: jset, K: bits, Jf: 1},
		{Code: ret, K: otherwise},
		{Code: ret, K: allow},
	}
}

// oneOf answers one thing if the argument is among values and another if not.
func oneOf(arg uint32, values []uint32, yes, no uint32) code {
	program := code{{Code: load, K: arg}}
	for i, v := range values {
		program = append(program, unix.SockFilter{Code: jeq, K: v, Jt: uint8(len(values) - i)})
	}
	return append(program, unix.SockFilter{Code: ret, K: no}, unix.SockFilter{Code: ret, K: yes})
}

// socketProgram allows Unix sockets, TCP and UDP, and the netlink family that
// tells a process the addresses of its own network (getifaddrs).
var socketProgram = [...]unix.SockFilter{
	{Code: load, K: offArg0}, // family
	{Code: jeq, K: unix.AF_UNIX, Jt: 15},
	{Code: jeq, K: unix.AF_INET, Jt: 5},
	{Code: jeq, K: unix.AF_INET6, Jt: 4},
	{Code: jeq, K: unix.AF_NETLINK, Jt: 1},
	{Code: ret, K: errno | uint32(unix.EAFNOSUPPORT)},
	{Code: load, K: offArg2}, // protocol of netlink
	{Code: jeq, K: unix.NETLINK_ROUTE, Jt: 9, Jf: 8},
	{Code: load, K: offArg1}, // type of AF_INET and AF_INET6
	{Code: and, K: 0xf},      // without SOCK_CLOEXEC and SOCK_NONBLOCK
	{Code: jeq, K: unix.SOCK_RAW, Jt: 7},
	{Code: jeq, K: unix.SOCK_PACKET, Jt: 6},
	{Code: load, K: offArg2}, // their protocol
	{Code: jeq, K: 0, Jt: 3},
	{Code: jeq, K: unix.IPPROTO_TCP, Jt: 2},
	{Code: jeq, K: unix.IPPROTO_UDP, Jt: 1},
	{Code: ret, K: errno | uint32(unix.EPROTONOSUPPORT)},
	{Code: ret, K: allow},
	{Code: ret, K: eperm},
}

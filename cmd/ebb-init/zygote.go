//go:build linux

package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// filterFD is where a zygote finds the filter that its copies put themselves
// under, as the kernel takes it.
const filterFD = 4

// zygoteCapabilities are with what a copy comes into a box and takes on its
// identity. It gives them up there, before anything of a user's is in it.
const zygoteCapabilities = 1<<unix.CAP_SYS_ADMIN | 1<<unix.CAP_SYS_CHROOT | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETGID

// zygoteCalls are with what it does so; a copy's own filter forbids them.
var zygoteCalls = [...]checkedCall{
	{unix.SYS_SETNS, allowed}, {unix.SYS_UNSHARE, allowed}, {unix.SYS_KEYCTL, allowed},
	{unix.SYS_SECCOMP, allowed},
}

// become is the third thing that ebb-init is for: it makes a root that is nobody's
// box, and executes a zygote there in its own place: a process of ebb's own, of
// which copies are made. It is in ebb's PID namespace, because out of that one
// only a process can enter those of boxes. It returns only what went wrong.
func become(ctl *control, message []byte) *initproto.Failed {
	setOOMScore(oomScore) // there is no /proc where it goes
	var setup initproto.Setup
	if !setup.Decode(message) || setup.TmpFD || !setup.NoProc {
		return &initproto.Failed{Stage: "read setup message"}
	}
	if f := buildRoot(&setup, -1, -1); f != nil {
		return f
	}
	ctl.send([]byte{byte(initproto.KindReady)})
	var start initproto.Start
	message, fds := ctl.receive()
	if !start.Decode(message) || len(fds) != 1 {
		return &initproto.Failed{Stage: "read start message"}
	}
	if f := setRlimits(start.Rlimits); f != nil {
		return f
	}
	if f := zygotePrivileges(start.UID); f != nil {
		return f
	}
	if f := zygoteFiles(fds[0]); f != nil {
		return f
	}
	if err := unix.Chdir(start.Dir); err != nil {
		return failed("enter", start.Dir, err)
	}
	if err := filterSyscalls(zygoteCalls[:]...); err != nil {
		return failed("set", "seccomp filter", err)
	}
	return failed("execute", start.Argv[0], syscall.Exec(start.Argv[0], start.Argv, start.Env))
}

// zygotePrivileges leaves this thread with zygoteCapabilities and a uid of its own.
// Only this thread goes on after the execution.
func zygotePrivileges(uid uint32) *initproto.Failed {
	// What is to be inheritable has to be in the bounding set, which renounce empties.
	if err := setCapabilities(zygoteCapabilities|1<<unix.CAP_SETPCAP, zygoteCapabilities); err != nil {
		return failed("keep", "capabilities", err)
	}
	if f := renounce(0); f != nil {
		return f
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return failed("keep", "capabilities", err)
	}
	for _, call := range [...][4]uintptr{
		{unix.SYS_SETGROUPS},
		{unix.SYS_SETRESGID, uintptr(uid), uintptr(uid), uintptr(uid)},
		{unix.SYS_SETRESUID, uintptr(uid), uintptr(uid), uintptr(uid)},
	} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return failed("become user", decimal(uint64(uid)), errno)
		}
	}
	if err := setCapabilities(zygoteCapabilities, zygoteCapabilities); err != nil {
		return failed("keep", "capabilities", err)
	}
	for c := uintptr(0); c < 64; c++ {
		if zygoteCapabilities>>c&1 == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, c, 0, 0); err != nil {
			return failed("keep capability", decimal(uint64(c)), err)
		}
	}
	return nil
}

// setCapabilities sets those of this thread; all are among the first 32.
func setCapabilities(held, inheritable uint32) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	caps := [2]unix.CapUserData{{Effective: held, Permitted: held, Inheritable: inheritable}}
	_, _, errno := unix.RawSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&caps[0])), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// zygoteFiles puts in place what the zygote finds open: its output, the control
// socket and the filter.
func zygoteFiles(output int) *initproto.Failed {
	program := filterProgram()
	fd, err := unix.MemfdCreate("filter", 0)
	if err != nil {
		return failed("make", "memory file", err)
	}
	text := unsafe.Slice((*byte)(unsafe.Pointer(&program[0])), len(program)*unix.SizeofSockFilter)
	if n, err := unix.Write(fd, text); err != nil || n != len(text) {
		return failed("write", "memory file", err)
	}
	for _, move := range [...][2]int{{output, 1}, {output, 2}, {fd, filterFD}} {
		if move[0] == move[1] {
			continue
		}
		if err := unix.Dup3(move[0], move[1], 0); err != nil {
			return failed("place", "descriptor", err)
		}
	}
	if fd != filterFD {
		_ = unix.Close(fd)
	}
	if _, err := unix.FcntlInt(controlFD, unix.F_SETFD, 0); err != nil {
		return failed("place", "control socket", err)
	}
	return nil
}

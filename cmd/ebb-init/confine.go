//go:build linux

package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// confine takes from this thread what its children must not have. The
// capabilities in force stay: setting the child's identity needs them, and they
// leave it with that.
func confine(start *initproto.Start) *initproto.Failed {
	if f := renounce(0); f != nil {
		return f
	}
	if err := disinherit(); err != nil {
		return failed("clear", "inheritable capabilities", err)
	}
	if start.Landlock > 0 {
		if f := wall(start.Landlock, start.Writable); f != nil {
			return f
		}
	}
	return filterFor(start)
}

// filterFor puts this thread, and all it forks, under the filter for a process.
func filterFor(start *initproto.Start) *initproto.Failed {
	var but []checkedCall
	if start.Uncounted {
		but = uncountedCalls[:]
	}
	if err := filterSyscalls(but...); err != nil {
		return failed("set", "seccomp filter", err)
	}
	return nil
}

// hideGroups has /proc/self/cgroup of what this thread forks show / instead of where
// ebb put the box.
func hideGroups() *initproto.Failed {
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil && err != unix.EINVAL {
		return failed("unshare", "cgroup namespace", err)
	}
	return nil
}

// renounce takes what this thread could get or was left by others: keys, and
// privileges that a program it executes might bring, but for a few capabilities.
func renounce(keep uint32) *initproto.Failed {
	// A session keyring of the box's own: ebb's would be open to whoever
	// inherits it. No name: an anonymous one. ENOSYS, EPERM: no keyrings here, so
	// nothing to inherit.
	_, err := unix.KeyctlInt(unix.KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0)
	if err != nil && err != unix.ENOSYS && err != unix.EPERM {
		return failed("join a session keyring", "", err)
	}
	for capability := uintptr(0); ; capability++ {
		if capability < 32 && keep>>capability&1 != 0 {
			continue
		}
		err := unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0)
		if err == unix.EINVAL { // beyond the kernel's last capability
			break
		}
		if err != nil {
			return failed("drop capability", decimal(uint64(capability)), err)
		}
	}
	// Where ebb-init is not root of its user namespace, these are what it lives by.
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return failed("clear", "ambient capabilities", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return failed("set", "no_new_privs", err)
	}
	return nil
}

// disinherit clears what a program would inherit of this thread's capabilities.
func disinherit() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return err
	}
	caps[0].Inheritable, caps[1].Inheritable = 0, 0
	return unix.Capset(&header, &caps[0])
}

// setRlimits lowers ebb-init's own limits; the child inherits them. A limit that
// is already lower stays: raising needs a capability ebb may lack.
func setRlimits(limits []initproto.Rlimit) *initproto.Failed {
	for _, l := range limits {
		var now unix.Rlimit
		if err := unix.Prlimit(0, int(l.Resource), nil, &now); err != nil {
			return failed("read resource limit", decimal(uint64(l.Resource)), err)
		}
		value := min(l.Value, now.Max)
		if err := unix.Prlimit(0, int(l.Resource), &unix.Rlimit{Cur: value, Max: value}, nil); err != nil {
			return failed("set resource limit", decimal(uint64(l.Resource)), err)
		}
	}
	return nil
}

// shedCapabilities leaves all of ebb-init's threads with what forwarding a signal
// to another uid takes, and opening a flow with a low port.
func shedCapabilities() *initproto.Failed {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	const kept = 1<<unix.CAP_KILL | 1<<unix.CAP_NET_BIND_SERVICE
	keep := [2]unix.CapUserData{{Effective: kept, Permitted: kept}}
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET,
		uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&keep[0])), 0)
	if errno != 0 {
		return failed("shed", "capabilities", errno)
	}
	return nil
}

// oomScore is added to the score of the runtime and its children, so that
// neither ebb-init nor ebb is killed in their stead.
const oomScore = "500"

// setOOMScore writes this process's adjustment and returns what it was. Failing
// is no reason not to run: it only decides who dies first.
func setOOMScore(value string) (before string) {
	fd, err := unix.Open("/proc/self/oom_score_adj", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	defer func() { _ = unix.Close(fd) }()
	var b [16]byte
	n, _ := unix.Read(fd, b[:])
	_, _ = unix.Pwrite(fd, []byte(value), 0)
	return string(b[:max(n, 0)])
}

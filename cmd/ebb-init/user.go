//go:build linux

package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// rootCapabilities are what an image's root keeps: over the box's own users and
// their files, and over nothing else. The namespaces of the box belong to the host's
// user namespace, where the process has none.
const rootCapabilities = 1<<unix.CAP_CHOWN | 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_FOWNER | 1<<unix.CAP_FSETID |
	1<<unix.CAP_KILL | 1<<unix.CAP_SETGID | 1<<unix.CAP_SETUID | 1<<unix.CAP_SETPCAP

// forkUser makes a process that is one of the image's users: ebb-init once more, in
// a user namespace of its own, that gives up what it must not have and executes the
// program in its own place. A process of several threads, as this one is, cannot
// enter a user namespace by itself.
func forkUser(start *initproto.Start, fds []int) (process, *initproto.Failed) {
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return noChild, failed("open", "/dev/null", err)
	}
	defer func() { _ = unix.Close(null) }()
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return noChild, failed("open", "socket", err)
	}
	defer func() { _ = unix.Close(ends[0]) }()
	child := process{pidfd: -1}
	ids := []syscall.SysProcIDMap{{HostID: int(start.Range), Size: initproto.RangeSize}}
	attr := syscall.ProcAttr{
		Dir:   "/",
		Files: []uintptr{uintptr(null), uintptr(fds[0]), uintptr(fds[0]), uintptr(ends[1])},
		Sys: &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER,
			UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true,
			Credential: &syscall.Credential{}, // root of the new one: the execution keeps its capabilities
			Setsid:     true,
			PidFD:      &child.pidfd,
		},
	}
	before := setOOMScore(oomScore)
	child.pid, err = syscall.ForkExec("/proc/self/exe", []string{"ebb-init"}, &attr)
	setOOMScore(before)
	_ = unix.Close(ends[1])
	if err != nil {
		return noChild, failed("make", "user namespace", err)
	}
	if f := instruct(ends[0], start); f != nil {
		return noChild, f
	}
	return child, nil
}

// instruct tells the new process what to become, and waits until it has or says
// why it could not: its end of the socket closes with the execution.
func instruct(socket int, start *initproto.Start) *initproto.Failed {
	for {
		err := unix.Sendmsg(socket, start.Encode(), nil, nil, unix.MSG_NOSIGNAL)
		if err == nil {
			break
		}
		if err != unix.EINTR {
			return failed("instruct", "process", err)
		}
	}
	var answer [4096]byte
	for {
		n, err := unix.Read(socket, answer[:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return failed("hear", "process", err)
		}
		var f initproto.Failed
		if n == 0 {
			return nil
		}
		if !f.Decode(answer[:n]) {
			return &initproto.Failed{Stage: "read failure"}
		}
		return &f
	}
}

// becomeUser makes this process, which is alone in its user namespace, one of the
// image's users, and executes the program. It returns only what failed.
func becomeUser(message []byte) *initproto.Failed {
	var start initproto.Start
	if !start.Decode(message) || len(start.Argv) == 0 {
		return &initproto.Failed{Stage: "read start message"}
	}
	// As root: a user need not be able to go to where it starts.
	if err := unix.Chdir(start.Dir); err != nil {
		return failed("enter", start.Dir, err)
	}
	path, err := program(&start)
	if err != nil {
		return failed("execute", start.Argv[0], err)
	}
	keep := uint32(0)
	if start.UID == 0 {
		keep = rootCapabilities
	}
	if f := renounce(keep); f != nil {
		return f
	}
	if start.Landlock > 0 {
		if f := wall(start.Landlock, start.Writable); f != nil {
			return f
		}
	}
	if f := setIdentity(&start); f != nil {
		return f
	}
	if err := setCapabilities(keep, 0); err != nil {
		return failed("keep", "capabilities", err)
	}
	if f := filterFor(&start); f != nil {
		return f
	}
	return failed("execute", start.Argv[0], syscall.Exec(path, start.Argv, start.Env))
}

// setIdentity is of this thread only, the one that goes on after the execution.
func setIdentity(start *initproto.Start) *initproto.Failed {
	var groups uintptr
	if len(start.Groups) > 0 {
		groups = uintptr(unsafe.Pointer(&start.Groups[0]))
	}
	uid, gid := uintptr(start.UID), uintptr(start.GID)
	for _, call := range [...][4]uintptr{
		{unix.SYS_SETGROUPS, uintptr(len(start.Groups)), groups},
		{unix.SYS_SETRESGID, gid, gid, gid},
		{unix.SYS_SETRESUID, uid, uid, uid},
	} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return failed("become user", decimal(uint64(start.UID)), errno)
		}
	}
	return nil
}

// lowPorts lets the processes of the box listen on every port: its network has no
// other users.
func lowPorts() *initproto.Failed {
	const path = "/proc/sys/net/ipv4/ip_unprivileged_port_start"
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return failed("open", path, err)
	}
	defer func() { _ = unix.Close(fd) }()
	if _, err := unix.Write(fd, []byte("0")); err != nil {
		return failed("write", path, err)
	}
	return nil
}

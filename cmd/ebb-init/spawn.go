//go:build linux

package main

import (
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// process is the runtime process, held by a pidfd: its number may be another
// process's once it was reaped.
type process struct {
	pid   int
	pidfd int
	dir   string // of a process whose working directory ebb-init can change, else ""
}

var noChild = process{pidfd: -1}

func (p process) signal(number int) {
	if p.pidfd >= 0 {
		_ = unix.PidfdSendSignal(p.pidfd, syscall.Signal(number), nil, 0)
	}
}

// spawn starts the runtime with the box's identity and reports its end. fds are
// the output pipe and, if framed, the framed socket; they are closed here. If
// the process could not be started that is all that failed: ebb decides.
func spawn(ctl *control, start *initproto.Start, places []string, fds []int) (process, *initproto.Failed) {
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
	if f := setRlimits(start.Rlimits); f != nil {
		return noChild, f
	}
	child, f := launch(start, places, fds)
	if f != nil {
		return noChild, f
	}
	if !start.AttachLater {
		if f := shedCapabilities(); f != nil {
			return noChild, f
		}
	}
	go reap(ctl, child.pid)
	return child, nil
}

// launch confines a thread and forks the process from it. The thread ends with
// the goroutine, because it is never unlocked; all others keep what they have.
func launch(start *initproto.Start, places []string, fds []int) (child process, f *initproto.Failed) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if f = confine(start); f == nil {
			child, f = fork(start, places, fds)
		}
	}()
	<-done
	return child, f
}

// fork makes the process.
func fork(start *initproto.Start, places []string, fds []int) (process, *initproto.Failed) {
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return noChild, failed("open", "/dev/null", err)
	}
	defer func() { _ = unix.Close(null) }()
	child := process{pidfd: -1}
	attr := syscall.ProcAttr{
		Dir:   start.Dir,
		Env:   start.Env,
		Files: []uintptr{uintptr(null), uintptr(fds[0]), uintptr(fds[0])},
		Sys: &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: start.UID, Gid: start.UID},
			Setsid:     true,
			PidFD:      &child.pidfd,
		},
	}
	if start.AttachLater && slices.Contains(places, start.Dir) {
		// What Attach will mount there covers the directory that the process is in,
		// and not every runtime can go elsewhere. So it shares with ebb-init what
		// directory it is in. (All that ebb-init opens later it names from /.)
		attr.Sys.Cloneflags = unix.CLONE_FS
		child.dir = start.Dir
	}
	if start.Framed {
		attr.Files = append(attr.Files, uintptr(fds[1]))
	}
	path, err := program(start)
	if err != nil {
		return noChild, explain(start, err)
	}
	before := setOOMScore(oomScore)
	child.pid, err = syscall.ForkExec(path, start.Argv, &attr)
	setOOMScore(before)
	if err != nil {
		return noChild, explain(start, err)
	}
	return child, nil
}

// explain says which of the two paths an error of ForkExec is about.
func explain(start *initproto.Start, err error) *initproto.Failed {
	var st unix.Stat_t
	if unix.Stat(start.Dir, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return failed("enter", start.Dir, err)
	}
	return failed("execute", start.Argv[0], err)
}

// reap collects every process that ends in the box, and reports the runtime's
// end. It returns when none is left: then none can come anymore.
func reap(ctl *control, runtime int) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return
		case pid == runtime:
			ctl.send((&initproto.Exit{WaitStatus: uint32(status)}).Encode())
		}
	}
}

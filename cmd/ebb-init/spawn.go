//go:build linux

package main

import (
	"runtime"
	"slices"
	"sync"
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

// spawn starts a process with the box's identity and reports its end. fds are
// the output pipe and, if framed, the framed socket; they are closed here. If
// the process could not be started that is all that failed: ebb decides. After
// the runtime there comes no other.
func spawn(ctl *control, start *initproto.Start, places []string, fds []int) (process, *initproto.Failed) {
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
	if f := setRlimits(start.Rlimits); f != nil {
		return noChild, f
	}
	known.Lock()
	child, f := launch(start, places, fds)
	if f == nil {
		watch(ctl, numbered{child.pid, start.Number})
	}
	known.Unlock()
	if f != nil {
		return noChild, f
	}
	if start.Number == 0 && !start.AttachLater {
		if f := shedCapabilities(); f != nil {
			return noChild, f
		}
	}
	return child, nil
}

// known are the processes whose end ebb is told of. It is locked while one is
// made, so that an end is not seen before its beginning.
var known struct {
	sync.Mutex
	numbers []numbered
	reaping bool
}

type numbered struct {
	pid    int
	number uint64
}

// watch has ebb told of the end of a process. known is locked.
func watch(ctl *control, n numbered) {
	known.numbers = append(known.numbers, n)
	if !known.reaping {
		known.reaping = true
		go reap(ctl)
	}
}

// launch confines a thread and forks the process from it. The thread ends with
// the goroutine, because it is never unlocked; all others keep what they have.
func launch(start *initproto.Start, places []string, fds []int) (child process, f *initproto.Failed) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if f = hideGroups(); f != nil {
			return
		}
		if start.Range != 0 {
			child, f = forkUser(start, fds)
		} else if f = confine(start); f == nil {
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
			// Who is that user already may not have the right to change groups, and
			// has none that mean anything in its user namespace.
			Credential: &syscall.Credential{
				Uid: start.UID, Gid: start.UID, NoSetGroups: syscall.Geteuid() == int(start.UID),
			},
			Setsid: true,
			PidFD:  &child.pidfd,
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

func micros(t unix.Timeval) uint64 { return uint64(t.Sec)*1e6 + uint64(t.Usec) }

// reap collects every process that ends in the box, and reports the ends that ebb
// is told of. It returns when none is left: the next one begins it again.
func reap(ctl *control) {
	for {
		var status unix.WaitStatus
		var used unix.Rusage
		pid, err := unix.Wait4(-1, &status, 0, &used)
		if err == unix.EINTR {
			continue
		}
		known.Lock()
		if err != nil {
			// One may have been made between the two calls.
			if pid, err = unix.Wait4(-1, &status, unix.WNOHANG, &used); err != nil {
				known.reaping = false
				known.Unlock()
				return
			}
		}
		for i, n := range known.numbers {
			if n.pid == pid {
				known.numbers = append(known.numbers[:i], known.numbers[i+1:]...)
				ctl.send((&initproto.Exit{Number: n.number, WaitStatus: uint32(status),
					MaxRSS: uint64(used.Maxrss) << 10, CPU: micros(used.Utime) + micros(used.Stime)}).Encode())
				break
			}
		}
		known.Unlock()
	}
}

//go:build linux

package main

import (
	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// cradle gives ebb what a process that was forked elsewhere needs to come in.
func cradle(ctl *control, c *initproto.Cradle) {
	var fds []int
	defer func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
	for _, name := range [...]string{"pid", "mnt", "net", "ipc", "uts"} {
		fd, err := unix.Open("/proc/self/ns/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			ctl.send((&initproto.Dialed{ID: c.ID, Errno: failed("", "", err).Errno}).Encode())
			return
		}
		fds = append(fds, fd)
	}
	if c.Landlock > 0 {
		ruleset, f := newRuleset(c.Landlock, c.Writable)
		if f != nil {
			ctl.send((&initproto.Dialed{ID: c.ID, Errno: f.Errno}).Encode())
			return
		}
		fds = append(fds, ruleset)
	}
	ctl.send((&initproto.Dialed{ID: c.ID}).Encode(), fds...)
}

// adopt makes a process that has come in the box's runtime, as spawn does with one
// of its own: its end is told, and no other comes after it.
func adopt(ctl *control, a *initproto.Adopt) (process, *initproto.Failed) {
	fd, err := unix.PidfdOpen(int(a.PID), 0)
	if err != nil {
		return noChild, failed("adopt", decimal(uint64(a.PID)), err)
	}
	known.Lock()
	watch(ctl, numbered{pid: int(a.PID)})
	known.Unlock()
	if f := shedCapabilities(); f != nil {
		return noChild, f
	}
	ctl.send((&initproto.Dialed{ID: a.ID}).Encode())
	return process{pid: int(a.PID), pidfd: fd}, nil
}

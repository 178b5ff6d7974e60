//go:build linux

package main

import (
	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// dial begins a connection to a port of the box and passes it on: ebb waits for
// the rest of it, so that nothing in a box can hold up ebb-init.
func dial(ctl *control, d *initproto.Dial) {
	fd, err := connect(int(d.Port))
	if err != nil {
		ctl.send((&initproto.Dialed{ID: d.ID, Errno: failed("", "", err).Errno}).Encode())
		return
	}
	ctl.send((&initproto.Dialed{ID: d.ID}).Encode(), fd)
	_ = unix.Close(fd)
}

func connect(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	err = unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if err != nil && err != unix.EINPROGRESS {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

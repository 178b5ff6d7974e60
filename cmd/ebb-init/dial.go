//go:build linux

package main

import (
	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// dial begins a connection to a port of the box and passes it on: ebb waits for
// the rest of it, so that nothing in a box can hold up ebb-init.
func dial(ctl *control, d *initproto.Dial) {
	fd, err := connect(int(d.Port), d.IPv6)
	if err != nil {
		ctl.send((&initproto.Dialed{ID: d.ID, Errno: failed("", "", err).Errno}).Encode())
		return
	}
	ctl.send((&initproto.Dialed{ID: d.ID}).Encode(), fd)
	_ = unix.Close(fd)
}

func connect(port int, ipv6 bool) (int, error) {
	family, to := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if ipv6 {
		family, to = unix.AF_INET6, &unix.SockaddrInet6{Port: port, Addr: [16]byte{15: 1}}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	err = unix.Connect(fd, to)
	if err != nil && err != unix.EINPROGRESS {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

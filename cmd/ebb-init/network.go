//go:build linux

package main

import (
	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// openNetwork brings lo up and opens the two listeners. They belong to the box's
// network namespace whoever accepts on them.
func openNetwork() (listeners []int, f *initproto.Failed) {
	if err := loopbackUp(); err != nil {
		return nil, failed("bring up", "lo", err)
	}
	for _, port := range [...]int{initproto.RuntimePort, initproto.EndpointPort} {
		fd, err := listen(port)
		if err != nil {
			return nil, failed("listen on port", decimal(uint64(port)), err)
		}
		listeners = append(listeners, fd)
	}
	return listeners, nil
}

// boundBuffers keeps what waits in a connection small: times the descriptors that
// a process may have, it is all that the box has in the kernel's memory.
func boundBuffers() *initproto.Failed {
	for _, path := range [...]string{"/proc/sys/net/ipv4/tcp_rmem", "/proc/sys/net/ipv4/tcp_wmem"} {
		fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			_, err = unix.Write(fd, []byte("4096 32768 65536"))
			_ = unix.Close(fd)
		}
		if err != nil {
			return failed("set", path, err)
		}
	}
	return nil
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

func listen(port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, err
	}
	return fd, unix.Listen(fd, 128)
}

//go:build linux

package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// controlFD is where ebb puts the control socket.
const controlFD = 3

// control is ebb-init's end of the socket to ebb.
type control struct {
	fd     int
	packet [initproto.MaxMessage]byte
}

// receive returns the next message and the descriptors beside it. The bytes are
// valid until the next call. When the socket ends the box does: it never
// returns then.
func (c *control) receive() (message []byte, fds []int) {
	var rights [128]byte
	for {
		// Not unix.Recvmsg: it brings along how every kind of address is read.
		part := unix.Iovec{Base: &c.packet[0]}
		part.SetLen(len(c.packet))
		header := unix.Msghdr{Iov: &part, Control: &rights[0]}
		header.SetIovlen(1)
		header.SetControllen(len(rights))
		n, _, errno := unix.Syscall(unix.SYS_RECVMSG, uintptr(c.fd), uintptr(unsafe.Pointer(&header)), unix.MSG_CMSG_CLOEXEC)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 || n == 0 {
			syscall.Exit(0)
		}
		return c.packet[:n], unpackRights(rights[:header.Controllen])
	}
}

// unpackRights reads the one control message that ebb sends.
func unpackRights(b []byte) (fds []int) {
	if len(b) < unix.SizeofCmsghdr {
		return nil
	}
	header := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	if header.Level != unix.SOL_SOCKET || header.Type != unix.SCM_RIGHTS {
		return nil
	}
	for at := unix.SizeofCmsghdr; at+4 <= min(len(b), int(header.Len)); at += 4 {
		fds = append(fds, int(*(*int32)(unsafe.Pointer(&b[at]))))
	}
	return fds
}

// send passes a message and descriptors on. If ebb is gone receive finds out.
func (c *control) send(message []byte, fds ...int) {
	var rights []byte
	if len(fds) > 0 {
		rights = unix.UnixRights(fds...)
	}
	for unix.Sendmsg(c.fd, message, rights, nil, unix.MSG_NOSIGNAL) == unix.EINTR {
	}
}

// failed describes a system call that did not work. It is called from everywhere,
// and the program has to stay small.
//
//go:noinline
func failed(stage, path string, err error) *initproto.Failed {
	f := &initproto.Failed{Stage: stage, Path: path}
	if errno, ok := err.(syscall.Errno); ok {
		f.Errno = uint32(errno)
	}
	return f
}

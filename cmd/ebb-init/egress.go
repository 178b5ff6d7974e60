//go:build linux

package main

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// relay makes the box's network one in which every address is its own, and opens
// the sockets to which ebb has the kernel lead what is for elsewhere.
func relay(ctl *control, m *initproto.Relay) {
	fds, err := openRelay()
	if err != nil {
		ctl.send((&initproto.Dialed{ID: m.ID, Errno: failed("", "", err).Errno}).Encode())
	} else {
		ctl.send((&initproto.Dialed{ID: m.ID}).Encode(), fds...)
	}
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

// openRelay returns the sockets for TCP, for UDP and for questions about names.
func openRelay() (fds []int, err error) {
	if err := addLocalRoutes(); err != nil {
		return nil, err
	}
	for _, open := range [...]func() (int, error){relayTCP, relayUDP, nameSocket} {
		fd, err := open()
		if err != nil {
			return fds, err
		}
		fds = append(fds, fd)
	}
	return fds, nil
}

// addLocalRoutes has the kernel take every address for one of lo's.
func addLocalRoutes() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	if err := addLocalRoute(fd, unix.AF_INET); err != nil {
		return err
	}
	if err := addLocalRoute(fd, unix.AF_INET6); err != nil && err != unix.EAFNOSUPPORT && err != unix.EOPNOTSUPP && err != unix.EACCES {
		return err // those say that there is no IPv6
	}
	return nil
}

// routeMessage is "add local default dev lo" as netlink takes it.
type routeMessage struct {
	header unix.NlMsghdr
	route  unix.RtMsg
	oif    unix.RtAttr
	index  uint32
}

func addLocalRoute(fd int, family uint8) error {
	const loopback = 1 // lo is the first device of every network
	m := routeMessage{
		header: unix.NlMsghdr{Type: unix.RTM_NEWROUTE,
			Flags: unix.NLM_F_REQUEST | unix.NLM_F_ACK | unix.NLM_F_CREATE | unix.NLM_F_REPLACE},
		route: unix.RtMsg{Family: family, Table: unix.RT_TABLE_LOCAL, Protocol: unix.RTPROT_STATIC,
			Scope: unix.RT_SCOPE_HOST, Type: unix.RTN_LOCAL},
		oif:   unix.RtAttr{Len: unix.SizeofRtAttr + 4, Type: unix.RTA_OIF},
		index: loopback,
	}
	size := int(unsafe.Sizeof(m))
	m.header.Len = uint32(size)
	if _, err := unix.Write(fd, unsafe.Slice((*byte)(unsafe.Pointer(&m)), size)); err != nil {
		return err
	}
	var answer struct {
		header unix.NlMsghdr
		errno  int32
		rest   [256]byte
	}
	n, err := unix.Read(fd, unsafe.Slice((*byte)(unsafe.Pointer(&answer)), int(unsafe.Sizeof(answer))))
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || answer.header.Type != unix.NLMSG_ERROR {
		return unix.EPROTO
	}
	if answer.errno != 0 {
		return syscall.Errno(-answer.errno)
	}
	return nil
}

// anySocket is one for IPv6 and IPv4 at once, or for IPv4 where there is no other.
func anySocket(kind int) (fd int, addr unix.Sockaddr, err error) {
	fd, err = unix.Socket(unix.AF_INET6, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		return fd, &unix.SockaddrInet6{}, unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_V6ONLY, 0)
	}
	fd, err = unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	return fd, &unix.SockaddrInet4{}, err
}

func relayTCP() (int, error) {
	fd, addr, err := anySocket(unix.SOCK_STREAM)
	if err == nil {
		err = unix.Bind(fd, addr)
	}
	if err == nil {
		err = unix.Listen(fd, 128)
	}
	return fd, err
}

// relayUDP is told of each datagram where it was for.
func relayUDP() (int, error) {
	fd, addr, err := anySocket(unix.SOCK_DGRAM)
	if err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_RECVORIGDSTADDR, 1)
	}
	if _, six := addr.(*unix.SockaddrInet6); six && err == nil {
		err = unix.SetsockoptInt(fd, unix.SOL_IPV6, unix.IPV6_RECVORIGDSTADDR, 1)
	}
	if err == nil {
		err = unix.Bind(fd, addr)
	}
	return fd, err
}

// nameSocket is where programs ask that have no resolv.conf.
func nameSocket() (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrInet4{Port: 53, Addr: [4]byte{127, 0, 0, 1}})
	}
	return fd, err
}

// flow opens a socket that speaks as a target with one of the box's clients.
func flow(ctl *control, m *initproto.Flow) {
	fd, err := openFlow(m)
	if err != nil {
		ctl.send((&initproto.Dialed{ID: m.ID, Errno: failed("", "", err).Errno}).Encode())
	} else {
		ctl.send((&initproto.Dialed{ID: m.ID}).Encode(), fd)
	}
	if fd >= 0 {
		_ = unix.Close(fd)
	}
}

func openFlow(m *initproto.Flow) (int, error) {
	family, level, freely := unix.AF_INET, unix.SOL_IP, unix.IP_FREEBIND
	if len(m.Local.IP) == 16 {
		family, level, freely = unix.AF_INET6, unix.SOL_IPV6, unix.IPV6_FREEBIND
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	err = unix.SetsockoptInt(fd, level, freely, 1)
	if err == nil { // a target may speak with several clients
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if err == nil {
		err = unix.Bind(fd, sockaddr(m.Local))
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr(m.Remote))
	}
	return fd, err
}

func sockaddr(a initproto.Address) unix.Sockaddr {
	if len(a.IP) == 16 {
		return &unix.SockaddrInet6{Port: int(a.Port), Addr: [16]byte([]byte(a.IP))}
	}
	return &unix.SockaddrInet4{Port: int(a.Port), Addr: [4]byte([]byte(a.IP))}
}

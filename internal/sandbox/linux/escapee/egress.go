//go:build linux

package main

import (
	"fmt"
	"net"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// routes tries to change the network that the box has, and to be somebody else
// in it.
func routes([]string) {
	for name, kind := range map[string]uint16{"add a route": unix.RTM_NEWROUTE, "remove a route": unix.RTM_DELROUTE,
		"add an address": unix.RTM_NEWADDR, "add a device": unix.RTM_NEWLINK, "add a rule": unix.RTM_NEWRULE, "add a neighbour": unix.RTM_NEWNEIGH} {
		attempt(name, netlink(kind))
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		attempt("socket", err)
		return
	}
	attempt("transparent", unix.SetsockoptInt(fd, unix.SOL_IP, unix.IP_TRANSPARENT, 1))
	attempt("mark", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, 1))
	program := unix.SockFprog{Len: 1, Filter: &unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K}}
	attempt("attach a filter", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program))
	attempt("attach a filter of BPF", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_EBPF, 3))
	attempt("raw", func() error { _, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_RAW); return err }())
	attempt("lookup program", call(unix.SYS_BPF, unix.BPF_LINK_CREATE, 0, 0))
	attempt("low port", unix.Bind(fd, &unix.SockaddrInet4{Port: 53, Addr: [4]byte{127, 0, 0, 2}}))
	attempt("another network", call(unix.SYS_SETNS, 3, unix.CLONE_NEWNET))
	attempt("forwarding", unwrap(os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)))
}

// netlink sends a request that only somebody with CAP_NET_ADMIN may send.
func netlink(kind uint16) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	m := struct {
		header unix.NlMsghdr
		body   [32]byte
	}{header: unix.NlMsghdr{Type: kind, Flags: unix.NLM_F_REQUEST | unix.NLM_F_ACK}}
	m.header.Len = uint32(unsafe.Sizeof(m))
	m.body[0] = unix.AF_INET
	if _, err := unix.Write(fd, unsafe.Slice((*byte)(unsafe.Pointer(&m)), int(m.header.Len))); err != nil {
		return err
	}
	var answer [512]byte
	if _, err := unix.Read(fd, answer[:]); err != nil {
		return err
	}
	if errno := *(*int32)(unsafe.Pointer(&answer[unix.SizeofNlMsghdr])); errno != 0 {
		return unix.Errno(-errno)
	}
	return nil
}

// loris opens as many connections as it can and sends a byte on each, slowly.
func loris(args []string) {
	var open []net.Conn
	for range number(args[1]) {
		c, err := net.DialTimeout("tcp", args[0], 5*time.Second)
		if err != nil {
			break
		}
		open = append(open, c)
	}
	for range 3 {
		for _, c := range open {
			_, _ = c.Write([]byte("x"))
		}
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Println("opened:", len(open))
}

// lookup asks for names.
func lookup(args []string) {
	for _, name := range args {
		_, err := net.LookupHost(name)
		attempt(name, err)
	}
}

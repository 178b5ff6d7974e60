//go:build linux

package linux

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// bpf is the system call. attr is one of its many structures.
func bpf(command int, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		r, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attr), size)
		if errno == unix.EAGAIN || errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return -1, errno
		}
		return int(r), nil
	}
}

// newMap makes a map.
func newMap(kind, keySize, valueSize, entries uint32) (*os.File, error) {
	attr := struct{ kind, key, value, entries, flags uint32 }{kind, keySize, valueSize, entries, 0}
	fd, err := bpf(unix.BPF_MAP_CREATE, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil {
		return nil, os.NewSyscallError("bpf: make a map", err)
	}
	return os.NewFile(uintptr(fd), "bpf map"), nil
}

// putSocket puts a socket into the map of sockets.
func putSocket(sockets *os.File, key uint32, socket *os.File) error {
	value := uint64(socket.Fd())
	attr := struct {
		fd         uint32
		_          uint32
		key, value uint64
		flags      uint64
	}{fd: uint32(sockets.Fd())}
	k, v := &key, &value
	attr.key, attr.value = uint64(uintptr(unsafe.Pointer(k))), uint64(uintptr(unsafe.Pointer(v)))
	_, err := bpf(unix.BPF_MAP_UPDATE_ELEM, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(k)
	runtime.KeepAlive(v)
	return os.NewSyscallError("bpf: put a socket", err)
}

// loadLookup has the kernel check a program.
func loadLookup(code []instruction) (*os.File, error) {
	license := []byte("Apache-2.0\x00") // of what it calls, nothing asks for another
	attr := struct {
		kind, count    uint32
		code, license  uint64
		level, logSize uint32
		log            uint64
		version, flags uint32
		name           [16]byte
		ifindex        uint32
		expected       uint32
	}{kind: unix.BPF_PROG_TYPE_SK_LOOKUP, count: uint32(len(code)), expected: unix.BPF_SK_LOOKUP}
	attr.code, attr.license = uint64(uintptr(unsafe.Pointer(&code[0]))), uint64(uintptr(unsafe.Pointer(&license[0])))
	copy(attr.name[:], "ebb_egress")
	fd, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil && errors.Is(err, unix.EACCES) || errors.Is(err, unix.EINVAL) {
		err = fmt.Errorf("%w: %s", err, explainLoad(unsafe.Pointer(&attr), unsafe.Sizeof(attr), &attr.level, &attr.logSize, &attr.log))
	}
	runtime.KeepAlive(code)
	runtime.KeepAlive(license)
	if err != nil {
		return nil, fmt.Errorf("bpf: load a program: %w", err)
	}
	return os.NewFile(uintptr(fd), "bpf program"), nil
}

// explainLoad asks once more, for what the kernel has against a program.
func explainLoad(attr unsafe.Pointer, size uintptr, level, logSize *uint32, log *uint64) string {
	text := make([]byte, 64<<10)
	*level, *logSize, *log = 1, uint32(len(text)), uint64(uintptr(unsafe.Pointer(&text[0])))
	if fd, err := bpf(unix.BPF_PROG_LOAD, attr, size); err == nil {
		_ = unix.Close(fd)
	}
	runtime.KeepAlive(text)
	text = text[:clen(text)]
	return string(text[max(0, len(text)-400):])
}

func clen(b []byte) int {
	for i, c := range b {
		if c == 0 {
			return i
		}
	}
	return len(b)
}

// attachLookup puts a program to work in a network, until the link is closed.
func attachLookup(program, network *os.File) (*os.File, error) {
	attr := struct{ program, target, kind, flags uint32 }{
		uint32(program.Fd()), uint32(network.Fd()), unix.BPF_SK_LOOKUP, 0}
	fd, err := bpf(unix.BPF_LINK_CREATE, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	if err != nil {
		return nil, os.NewSyscallError("bpf: attach a program", err)
	}
	return os.NewFile(uintptr(fd), "bpf link"), nil
}

// swapLookup replaces the program of a link, without a moment between.
func swapLookup(link, program *os.File) error {
	attr := struct{ link, program, flags, old uint32 }{uint32(link.Fd()), uint32(program.Fd()), 0, 0}
	_, err := bpf(unix.BPF_LINK_UPDATE, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return os.NewSyscallError("bpf: replace a program", err)
}

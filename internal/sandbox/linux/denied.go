//go:build linux

package linux

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// ringSize is the room for reports that were not read yet; those beyond are lost.
const ringSize = 64 << 10

// reports is the ring in which the programs of all boxes report what they
// refused.
type reports struct {
	ring     *os.File
	consumed []byte // one page: how far we have read
	produced []byte // one page: how far the kernel has written, then the ring twice
	ended    chan struct{}
}

// openReports makes the ring and reads it until close. refused is called for
// each report.
func openReports(refused func(box uint64, protocol string, to netip.AddrPort)) (*reports, error) {
	ring, err := newMap(unix.BPF_MAP_TYPE_RINGBUF, 0, 0, ringSize)
	if err != nil {
		return nil, err
	}
	defer func() { _ = ring.Close() }()
	r := &reports{ended: make(chan struct{})}
	page := os.Getpagesize()
	fd := int(ring.Fd())
	if r.consumed, err = unix.Mmap(fd, 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("ring of reports: %w", err)
	}
	if r.produced, err = unix.Mmap(fd, int64(page), page+2*ringSize, unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, errors.Join(fmt.Errorf("ring of reports: %w", err), unix.Munmap(r.consumed))
	}
	// A second descriptor that Go's poller may have: it wants one that does not block.
	again, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err == nil {
		err = unix.SetNonblock(again, true)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Munmap(r.consumed), unix.Munmap(r.produced))
	}
	r.ring = os.NewFile(uintptr(again), "ring of reports")
	raw, err := r.ring.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	go func() {
		defer close(r.ended)
		_ = raw.Read(func(uintptr) bool { // ends when the file is closed
			r.drain(page, refused)
			return false
		})
	}()
	return r, nil
}

// drain reads what is there.
func (r *reports) drain(page int, refused func(uint64, string, netip.AddrPort)) {
	const header, busy, discarded = 8, 1 << 31, 1 << 30
	read := (*uint64)(unsafe.Pointer(&r.consumed[0]))
	written := (*uint64)(unsafe.Pointer(&r.produced[0]))
	ring := r.produced[page:]
	at := atomic.LoadUint64(read)
	for at < atomic.LoadUint64(written) {
		from := int(at % ringSize)
		length := atomic.LoadUint32((*uint32)(unsafe.Pointer(&ring[from])))
		if length&busy != 0 {
			return // it is being written; there will be word of it
		}
		size := int(length &^ (busy | discarded))
		if body := ring[from+header : from+header+size]; length&discarded == 0 && size == reportSize {
			refused(readReport(body))
		}
		at += uint64(header+size+7) &^ 7
		atomic.StoreUint64(read, at)
	}
}

func readReport(b []byte) (box uint64, protocol string, to netip.AddrPort) {
	word := func(at int) uint32 { return binary.NativeEndian.Uint32(b[at-reportBox:]) }
	protocol = ebb.ProtocolTCP
	if word(reportProtocol) == unix.IPPROTO_UDP {
		protocol = ebb.ProtocolUDP
	}
	address := b[reportAddress-reportBox:]
	addr := netip.AddrFrom4([4]byte(address[:4]))
	if word(reportFamily) == unix.AF_INET6 {
		addr = netip.AddrFrom16([16]byte(address[:16]))
	}
	return binary.NativeEndian.Uint64(b), protocol, netip.AddrPortFrom(addr, uint16(word(reportPort)))
}

func (r *reports) close() error {
	err := r.ring.Close()
	select {
	case <-r.ended:
	default:
		<-r.ended
	}
	return errors.Join(err, unix.Munmap(r.consumed), unix.Munmap(r.produced))
}

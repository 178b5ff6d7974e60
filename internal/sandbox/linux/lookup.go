//go:build linux

package linux

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
)

// A socket-lookup program decides, in the network of one box, which socket gets a
// connection or a datagram: that of the relay for what the rules allow, none for
// what they do not (the sender is refused at once), and for the box's own
// addresses whatever would get it anyway. The program is made for the rules: a
// straight run of comparisons, with a report of each refusal.

// The registers of the program.
const (
	rResult = iota // also scratch
	r1
	r2
	r3
	r4
	_
	rContext  // 6
	rProtocol // 7; later the socket
	rPort     // 8
	rAddress  // 9, IPv4 in the host's order
	rFrame    // 10, the end of the stack
)

// Fields of struct bpf_sk_lookup.
const (
	ctxFamily    = 8
	ctxProtocol  = 12
	ctxLocalIP4  = 40
	ctxLocalIP6  = 44
	ctxLocalPort = 60
)

// Functions of the kernel that it calls.
const (
	fnMapLookup  = 1
	fnRelease    = 86
	fnAssign     = 124
	fnRingOutput = 130
)

// Keys of the map of sockets.
const (
	keyTCP = 0
	keyUDP = 1
)

// instruction is one of BPF's, as the kernel takes it.
type instruction struct {
	code byte
	regs byte // source and destination
	off  int16
	imm  int32
}

// Where jumps lead that leave a comparison.
const (
	toAssign = 1000 + iota
	toPass
	toDeny
	toV6
)

// assembly collects instructions; jumps to labels are filled in at the end.
type assembly struct {
	code   []instruction
	jumps  map[int]int // index of the jump → label
	labels map[int]int // label → index
	next   int         // labels of single rules
}

func (a *assembly) add(code byte, dst, src int, off int16, imm int32) {
	a.code = append(a.code, instruction{code, byte(src<<4 | dst), off, imm})
}

// jump goes to a label if the comparison holds; the low 32 bits are compared.
func (a *assembly) jump(op byte, dst int, imm uint32, label int) {
	a.jumps[len(a.code)] = label
	a.add(unix.BPF_JMP32|unix.BPF_K|op, dst, 0, 0, int32(imm))
}

func (a *assembly) goTo(label int) {
	a.jumps[len(a.code)] = label
	a.add(unix.BPF_JMP|unix.BPF_JA, 0, 0, 0, 0)
}

func (a *assembly) label(l int) { a.labels[l] = len(a.code) }

func (a *assembly) set(dst int, imm int32) {
	a.add(unix.BPF_ALU64|unix.BPF_MOV|unix.BPF_K, dst, 0, 0, imm)
}

func (a *assembly) copy(dst, src int) { a.add(unix.BPF_ALU64|unix.BPF_MOV|unix.BPF_X, dst, src, 0, 0) }

func (a *assembly) call(fn int32) { a.add(unix.BPF_JMP|unix.BPF_CALL, 0, 0, 0, fn) }

func (a *assembly) exit() { a.add(unix.BPF_JMP|unix.BPF_EXIT, 0, 0, 0, 0) }

func (a *assembly) load(dst int, off int16) {
	a.add(unix.BPF_LDX|unix.BPF_MEM|unix.BPF_W, dst, rContext, off, 0)
}

// stack stores the low 32 bits of a register.
func (a *assembly) stack(off int16, src int) {
	a.add(unix.BPF_STX|unix.BPF_MEM|unix.BPF_W, rFrame, src, off, 0)
}

// wide sets 64 bits: a number, or with source 1 the map of that descriptor.
func (a *assembly) wide(dst, source int, v uint64) {
	a.add(unix.BPF_LD|unix.BPF_IMM|bpfDW, dst, source, 0, int32(uint32(v)))
	a.add(0, 0, 0, 0, int32(uint32(v>>32)))
}

// What the socket filters' header lacks.
const (
	bpfDW     = 0x18
	bpfEnd    = 0xd0
	bpfToBE   = 0x08
	jumpNotEq = 0x50
	jumpLess  = 0xa0
	pseudoMap = 1
)

// finish fills in the jumps.
func (a *assembly) finish() ([]instruction, error) {
	for at, label := range a.jumps {
		to, ok := a.labels[label]
		if distance := to - at - 1; !ok || distance > 1<<15-1 {
			return nil, errors.New("the rules make too long a program")
		} else {
			a.code[at].off = int16(distance)
		}
	}
	return a.code, nil
}

// Sizes and places of a report of a refusal: the box's number, protocol, port,
// family, address.
const (
	reportSize     = 40
	reportBox      = -40
	reportProtocol = -32
	reportPort     = -28
	reportFamily   = -24
	reportAddress  = -20
	socketKey      = -44
)

// assemble makes the program for a box's rules. sockets and ring are
// descriptors of maps; box stands in reports.
func assemble(rules []ebb.EgressRule, sockets, ring int, box uint64) ([]instruction, error) {
	a := &assembly{jumps: make(map[int]int), labels: make(map[int]int)}
	a.copy(rContext, r1)
	a.load(rProtocol, ctxProtocol)
	a.load(rPort, ctxLocalPort)
	a.load(rResult, ctxFamily)
	a.jump(unix.BPF_JEQ, rResult, unix.AF_INET6, toV6)
	a.load(rAddress, ctxLocalIP4)
	a.add(unix.BPF_ALU|bpfEnd|bpfToBE, rAddress, 0, 0, 32)
	a.rules(rules, true)
	a.copy(rResult, rAddress)
	a.add(unix.BPF_ALU|unix.BPF_RSH|unix.BPF_K, rResult, 0, 0, 24)
	a.jump(unix.BPF_JEQ, rResult, 127, toPass)
	a.goTo(toDeny)
	a.label(toV6)
	a.rules(rules, false)
	for i, word := range words(netip.IPv6Loopback()) {
		a.load(rResult, ctxLocalIP6+int16(4*i))
		a.jump(jumpNotEq, rResult, word, toDeny)
	}
	a.label(toPass)
	a.set(rResult, 1)
	a.exit()
	if a.next > 0 { // nothing may stand there that cannot be reached
		a.assign(sockets)
	}
	a.deny(ring, box)
	return a.finish()
}

// rules compares with each rule of one family. Names have their stand-ins.
func (a *assembly) rules(rules []ebb.EgressRule, four bool) {
	for _, r := range rules {
		block := r.Prefix
		if r.Host != "" {
			block = egress.StandIns()
		}
		if block.Addr().Is4() != four || block.Addr().IsLoopback() && !r.Exact() {
			continue // of its own loopback a box keeps all that is not named
		}
		next := a.next
		a.next++
		a.jump(jumpNotEq, rProtocol, protocolNumber(r.Protocol), next)
		a.jump(jumpLess, rPort, uint32(r.From), next)
		a.jump(unix.BPF_JGT, rPort, uint32(r.To), next)
		if four {
			mask := ^uint32(0) << (32 - block.Bits())
			if block.Bits() == 0 {
				mask = 0
			}
			a4 := block.Addr().As4()
			a.copy(rResult, rAddress)
			a.add(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, rResult, 0, 0, int32(mask))
			a.jump(jumpNotEq, rResult, binary.BigEndian.Uint32(a4[:]), next)
			if block.Bits() < 8 { // the block holds the loopback, which stays the box's
				a.copy(rResult, rAddress)
				a.add(unix.BPF_ALU|unix.BPF_RSH|unix.BPF_K, rResult, 0, 0, 24)
				a.jump(unix.BPF_JEQ, rResult, 127, next)
			}
		} else {
			a.compareV6(block, next)
		}
		a.goTo(toAssign)
		a.label(next)
	}
}

// compareV6 goes on to next unless the address is in the block. A block that
// holds the loopback address without naming it does not match that.
func (a *assembly) compareV6(block netip.Prefix, next int) {
	want := words(block.Addr())
	for i := range want {
		bits := min(32, max(0, block.Bits()-32*i))
		if bits == 0 {
			break
		}
		var mask [4]byte
		binary.BigEndian.PutUint32(mask[:], ^uint32(0)<<(32-bits))
		a.load(rResult, ctxLocalIP6+int16(4*i))
		a.add(unix.BPF_ALU|unix.BPF_AND|unix.BPF_K, rResult, 0, 0, int32(binary.NativeEndian.Uint32(mask[:])))
		a.jump(jumpNotEq, rResult, want[i], next)
	}
	if !block.Contains(netip.IPv6Loopback()) || block.IsSingleIP() {
		return
	}
	other := a.next
	a.next++
	for i, word := range words(netip.IPv6Loopback()) {
		a.load(rResult, ctxLocalIP6+int16(4*i))
		a.jump(jumpNotEq, rResult, word, other)
	}
	a.goTo(next)
	a.label(other)
}

// words are an IPv6 address as the kernel shows it: four numbers in the
// network's order.
func words(addr netip.Addr) (w [4]uint32) {
	b := addr.As16()
	for i := range w {
		w[i] = binary.NativeEndian.Uint32(b[4*i:])
	}
	return w
}

func protocolNumber(name string) uint32 {
	if name == ebb.ProtocolUDP {
		return unix.IPPROTO_UDP
	}
	return unix.IPPROTO_TCP
}

// assign gives the connection to the relay's socket of its protocol.
func (a *assembly) assign(sockets int) {
	a.label(toAssign)
	key := a.next
	a.next++
	a.set(rResult, keyTCP)
	a.jump(unix.BPF_JEQ, rProtocol, unix.IPPROTO_TCP, key)
	a.set(rResult, keyUDP)
	a.label(key)
	a.stack(socketKey, rResult)
	a.wide(r1, pseudoMap, uint64(sockets))
	a.copy(r2, rFrame)
	a.add(unix.BPF_ALU64|unix.BPF_ADD|unix.BPF_K, r2, 0, 0, socketKey)
	a.call(fnMapLookup)
	found := a.next
	a.next++
	a.jumps[len(a.code)] = found
	a.add(unix.BPF_JMP|unix.BPF_K|jumpNotEq, rResult, 0, 0, 0)
	a.set(rResult, 0) // no such socket: refused
	a.exit()
	a.label(found)
	a.copy(rProtocol, rResult)
	a.copy(r1, rContext)
	a.copy(r2, rResult)
	a.set(r3, 0)
	a.call(fnAssign)
	a.copy(rPort, rResult)
	a.copy(r1, rProtocol)
	a.call(fnRelease)
	a.set(rResult, 0)
	refused := a.next
	a.next++
	a.jump(jumpNotEq, rPort, 0, refused)
	a.set(rResult, 1)
	a.label(refused)
	a.exit()
}

// deny reports and refuses.
func (a *assembly) deny(ring int, box uint64) {
	a.label(toDeny)
	a.wide(r1, 0, box)
	a.add(unix.BPF_STX|unix.BPF_MEM|bpfDW, rFrame, r1, reportBox, 0)
	a.stack(reportProtocol, rProtocol)
	a.stack(reportPort, rPort)
	a.load(rResult, ctxFamily)
	a.stack(reportFamily, rResult)
	four, send := a.next, a.next+1
	a.next += 2
	a.jump(unix.BPF_JEQ, rResult, unix.AF_INET, four)
	for i := range int16(4) {
		a.load(r1, ctxLocalIP6+4*i)
		a.stack(reportAddress+4*i, r1)
	}
	a.goTo(send)
	a.label(four)
	a.load(r1, ctxLocalIP4)
	a.stack(reportAddress, r1)
	a.set(r1, 0)
	for i := range int16(3) {
		a.stack(reportAddress+4+4*i, r1)
	}
	a.label(send)
	a.set(r1, 0)
	a.stack(-4, r1) // what the report has at its end
	a.wide(r1, pseudoMap, uint64(ring))
	a.copy(r2, rFrame)
	a.add(unix.BPF_ALU64|unix.BPF_ADD|unix.BPF_K, r2, 0, 0, reportBox)
	a.set(r3, reportSize)
	a.set(r4, 0)
	a.call(fnRingOutput)
	a.set(rResult, 0)
	a.exit()
}

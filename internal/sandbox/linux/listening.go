//go:build linux

package linux

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"slices"
	"strconv"
)

// mostListening is how many addresses are told.
const mostListening = 8

// Listening reads what the kernel says of the box's network. ebb-init's own sockets are
// those of root.
func (b *box) Listening() (list []netip.AddrPort) {
	for _, name := range []string{"net/tcp", "net/tcp6"} {
		text, err := os.ReadFile(proc(b.init.Pid, name))
		if err != nil { // it has ended
			continue
		}
		for line := range bytes.Lines(text) {
			const address, state, uid = 1, 3, 7 // columns
			f := bytes.Fields(line)
			if len(f) <= uid || string(f[state]) != "0A" || string(f[uid]) == "0" {
				continue
			}
			if at, ok := procAddress(string(f[address])); ok && !slices.Contains(list, at) && len(list) < mostListening {
				list = append(list, at)
			}
		}
	}
	return list
}

// procAddress reads "0100007F:1F90": words of the machine's order, and a port.
func procAddress(text string) (at netip.AddrPort, ok bool) {
	words, port, _ := bytes.Cut([]byte(text), []byte(":"))
	raw := make([]byte, hex.DecodedLen(len(words)))
	if _, err := hex.Decode(raw, words); err != nil || len(raw)%4 != 0 {
		return at, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	number, err := strconv.ParseUint(string(port), 16, 16)
	addr, ok := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr, uint16(number)), ok && err == nil
}

//go:build !linux

package egress

import "net/netip"

// origin is told by Linux only.
func origin([]byte) (netip.AddrPort, bool) { return netip.AddrPort{}, false }

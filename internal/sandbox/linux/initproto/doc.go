// Package initproto is what ebb and ebb-init, PID 1 of a box, say to each other.
//
// They talk over a SOCK_SEQPACKET socket pair: one packet is one message, whose
// first byte is its Kind; file descriptors travel beside it as SCM_RIGHTS. Both
// ends are built from the same commit, so there is no versioning.
//
// The walk: ebb starts ebb-init, joins it to the box's cgroups, sends Setup and
// gets Ready (or Failed); later it sends Start, maybe Signal, and gets Exit or
// Failed. The end of the socket ends the box.
//
// Invariants:
//
//  1. The package imports nothing heavy: it is linked into ebb-init, which must
//     stay small.
//  2. Decoding never panics and never reads beyond the packet: a message that
//     is too short is refused whole.
//
// It holds no state, so a crash has nothing to lose.
package initproto

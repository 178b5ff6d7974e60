// Package egress carries connections out of boxes, to targets that an allow list
// names.
//
// A box has no way out of its own. Where it may connect somewhere, the driver
// hands the package sockets inside the box's network; what arrives there is
// carried on by ebb, which dials the target from the host. The box never sees
// the host's network, and ebb never sends what the box wrote as a packet.
//
// It owns the decision about a connection (Policy, Guard), names and their
// addresses, the open connections of every box and what they carried. It is the
// authority on what was connected to what.
//
// The walk enters at Network.Open with a box's sockets and at Relay.SetPolicy. A
// name is asked of the box's 127.0.0.1:53, which answers with an address that
// means this name in this box and nothing anywhere else. A connection to that
// address, or to one of a rule, is accepted, the target found, dialled, and bytes
// go both ways until both sides have ended. It leaves by the host's sockets, by
// the log func and by Usage.
//
// Invariants:
//
//  1. What is dialled is an address, checked after it was resolved and by the
//     rules in force at that moment. What the box believes a name's address to
//     be plays no part.
//  2. ebb's own API cannot be reached. The host's loopback, ebb's gateway,
//     link-local addresses and those of cloud metadata can be by a rule that names
//     exactly one address and port of them; no block and no name leads there.
//  3. SetPolicy ends every connection that the new policy would not allow, and
//     returns after that.
//  4. A box has at most so many connections, flows and questions at once; what
//     is beyond is refused, not queued.
//  5. Nothing of a box's own choosing is asked of a name server: only names that
//     a rule matches.
//
// Nothing is kept: when ebb dies all connections end with it.
package egress

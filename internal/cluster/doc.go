// Package cluster knows the nodes that share a database, and what of them has
// the right to what.
//
// It owns the node's own row, its heartbeat, and the leases it holds. The rows
// are authoritative; what is in memory is a copy that is believed no longer than
// the lease was given for, by this node's own clock, counted from before the
// database was asked. The database's clock decides when a lease has expired, so
// that the nodes' clocks need not agree.
//
// Invariants:
//
//  1. At most one node believes that it holds a lease at any time, as long as no
//     node's clock runs at another speed.
//  2. Where that is not enough, because a process may stand still between asking
//     and writing, the write is conditional: store.Tx.HoldLease in the same Tx
//     fails as soon as somebody else was given the lease. An epoch is never given
//     out twice.
//  3. A node that was killed is lost after Config.Lost, and its leases are free
//     then; one that stops gives them back at once.
//  4. A lease that nobody asks for any more is given back.
//  5. With SQLite, which one process has for itself, nothing is written for the
//     node's sake.
//
// What follows for functions: no node routes to another yet, so every node runs
// whatever it is asked for, and limits (instances, reserved concurrency) hold
// for each node. The lease of a function is there for what must happen on one
// node only.
//
// Walks do not pass here. Server joins before it serves, runs the heartbeat on
// the ground, and asks for a lease before it does what one node does for all.
package cluster

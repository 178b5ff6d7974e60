// Package pool owns instances: it lends one that is warm, or starts one.
//
// An instance is a box (package sandbox), a runtime process in it and the
// conversation with that process (package runtimeapi). Its life is Create the
// box, Start the process, first poll = ready, invocations, as many at a time as
// the version allows (its places), idle, Destroy. The pool is authoritative on
// how many instances there are and what each is doing; nothing about them is
// stored, because none survives ebb.
//
// Invariants:
//
//  1. For a version, the places of instances starting, but for one instance,
//     never outnumber requests waiting: a burst of N on a cold version starts at
//     most N, divided by the places of an instance.
//
//  2. Capacity (per function and per node) is reserved before a start and given
//     back only after the box is destroyed.
//
//  3. An instance never serves two versions or two tenants, and never has more invocations in
//     flight than its version allows; by default that is one.
//
//  4. Waiting requests of a version are served in order; instances that work are
//     filled before idle ones are used, and both are used last in, first out, so
//     that the tail can expire.
//
//  5. An instance whose conversation broke, or whose process has ended, is
//     destroyed, never lent again. One with work in flight is never taken away.
//
//  6. A request that cannot be served waits in a bounded queue until its
//     patience ends, then gets TooManyRequestsException with the reason.
//
//  7. A spare (an instance made ahead) belongs to nobody, runs nothing of a
//     user's, and becomes an instance of one version at most once.
//
// A crash of ebb ends every box (package sandbox); the next start begins with
// no instances. Walk A enters at Acquire and leaves at Lease.Release.
package pool

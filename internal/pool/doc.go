// Package pool owns instances: it lends one that is warm, or starts one.
//
// An instance is a box (package sandbox), a runtime process in it and the
// conversation with that process (package runtimeapi). Its life is Create the
// box, Start the process, first poll and initializer = ready, invocations, as
// many at a time as the version allows (its places), idle, frozen after a while
// and thawed when it is lent, the pre-stop hook, Destroy. The pool is
// authoritative on how many instances there are and what each is doing; nothing
// about them is stored, because none survives ebb. What is to be kept ready
// (Provision) and reserved (Reserve) it is told anew after each start.
//
// One file has one decision: capacity.go who may start, pace.go how many compute
// at once, keep.go who is there before anybody asks, habit.go how long an idle
// one stays, freeze.go when it stands still, pressure.go who leaves and who waits
// when memory is short, spare.go what is made ahead, zygote.go what the others are
// copied from, compile.go whose code is compiled.
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
//     Kept ones are used before others, for the same reason.
//
//  5. An instance whose conversation broke, or whose process has ended, is
//     destroyed, never lent again. One with work in flight is never taken away,
//     neither is a kept one for the sake of another.
//
//  6. A request that cannot be served waits in a bounded queue until its
//     patience ends, then gets TooManyRequestsException with the reason.
//
//  7. A spare (an instance made ahead) belongs to nobody, runs nothing of a
//     user's, and becomes an instance of one version at most once. None is made
//     beside a start that a request waits for, unless such starts go on and on.
//
//  8. Nothing that waits happens under the pool's lock: freezing, thawing, hooks
//     and reading a box's files come before or after. Who lends a frozen instance
//     thaws it; an instance in its pre-freeze hook cannot be lent.
//
//  9. A function that has reserved capacity finds it; the others share the rest.
//
//  10. An initialisation that ran out of time is made again at most once, for one
//     request, which no longer waits in line.
//
//  11. An instance has the environment that Deps.Environment gave when it started,
//     secrets resolved in it. After Recycle no request that comes later gets an
//     instance from before it; the values are nowhere but in that instance.
//
//  12. A zygote is one service's and one runtime's, runs nothing of a user's and knows
//     nothing of the service. Without one, or when it fails, a process is started.
//
//  13. Nothing starts while the node is short of memory, unless it has no instance at
//     all: what waits does so within its patience.
//
// A crash of ebb ends every box (package sandbox); the next start begins with
// no instances. Walk A enters at Acquire and leaves at Lease.Release.
package pool

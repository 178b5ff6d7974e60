// Package timer is the trigger kind that fires by the clock.
//
// A timer that is not paused has exactly one message in the queue of timers: its
// next fire, not before it is due. Handling that message writes, in one Tx, the
// fire (a row for each trigger and due time), the delivery to the target, and what
// the message is from now on: the fire after it. So there is no clock to keep, no
// leader, and any number of processes may work on one database.
//
// Invariants:
//
//  1. Each (trigger, due time) is fired at most once: it is a row, written with
//     the delivery. It is fired at least once or recorded as not fired with the
//     reason, as long as the trigger is there, not paused and not changed.
//
//  2. A clock that is put back fires nothing again; what is due waits until it is
//     due anew. A clock that is put forward makes what was jumped over late, which
//     the misfire policy decides on.
//
//  3. A change of a trigger takes its message away in the Tx that puts another in
//     its place, if any. One of an earlier revision does nothing.
//
// A crash at any moment leaves the message in the queue or all that comes of it.
package timer

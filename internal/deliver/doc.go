// Package deliver gets events to their targets: asynchronous invocations, and
// the records of what became of them.
//
// An asynchronous invocation (a task) is a message of the queue named Async, from
// Accept, which commits it before the caller hears 202, until it is removed: the
// message is authoritative about the task, and its body holds the payload, the
// attempts so far and, at the end, the result. A delivery to a destination that
// is no function is a message of the queue named Destinations, enqueued in the
// Tx that ends the task. Payloads too large for a row lie in the artifact store
// and the message names them (a claim check).
//
// What package function says of a function's event configuration is
// authoritative; the copy here is dropped by Forget.
//
// Invariants:
//
//  1. An accepted event ends as succeeded, failed (a dead letter) or stopped,
//     exactly once, whatever crashes; its function may run more than once.
//  2. What a task came to and the deliveries that follow from it are one Tx.
//  3. After a function error it is tried again as often as its configuration
//     says; after throttles and faults of the platform until it is too old.
//  4. A destination that fails is tried again until Config.DestinationAge, then
//     the delivery is a dead letter, counted and logged.
//  5. A claim-checked payload is stored before the message that names it and
//     kept while one does.
//  6. That a delivery was given up is told of (Deps.Alarm) in the Tx that ends it,
//     unless the delivery itself tells of a failure.
//  7. Of a service no more events are accepted than may wait (quota.go), as counted
//     at most some seconds ago. What triggers send waits with them and is not refused.
//  8. An id chosen by the caller is accepted once per service while its task is
//     remembered.
//
// A crash during an attempt has it made again when the lease ends. A crash
// between storing a payload and enqueuing leaves a payload that nobody names; it
// is collected.
//
// Walk A's asynchronous side enters at Accept and comes back from the queue
// through the one door, invoke; it leaves at a destination.
package deliver

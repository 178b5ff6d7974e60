// Package workflow keeps state machines and runs their executions. What happens
// next in one is package asl's decision; this package makes decisions durable
// and carries them out.
//
// The rows of an execution's events (store, execution_event) are authoritative:
// each is a JSON array of facts, an event from outside and the environment in
// which it was decided on. Folding them with asl gives the execution's state and
// its history; snapshots, the state in memory (live) and what an execution's own
// row says of its status are copies. Definitions are revisions, which never
// change; an execution stays with the one it started with.
//
// A step is: take in what arrived, fold (mostly: remember), decide, then one
// transaction that appends the facts under the next sequence (the
// compare-and-set), enqueues what is to be done, and changes the rows that follow
// from it. Arrivals of one execution that come while a step is being committed
// are decided on together, in the next one. There is no leader: whoever has a
// message of the queue, or a request, advances the execution, and who loses the
// compare-and-set reads again.
//
// Express executions run in memory (flight); those that were started
// asynchronously stay in the queue until they have ended. A map run is run by
// whoever has its message, and what became of its children is in the store.
//
// Invariants:
//
//  1. A decision is in the store before anything of it is carried out, and what
//     is to be carried out is in the queue from the same transaction.
//  2. An event about an op that nobody waits for is not stored, so a message that
//     comes twice changes an execution once. A resource may be called twice when
//     a process dies during the call; its task is scheduled once.
//  3. A name is used once by a state machine's executions for as long as they are
//     kept, and starting again with the same name and input is the same execution.
//  4. Nested executions and children of map runs have names that follow from who
//     started them, so that starting again finds them.
//  5. What waits takes no memory beyond Config.CacheMB.
//  6. A payload that lies elsewhere (artifact store) is there before the row that
//     names it, and stays while the execution does.
//  7. A token is compared whole with the one that was given out.
//
// A crash loses calls in flight, which are made again when their messages come
// again, and Express executions, of which the synchronous are lost and the
// asynchronous run from their start.
//
// Walk C enters at Start, at the handlers, and at SendSuccess and its like, and
// leaves at invoke, the one door.
package workflow

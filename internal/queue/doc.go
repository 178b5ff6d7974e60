// Package queue is the durable queue: whoever changes the database enqueues a
// message in the same Tx, and some process runs the queue's handler on it at
// least once.
//
// The row in the store is authoritative, and what became of a message is one of
// its states: live, done, dead or stopped. What a Queue keeps in memory is which
// messages this process has leased, and hints when others are due.
//
// A message is leased to one holder at a time, under an epoch that every lease
// counts up. The lease ends by itself after Config.Visibility and is renewed for
// as long as the holder lives. Messages are claimed in batches; one that is due
// when it is enqueued, and finds a free place in this process, is leased to it in
// the very row that is inserted.
//
// Fairness: messages stand in lanes (one for each service; with Options.PerGroup
// one for each group of a service), services take turns, and the lanes of a
// service do. A lane that runs x handlers, of a service that runs y, of a queue
// that runs z of limit, may start another while x < limit-z-y: a lane alone
// gets a third of the places, and the next one finds free places at once however
// long the first one's handlers take.
//
// In a process that is alone, messages of a queue with Options.Together are leased
// in the Tx of their outcome: what a crash leaves of them is as it was before, and
// counts as no crash.
//
// A queue may go first (Options.Rank): while messages of it are due, those that
// yield begin no handler, for up to Config.Hold in a row.
//
// Invariants:
//
//  1. A message that Enqueue wrote in a committed Tx ends as done, dead or
//     stopped, exactly once; its handler may run more than once.
//  2. What a holder writes (its outcome, with the Tx fn of that) is conditional on
//     the lease's epoch. A stale holder changes nothing and its fn is not run.
//  3. A message is not handled before NotBefore.
//  4. A message whose holder crashed twice is a suspect: few of those run at once,
//     and one that crashed its holder again runs alone among them, so that it takes
//     no innocent with it. After Config.MaxCrashes it is a dead letter.
//  5. Waiting costs nothing: there is a timer for the earliest due message, and
//     a look at the lanes every Config.Rescan for what other processes wrote. Those
//     tell of what they did not take themselves (store.Hint), behind their commits;
//     nothing rests on it.
//  6. A disk that is full or gone stops claiming; outcomes are kept and written
//     when it is back, while their leases hold.
//
// A crash of the process leaves its leases to run out, after which others claim
// them; a process that knows it is alone (Config.Exclusive) ends them when it
// starts. A handler's outcome that was not committed did not happen.
//
// The asynchronous side of walk A, and walk C, enter at Enqueue and leave from
// Run into the handlers that New was given.
package queue

// Package trigger owns event sources: which there are, what they have done, and
// that those that must run do.
//
// A trigger has a kind; its package (timer, and its siblings) checks the kind's
// own settings and yields events. What happens to an event then (filters,
// retries, destinations) is package deliver's and the same for all kinds.
//
// What is the same for all kinds is here: which events the filters ask for
// (Filter), what a target gets in place of an event (Input), and what became of
// events (Count).
//
// The database is authoritative: a trigger is one row with a revision, beside a
// row of what it has done. Change of either is compare-and-set. Counts are rows
// too, written once a second from what was counted in memory.
//
// Invariants:
//
//  1. Whatever must be true with a trigger's change (a timer's next fire) is
//     written in the Tx of the change.
//
//  2. A source runs, on this node, for every trigger of a kind that has sources
//     and is not paused; it is ended before the same trigger's next revision
//     begins.
//
//  3. A source that fails is begun again with a growing delay, for ever, and its
//     error stands in the trigger's state until it works.
//
//  4. A paused trigger takes nothing from its source: what comes meanwhile is
//     there when it is resumed, as far as the source keeps it.
//
//  5. That a source went down, and that it works again, is an event on the bus of
//     its service.
//
// A crash loses no event: positions and fires are committed with what they
// became. It may lose the counts of its last second. Walk B enters at a source's Run and leaves at deliver; management
// enters at Create, Update, Pause, Resume, Delete.
package trigger

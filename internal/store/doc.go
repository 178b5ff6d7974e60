// Package store is the database: all SQL of the platform, in one file per noun.
//
// What is in the database is authoritative; everything else that knows of
// functions, versions or URLs is a copy that can be dropped. Packages, logs and
// payloads live elsewhere.
//
// There is one writer: a goroutine with the only connection that writes. Callers
// hand it fns; it runs those that wait together in one transaction, each in its
// own savepoint, and answers them all after the one COMMIT that made them
// durable. A lone caller never waits for company. Readers have connections of
// their own and see what is committed.
//
// Invariants:
//
//  1. When Tx returned nil the change is on the disk (WAL, synchronous=FULL).
//  2. A fn's error, or panic, undoes that fn alone and reaches its caller alone.
//     Nobody is answered before the group's commit, because even an error may
//     rest on what a neighbour wrote.
//  3. After ErrOutcomeUnknown the change may or may not be there, now or a
//     moment later. No other error leaves anything behind.
//  4. A lost transaction (full disk, I/O) costs its group only: the next call
//     begins anew, on a new connection unless the disk was merely full.
//  5. No statement runs in a transaction after one that lost it.
//  6. A file that is damaged, foreign or of a later schema is never written to.
//  7. SQL reads no clock and decides nothing beyond compare-and-set.
//  8. Migrations first expand and contract a release later, so that the previous
//     binary's queries still work on the new schema.
//
// A crash at any moment leaves what was committed: SQLite replays its log at the
// next Open. A crash during Snapshot can leave a partial copy at the path given.
//
// Walk D (a deploy) enters at Tx from function and leaves when the commit is
// durable; walk A (an invocation) enters at Read when a cache above is empty.
// Invocations themselves write no row.
//
// A second engine brings a dialect, a folder under migrations/ and its own way
// to run a Tx (its own transaction, with retry); noun files and callers stay.
// Package storetest is the suite that both must pass.
package store

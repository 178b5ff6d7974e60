// Package store is the database: all SQL of the platform, in one file per noun.
//
// What is in the database is authoritative; everything else that knows of
// functions, versions or URLs is a copy that can be dropped. Packages, logs and
// payloads live elsewhere.
//
// There are two engines behind the same methods. SQLite, a file that one process
// has for itself: one writer, a goroutine with the only connection that writes,
// to whom callers hand fns; it runs those that wait together in one transaction
// and answers them all after the one COMMIT that made them durable. When one
// fails after it has written, all of them run anew, each in its own savepoint. A
// lone caller never waits for company. PostgreSQL, a server that
// several processes share: each fn has a SERIALIZABLE transaction of its own,
// run again when another was in its way or when its connection died before the
// COMMIT was sent. Readers have connections of their own and see what is
// committed, as of one moment.
//
// Invariants:
//
//  1. When Tx returned nil the change is on the disk (SQLite: WAL,
//     synchronous=FULL; PostgreSQL: fsync and synchronous_commit are on).
//  2. Fns behave as if they ran one after the other. A fn's error, or panic,
//     undoes that fn alone and reaches its caller alone. With SQLite nobody is
//     answered before the group's commit, because even an error may rest on what
//     a neighbour wrote.
//  3. After ErrOutcomeUnknown the change may or may not be there, now or a
//     moment later. No other error leaves anything behind.
//  4. A lost transaction (full disk, I/O, network) costs its group only: the
//     next call begins anew, on a new connection unless the disk was merely full.
//  5. No statement runs in a transaction after one that lost it or failed.
//  6. A database that is damaged, foreign or of a later schema that took
//     something away is never written to.
//  7. SQL reads no clock, but for Tx.Now where several nodes share one, and
//     decides nothing beyond compare-and-set.
//  8. Migrations first expand and contract a release later, so that the previous
//     binary's queries still work on the new schema; one that contracts raises
//     schema_floor. One process at a time migrates. A new
//     database gets all of them in one transaction.
//  9. Changes are numbered in the order in which they were committed, and every
//     process that watches hears of each within a second.
//
// A crash at any moment leaves what was committed: the engine replays its log. A
// crash during Snapshot can leave a partial copy at the path given.
//
// Walk D (a deploy) enters at Tx from function and leaves when the commit is
// durable; walk A (an invocation) enters at Read when a cache above is empty.
// Invocations themselves write no row.
//
// What is engine-specific is in sqlite_*.go and postgres_*.go, and in a dialect;
// noun files and callers know no engine. Package storetest is the suite that both
// pass, package postgrestest the server it passes it on.
package store

// Package logs keeps what functions and the platform say about invocations.
//
// It owns one folder per function below its directory, <service>/<function>,
// with numbered segments in it: NUMBER.log is written to or waits to be sealed,
// NUMBER-MIN-MAX.seg is sealed: compressed, immutable, its first and last time
// in its name. The files are authoritative; the indexes kept in memory are made
// again from them. ADR 0003 says why it is not a database.
//
// Both kinds are a row of frames, each with a checksum over a row of records; a
// record carries its length, so a line may contain anything, newlines included.
// A sealed segment ends with a sparse index of its frames.
//
// Invariants:
//
//  1. Append never touches the disk, never waits for it and never fails. What
//     does not fit the bounded buffers is counted, and a line of the platform
//     says how many were dropped and why.
//  2. Query sees a line as soon as Append returned: sealed, being written and
//     still in memory are one sequence, in order of time, and in order of Append
//     where times are equal.
//  3. A stream's segments change under its io lock only; its buffers and its list
//     of segments under its mutex, which is never held during I/O.
//  4. A sealed segment is complete: it was synced and renamed before the file it
//     replaces was removed.
//  5. At most Config.MaxOpenFiles files are kept open between writes, so the
//     number of functions is not bounded by file descriptors.
//
// A crash of the process loses at most the last flush interval; a frame cut by
// it is removed when the stream is next used. A crash of the machine may lose
// what the kernel had not written yet: only sealing syncs. A damaged frame is
// skipped, counted and told once.
//
// Walk A enters at Stream.Append from invoke and runtimeapi; Query is the way
// out, for api.
package logs

// Package server assembles the process that is ebb: configuration, the order in
// which things start, and the order in which they stop.
//
// Run starts from the ground up (lock the data directory, credentials, store,
// master key, access keys, packages, logs, runtimes, sandbox, functions, pool, door, APIs, listeners),
// prints one ready line, and stops from the top down when its context ends:
// listeners first, then work in flight up to its deadline, then instances, then
// the log and the store. Environment and files are read here only; every other
// package is handed its Config.
//
// Invariants:
//
//  1. One process per data directory: the lock is held before anything in it is
//     read, and lives as long as the process.
//  2. The ready line is printed once, after both listeners answer.
//  3. What a caller got an answer to survives kill -9 at any moment; the next
//     Run needs no repair by hand.
//
// Only cmd imports this package.
package server

// Package platform runs the real ebb binary for tests and benchmarks.
//
// It owns the process it starts and the data directory it is given, nothing
// else. EBB_BIN names the binary ("make" sets it); without it, bin/ebb of the
// repository is used, and it must have been built.
//
// Invariants:
//
//  1. A Platform that Start returned answers requests.
//  2. Processes are ended by id, and only those started here.
//  3. Nothing here reaches into ebb: it speaks to it as any user does.
package platform

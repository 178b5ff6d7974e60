// Package metrics measures: how many invocations, how long, what cold starts
// were made of, how full the node is.
//
// It owns the names of ebb's metrics (docs/metrics.md lists them) and their
// exposition in Prometheus' text format. The measurements are not the truth
// about anything: pool knows what is idle, logs what was said. Nothing decides
// by them.
//
// Invariants:
//
//  1. Measuring costs an invocation less than a microsecond and never blocks:
//     handles are made once for a version and kept by the caller.
//  2. Series of a function end with it (Forget). What is kept of one that nobody calls
//     is its numbers, not their names: less than a kilobyte.
//  3. Names and labels are kept once published; units are seconds and bytes.
//
// A crash loses the counts, as scrapers expect of a process that restarts. Walk A
// passes through Version.Done when an invocation is over.
package metrics

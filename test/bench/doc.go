// Command bench measures ebb beside raw limits in the same run: a plain Node
// echo, a plain Go echo, and a bare front (net/http and the same frames to the
// same number of one-at-a-time Node workers; no auth, logs, metrics or box).
//
//	bench [-o FILE] [-rounds N] [-time D] [-only WORD]
//
// Every target of a group is loaded in turn, for -rounds rounds, so that the
// machine's moods hit all of them alike; ratios are between sums over all
// rounds. Requests come from this process over kept-alive connections, one in
// flight on each, to loopback only. CPU is that of the server's process tree,
// instances included.
//
// Invariants:
//
//  1. A request that is not answered as expected is an error, and a run with
//     errors fails.
//  2. Loads are bounded in connections and time.
package main

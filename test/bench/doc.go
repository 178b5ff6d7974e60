// Command bench measures ebb beside raw limits in the same run: a plain Node
// echo, a plain Go echo, and a bare front (net/http and the same frames to the
// same number of one-at-a-time Node workers; no auth, logs, metrics or box).
//
//	bench [-o FILE] [-rounds N] [-time D] [-only WORD|WORD] [-rows WORD|WORD]
//
// What is measured together is a group (bench.go lists them). To add one, write
// a file of its own with a method of bench that measures and puts what it found
// into a table of the report, and name it in groups:
//
//	func (b *bench) workflows(ctx context.Context) error {
//		t := b.report.table("workflows", "executions/s", "CPU µs")
//		…
//		t.add("two steps, express", rate, cpu)
//		return nil
//	}
//
// b.platform is an ebb that all groups share, b.urls deploys the echo functions
// on it; a group that needs another configuration starts a platform of its own
// below b.dir. target.measure is a round of load with the CPU it took; load is
// the load alone. What is printed and written to FILE follows from the tables.
//
// Every target of a group is loaded in turn, for -rounds rounds, so that the
// machine's moods hit all of them alike; ratios are between sums over all
// rounds. Requests come from one thread of this process over kept-alive
// connections, one in flight on each, to loopback only. CPU is that of the
// server's process tree, instances included; "server" is the part of it that is
// the server's own process.
//
// Invariants:
//
//  1. A request that is not answered as expected is an error, and a run with
//     errors fails.
//  2. Loads are bounded in connections and time.
package main

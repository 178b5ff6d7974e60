// Package sandboxtest is the one suite that every sandbox.Driver passes, and the
// small program (probe) that the tests run in boxes.
//
// The walk: a driver's test calls Run with a func that opens the driver; each
// test makes boxes, runs probe in them and looks at what comes out. The suite is
// the authority on what sandbox.Box promises, beside its comments.
//
// Invariants:
//
//  1. A test knows nothing of the driver beyond the interface.
//  2. No test waits by the clock: it waits for output, for Done, or polls the
//     process table with a deadline.
//
// A crash of a test leaves boxes to the driver's own promise: they end with it.
package sandboxtest

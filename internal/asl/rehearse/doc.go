// Package rehearse plays executions of a machine without a platform: mocks stand
// for what tasks call, and time passes as fast as nothing happens.
//
// It owns the mocks and what a play tells of itself: the states that were
// entered, the calls that were made, the end. What an execution does is asl's to
// decide, as always; so is what its history says.
//
// Invariants:
//
//  1. The same machine, input and mocks give the same result: there is no clock,
//     and seeds count from 1.
//  2. A task without a mock is an error of the play, never a success; so is a
//     list of mocks that has come to its end.
//  3. A play ends: after a number of steps it is given up.
//
// There is no state and no I/O: a crash loses nothing. No walk passes here; cmd
// tests workflows with it.
package rehearse

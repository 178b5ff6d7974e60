// Package answer knows what AWS services answer, so that the mocked result of a
// task can be compared with what its API would say.
//
// It owns the output shapes of the services that tasks call most, as data that
// awsgen packs from the public service models; those are authoritative. A
// service, an operation or a member that is not among them is not checked:
// models grow.
//
// Invariants:
//
//  1. Check depends on its arguments alone.
//  2. A fault names the field as it stands in the result.
//
// There is no state and no I/O: a crash loses nothing. The walk enters from
// package workflow when a state is tried with a mock, and leaves with the fault
// in the words of TestState.
package answer

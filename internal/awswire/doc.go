// Package awswire is what AWS wire APIs have in common: reading a request by
// location, checking it against the service model's constraints, wording the
// refusal, and encoding answers and errors.
//
// It owns the runtime half of internal/awsgen: the generator writes shapes as
// Go structs and constraints as tables (a Service value), this package walks
// them. It knows no operation and does nothing by itself.
//
// What is authoritative: the generated tables for names, statuses and limits;
// this package for the wording. lambdaapi and statesapi own behaviour.
//
// Invariants:
//
//  1. A request that Decode accepts holds every required member, and each
//     member is within the model's limits.
//  2. A member the model does not know is refused by name, never dropped.
//  3. Every error answer has x-amzn-ErrorType and a body that SDKs can read; an
//     error without a type shows nothing of its text to the caller.
//
// A crash loses nothing: there is no state. The walk enters from an API package
// with a request and leaves with a filled struct, or with bytes on the wire.
package awswire

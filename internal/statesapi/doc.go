// Package statesapi is the AWS Step Functions wire API: the API of state
// machines, executions, activities and map runs, in JSON 1.0 with X-Amz-Target.
//
// It owns shapes (generated from the public service model), decoding,
// authorization, the wording of refusals at this door, pages and their tokens.
// What is meant by a request is package workflow's to say; nothing is kept here.
//
// Invariants:
//
//  1. A request reaches package workflow only after its caller was proved and
//     allowed, and its input met the model.
//  2. Every error answer names a type of the model or one of AWS's common ones,
//     in the header and in the body.
//  3. A token is given back as it was made, to the operation that made it; any
//     other is refused.
//
// A crash loses requests in flight; what they did is as package workflow left it.
//
// Walk C enters here at StartExecution, SendTaskSuccess and their like.
package statesapi

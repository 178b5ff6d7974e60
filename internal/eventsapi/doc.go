// Package eventsapi is the part of the AWS EventBridge wire API that producers
// speak: PutEvents, and TestEventPattern, in JSON 1.1 with X-Amz-Target. Rules
// are triggers, which /v1 manages.
//
// It owns shapes (generated from the public service model), decoding,
// authorization and the wording of refusals at this door. What becomes of events
// is package event's to say; nothing is kept here.
//
// Invariants:
//
//  1. An event reaches the bus only after its caller was proved and allowed, and
//     the request met the model.
//  2. Every error answer names a type of the model or one of AWS's common ones,
//     in the header and in the body. What is wrong with one entry is told in that
//     entry's answer, and the others are taken.
//
// A crash loses requests in flight; events whose caller had an answer are
// committed.
//
// Walk B enters here at PutEvents.
package eventsapi

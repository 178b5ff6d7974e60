// Package event is the event bus: events that anybody puts, and the trigger kind
// whose triggers are its rules.
//
// A rule is a trigger with an EventBridge pattern. Every event, a CloudEvent too,
// has the one shape of EventBridge's envelope; patterns, filters and inputs see
// that. Put finds the rules that ask for an event and commits, in one Tx, one
// delivery for each of them.
//
// The rules in the database are authoritative. What is remembered here are
// compiled patterns, by service, dropped by Forget when a rule of the service has
// changed, on this node or another.
//
// Invariants:
//
//  1. An event that Put took is delivered by every rule that asked for it when
//     Put read the rules, exactly one delivery for each; either all of them are
//     committed or none. An event that no rule asks for is counted and gone.
//
//  2. A rule whose target is not there, or takes no such event, fails alone: that
//     is counted and told of, and the other rules deliver.
//
//  3. An event that its producer names (a CloudEvent: source and id) is taken
//     once while it is remembered, Config.Remember.
//
//  4. Sources that begin with aws. or ebb. are the platform's: nobody else puts
//     such events, so that an alarm can be believed.
//
//  5. An event about a failure that fails in turn raises no other event. What
//     functions put carries the trace of their invocation, so that a loop through
//     functions ends as every recursion does.
//
// A crash before the Tx is committed has taken nothing, and the producer has no
// answer; after it all deliveries are there. Walk B enters at Put and leaves at
// deliver.
package event

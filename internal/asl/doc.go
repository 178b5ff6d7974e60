// Package asl is the Amazon States Language: it parses and validates
// definitions, and it decides what an execution does next.
//
// It owns the meaning of a definition in both query languages, JSONPath and
// JSONata, and the State of an execution as a fold of its events. The row of an
// execution's events, each with the Env it was decided in, is authoritative;
// State can be made again from it at any time, and so can the history that
// GetExecutionHistory shows, which is derived.
//
// Invariants:
//
//  1. Nothing here does I/O, reads a clock or draws a random number: the time and
//     the seed come from Env.
//  2. Next is deterministic: the same state, event and Env give the same state and
//     the same actions, byte for byte.
//  3. Folding the events of an execution gives its State, whatever was lost since
//     it was last stored.
//  4. Every op is waited for by at most one thread, and an event about an op that
//     nobody waits for changes nothing: answers may come late, or twice.
//  5. Every path out of Next leaves the execution finished, or waiting for an op
//     that an action announced, or with a Continue action.
//  6. Parse reports all problems of a definition at once; a Machine exists only
//     without errors and never changes.
//  7. How long an expression takes never enters a decision unrecorded: one that
//     runs out of time is an Exhausted action first, and an Env that says so then.
//  8. Ids of history events are consecutive from 1.
//
// A crash loses nothing: whoever carries the actions out stores the event in the
// same transaction, and folds again if that fails.
//
// Walk C passes here: workflow folds an execution's events with Machine.Next,
// and carries out its actions. cmd parses definitions with Parse.
package asl

// Package jsonata evaluates JSONata expressions over JSON.
//
// It owns the ordered JSON values that the States Language works on (ParseJSON,
// AppendJSON, Object), the virtual machines that run the reference
// implementation (js/jsonata.min.js, in goja), and a fast path in Go for the
// simple expressions that most workflows consist of. The reference
// implementation is authoritative: the fast path answers only what a property
// test proves equal, and leaves everything else to it.
//
// Invariants:
//
//  1. What an expression yields depends on the expression, the bindings and Env
//     alone: the clock and the random numbers of a virtual machine come from Env.
//  2. Go and JavaScript exchange JSON text only. A binding cannot be changed by
//     an expression in a way that another expression sees.
//  3. A virtual machine that was interrupted, or whose stack overflowed, is
//     never used again.
//  4. An evaluation ends: by its time limit, its limit of depth, or its result.
//     The one thing an interrupt cannot stop, a regular expression that needs
//     backtracking, is refused before it runs.
//  5. The order of an object's keys is kept, except that JavaScript puts keys
//     that look like array indexes first; the fast path does the same.
//  6. ParseJSON accepts exactly the JSON of RFC 8259 up to a depth of MaxDepth,
//     and AppendJSON writes numbers as they were read.
//
// The package does no I/O and keeps nothing over a restart: a crash loses
// nothing.
//
// Walk C passes here: asl asks an Engine for a Scope, evaluates the expressions
// of one state in it, and closes it.
package jsonata

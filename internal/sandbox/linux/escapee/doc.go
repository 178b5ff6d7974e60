// Command escapee is what the escape tests run inside boxes: a program by
// somebody who wants out. Its first argument names what to try.
//
// It owns nothing and decides nothing: what an outcome means is the tests' to
// say (escape_test.go, flood_test.go). The walk enters with an action and leaves
// with a line for each attempt, "NAME: OUTCOME", then "end".
//
// Invariants:
//
//  1. An attempt that was not refused has the outcome "ok".
//  2. Every loop has an end: what it floods is bounded even where the box is not.
//  3. It keeps no state. A crash of it is an outcome like any other.
package main

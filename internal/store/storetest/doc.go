// Package storetest is the suite that every engine of store must pass.
//
// It owns the description, in tests, of what store promises to its callers
// whatever the engine: what the noun methods answer, that an error undoes one
// caller only, that concurrent callers are all served.
//
// Invariants:
//
//  1. Only exported methods of store are used, and no SQL.
//  2. Each test has a database of its own; none depends on another.
//
// A crash is not its subject: that differs by engine and is tested beside it.
// Tests of store enter at Run and leave with the database closed.
package storetest

// Package pattern decides whether an event is one that somebody asked for, in
// the pattern language of EventBridge, which is also that of the filters of
// Lambda's event source mappings.
//
// A pattern is a JSON object of the shape of the events it is for. Every key of
// it must match, each by one of a list: a string, a number, true, false or null,
// or one operator (prefix, suffix, equals-ignore-case, wildcard, anything-but,
// numeric, cidr, exists). $or holds alternatives.
//
//	{"source": ["core"], "detail": {"amount": [{"numeric": [">", 0]}], "state": [{"anything-but": "test"}]}}
//
// It owns the language. Nothing is kept; compiling and matching have no effect.
//
// Invariants:
//
//  1. What Compile accepts, Match decides for every event, without an error and
//     in time proportional to the sizes of both.
//
//  2. An array in an event matches if one of its elements does; keys of a pattern
//     under one array are matched by one and the same element.
//
//  3. Only values that are neither objects nor empty arrays exist.
//
//  4. Strings are compared as they are, without folding or normalising; numbers
//     by value.
//
// A crash loses nothing. The walk enters at Compile, from whoever checks a filter,
// and at Match, from whoever filters (package deliver).
package pattern

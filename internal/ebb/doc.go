// Package ebb is the dictionary: the nouns of the platform, one file each.
//
// It owns words, not behaviour: structs, typed ids, shape checks and constants
// that every other package shares. It imports the standard library only, does
// no I/O and reads no clock. Whether a value means something (is this runtime
// installed, is this cron expression valid) is checked by the package that owns
// the meaning.
//
// Invariants:
//
//  1. A value of this package may be copied and sent anywhere; slices and maps
//     in it are read-only once it has been handed on.
//  2. A failed handler is a Result with FunctionError set; a Go error is always
//     the platform's (see Error).
package ebb

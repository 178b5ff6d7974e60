// Command ebb is the platform's server and its command line: main.go assembles
// the verbs, and each verb is one file that bears its name.
//
// It owns what a person sees: flags, help, tables, progress, exit codes, and how
// a folder becomes a deployment package (package.go, ignore.go). It decides
// nothing about functions: verbs speak to the APIs through sdk/go, except serve
// and restore, which are the server, doctor, which looks at this machine, and
// workflow validate, test and show of a file, which have the States Language
// itself (internal/asl) so that they need no platform.
//
// Invariants:
//
//  1. Results go to standard output, everything else (progress, questions,
//     errors) to standard error, so that output can be piped.
//  2. -o json has the same fields whatever happened; a field is never renamed.
//  3. Exit codes are made in one place (exit.go): 0 done, 1 the function, the
//     execution or a test failed, 2 wrong usage, 3 the platform failed.
//  4. Colour, progress bars and questions appear only on a terminal.
//  5. The same folder gives the same package, byte for byte: sorted names, fixed
//     times, normalised modes.
//  6. Every error says what to do next, where that is known.
//
// A crash loses nothing: files (backup, init) are written beside and renamed, or
// new. Walk D (a deploy) enters at deploy.go; the server's walks begin in
// internal/server, which serve.go calls.
package main

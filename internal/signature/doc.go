// Package signature signs deployment packages and reads their signatures.
//
// A package is a zip, and its signatures stand in the comment at its end: a JSON
// document {"ebbSignatures":[…]}. A signature is by an ed25519 key, of a short
// text (Statement) that names the SHA-256 of all bytes before the length of that
// comment. So the entries stay as they were built, whoever signs, and every byte
// that unpacking reads is signed. Whose key counts is not known here: package
// function knows the publishers.
//
// Nothing is authoritative here but the format.
//
// Invariants:
//
//  1. What is signed is all of the zip but its comment and the comment's length,
//     which the size of the file implies.
//  2. The comment has no byte that could be taken for another end of the zip.
//  3. A signature that is of other bytes is told apart (ErrTampered) from one
//     that is not there.
//  4. The same zip signed with the same key until the same time is the same file.
//
// It keeps nothing and does no I/O but reading what it is given, so a crash means
// nothing to it. Walk D (a deploy) enters at Sign from cmd/ebb, and at Read from
// package function before the package is stored.
package signature

// Package stsapi is the part of the AWS STS wire API that ebb offers: who am I,
// and act with a role of my service for a while.
//
// It owns the query protocol (a form in, XML out) and the names that STS has for
// errors. What is authoritative: package auth, for who is calling and for the
// credentials of a session.
//
// Invariants:
//
//  1. Nothing is answered before auth has proved and admitted the caller.
//  2. An operation of STS that ebb does not offer is refused by its name.
//
// It keeps nothing, so a crash loses nothing: a session is in its token. Requests
// enter at ServeHTTP, on the node's listener and on those inside boxes, and
// leave at package auth.
package stsapi

// Package runtimes knows which languages' functions this host can run.
//
// It owns catalog.json (families of runtimes: their identifiers, how their
// interpreters are found and probed, how they are started), the bootstraps
// beside it, which are written to disk for the boxes to mount, what was found on
// this host, and what was prepared for it (see Prepare; pool runs that). Go code
// reads the catalog and never switches on a language.
//
// Invariants:
//
//  1. A Runtime that Lookup returns was probed on this host: its command ran and
//     told its version; or that of an image did, in a box.
//  2. Argv and Mounts use paths as the box sees them; only Mount.Source is the
//     host's.
//  3. What the host has is fixed once it is known (Search); who asks earlier waits.
//     It is known at once where nothing changed since the last time. What operators add from container
//     images comes and goes (Add, Remove), and takes precedence; the database,
//     not the Catalog, is authoritative on it.
//
// A crash leaves at most a temporary file beside the bootstraps; the next Load
// writes them again. The walk enters at Lookup, from function (is this runtime
// installed) and from pool (how is it started).
package runtimes

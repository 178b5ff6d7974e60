// Package bucket opens objects of the S3 endpoint that a platform is configured
// with, for deployment packages and layers that lie there.
//
// It owns how that endpoint is spoken to and how its refusals are worded. The
// endpoint is authoritative for what it holds; what is read from it, package
// artifact stores, after which the object is not needed any more.
//
// Invariants:
//
//  1. Nothing is read but what is asked for by bucket and key.
//  2. Credentials come from the configuration alone, never from the environment
//     of whoever runs ebb, and appear in no error.
//  3. What the endpoint refuses is the caller's error, with the endpoint's own
//     code; that it cannot be reached is Unavailable.
//
// It keeps nothing: a crash loses the reading of one object. Walk D (a deploy)
// enters at Open, through a func that server gives to function.
package bucket

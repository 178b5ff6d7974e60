// Package objects is the one way by which the platform itself reads and writes
// objects: deployment packages and layers that lie in a bucket, records that go
// to one, the inputs and results of workflows, buckets that are listed for
// triggers.
//
// It owns how an S3 endpoint is spoken to and how its refusals are worded. The
// endpoint is authoritative for what it holds. It is the platform's own
// (package s3), unless another is configured.
//
// Invariants:
//
//  1. Everything is done for a service, and for a role of it where one is named:
//     the platform's own endpoint is asked with credentials that can do no more.
//     A configured one knows the credentials of the configuration only.
//  2. Credentials come from the configuration alone, never from the environment
//     of whoever runs ebb, and appear in no error.
//  3. What the endpoint refuses is the caller's error, with the endpoint's own
//     code; that it cannot be reached is Unavailable.
//
// It keeps nothing: a crash loses the reading or writing of one object. Walk D (a
// deploy) enters at Open, through a func that server gives to function.
package objects

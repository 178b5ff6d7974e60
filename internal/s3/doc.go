// Package s3 is the platform's own S3 endpoint: the part of it in the process of
// the platform. What speaks S3 and keeps objects (s3/child) is a child process,
// so that it takes no memory before anybody uses it, and takes nobody along when
// it fails.
//
// It owns the listener, the child's life, and the questions that the child asks
// over a Unix socket: which key checks a signature, whether somebody may, and
// that something happened to an object. What is authoritative: the folder of the
// child for buckets and objects; package auth for who may; a bucket's owner, a
// service, stands with the bucket.
//
// Invariants:
//
//  1. The listener is the platform's and is handed to each child: while one is
//     started anew, connections wait.
//  2. The child runs from the first connection on, or from the start if an earlier
//     one left events. It ends with the platform, however that ends: its standard
//     input closes.
//  3. The child never has the secret of an access key: it gets what one day's
//     signatures are checked with.
//  4. Credentials of boxes, and the platform's own, are worth something on the
//     private socket only. Those of a box, only while a request of that box is
//     passed on.
//  5. An event is answered for when it is durable; until then the child keeps it.
//
// A crash of either process loses no object that was acknowledged and no event of
// one. Functions enter at Box, everybody else at the listener or Handler; events
// leave by Deps.Happened.
package s3

// Package child is the child process of the platform's S3 endpoint: it speaks
// S3 (versitygw) and keeps buckets and objects as folders and files.
//
// It owns the folder that it is given: buckets, older versions, the journal. The
// files are authoritative for what there is; who may do what, the platform is
// asked for each request (package s3, whose child it is).
//
// Invariants:
//
//  1. What changes an object stands in the journal, on the disk, before it begins,
//     and is taken out when the platform has its event. What an earlier process
//     left there is looked at when the next one starts: what has happened is
//     told, what has not is forgotten. So an event may come twice, with the same
//     sequencer, and none is lost.
//  2. An object is on the disk before its request is answered, unless NoSync.
//  3. A bucket's owner is the service whose key made it. Nobody is the owner of
//     what they ask for by an access control list: those are off.
//  4. Nothing but what the platform said is known of access keys, and not for
//     longer than a second.
//  5. When standard input ends, so does the process.
//
// A crash leaves the journal, parts of uploads that were not completed, and
// nothing half-written under an object's name. The way of an event enters in
// buckets and leaves by the platform's control socket.
package child

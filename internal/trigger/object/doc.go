// Package object is the trigger kind that fires when something happens to an
// object of a bucket.
//
// Where that is learned differs: the platform's own S3 endpoint tells it
// (Happened); another store calls a URL (ServeHTTP), writes to a Kafka topic, or is
// looked at again and again. What becomes of it is the same: an event of one
// record, shaped as S3's, handed over for delivery.
//
// Authoritative are the triggers' rows, with the bucket in a row of its own
// (object_rule), what was seen by looking (seen), and events that came for a
// paused trigger (object_held).
//
// Invariants:
//
//  1. Rules of one bucket do not overlap: no event is two triggers' of it. That is
//     checked in the Tx that writes the rule.
//  2. An event is answered for (to the endpoint, the caller, the topic) when it is
//     in the queue, held, or counted as one that the target refuses.
//  3. The task that an event becomes is named after bucket, key, version or ETag,
//     event and sequencer: told twice, it is one task, for as long as the task is
//     remembered.
//  4. What was seen by looking is written with what it became, so that a crash
//     neither loses nor repeats. Memory holds one page of a list.
//
// A crash leaves an event where it was learned, or all that comes of it. Walk B
// enters here and leaves at Deps.Send.
package object

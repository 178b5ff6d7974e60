// Package kafka is the trigger kind that reads topics of a Kafka cluster: what
// the Lambda API calls an event source mapping with a self-managed Kafka.
//
// A trigger has a consumer group. Every node has members in it, as many as the
// records that wait ask for, one in all of an idle topic. A member reads its
// partitions; a partition has lanes, one or as many as the trigger's parallelism;
// records of one key are in one lane. A lane makes batches, has the function
// called with one at a time, tries again, splits, gives up. A partition knows the
// first record that is not handled, and no offset behind that is ever committed.
//
// The offsets that the group has committed are authoritative about what was
// handled. The rows of trigger_position copy them for people and for scaling, and
// say which seek was done. The row of trigger_seek is what was asked for.
//
// Invariants:
//
//  1. An offset is committed only when every record of the partition before it is
//     handled: the function answered without an error, a filter refused it, or it
//     was handed to the failure destination durably, or it was given up where
//     there is none.
//  2. Records of one key (of one partition where there is one lane) are handed
//     over in their order, one batch at a time; the next only when the one before
//     is handled.
//  3. A member gives a partition up when what it has in flight has ended and is
//     committed, or after the time that is allowed for that. What fails then is
//     left to its next owner.
//  4. A record that cannot be read is given up at once; one whose handling fails
//     is given up as the trigger's own policy says. Either is counted.
//  5. Where to begin is decided once: the offset of a partition without one is
//     committed before the first record of it is read.
//
// A crash has the records again that were not committed. The walk enters with a
// record from the group's client (member.go) and leaves at invoke (attempt.go),
// or at deliver (failure.go, and for targets that are no function).
package kafka

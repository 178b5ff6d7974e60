// Package fault breaks things while they work: ebb is killed, instances are
// killed and stopped, the disk fills up, clients leave or do not read.
//
// Each test starts a platform of its own and breaks that. TestSoak breaks
// nothing: it makes invocations until every leak shows.
//
// Invariants:
//
//  1. What was acknowledged is there afterwards; what was not is there whole or
//     not at all.
//  2. Every caller gets an answer.
//  3. When a platform has ended, by whatever means, and another has started and
//     stopped on its data directory, the machine holds nothing of either.
package fault

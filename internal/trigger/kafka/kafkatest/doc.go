// Package kafkatest starts a real Apache Kafka for tests: one process that is
// broker and controller, on free ports of the loopback device.
//
// It owns the process. What a broker keeps lies in its directory, which is
// authoritative: after Kill, Restart has it go on there, on the same ports. The
// jars are those that scripts/kafka.sh has put into build/kafka; if they are not
// there, Start has it fetch them.
//
// Invariants:
//
//  1. A broker that was started is ended by Kill, and nothing else is.
//  2. Its heap is bounded.
//
// A crash of the test ends the broker, where the system can be asked for that
// (Linux). No walk passes here.
package kafkatest

// Package kafkatest starts a real Apache Kafka for tests: one process that is broker
// and controller, on free ports of the loopback device, with its data in a
// directory of the test's.
//
// The jars are those that scripts/kafka.sh has put into build/kafka; if they are
// not there, Start has it fetch them. What a broker keeps lies in its directory:
// after Kill or Stop, Restart has it go on there, on the same ports.
//
// Invariants: a broker that was started is ended by Stop or Kill, and nothing else
// is; its heap is bounded.
//
// A crash of the test leaves the broker running until its parent's death is told
// to it by the system (Linux).
package kafkatest

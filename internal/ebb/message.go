package ebb

import "time"

// MessageID names a message within its queue and service: made by ebb (a UUIDv7,
// so that ids order by age) or chosen by whoever enqueues.
type MessageID string

// MessageKey names a message within the platform.
type MessageKey struct {
	Queue   string
	Service ServiceID
	ID      MessageID
}

// MessageState says whether a message still waits for its work, and if not what
// became of it. The numbers stand in the database.
type MessageState int

// The states. Every message is in exactly one of them until it is removed.
const (
	MessageLive    MessageState = iota // waiting, or leased to a worker
	MessageDone                        // its work was done; kept for those who ask
	MessageDead                        // a dead letter: it can be redriven
	MessageStopped                     // taken back before its work was done
)

// Message is one row of the durable queue.
type Message struct {
	MessageKey
	Group      string // what it is about within the service: a function, an execution
	Lane       string // messages of one lane share a turn, see package queue
	State      MessageState
	Due        time.Time // live: when it may be leased, or the lease's end; else when it is removed
	Leased     bool
	Epoch      int64 // counts leases and what ends them; a holder's writes name it
	Attempt    int   // leases so far whose holder began, or may have begun, to work
	Crashes    int   // leases that ended because nobody renewed them
	EnqueuedAt time.Time
	EndedAt    time.Time // zero while live
	Reason     string    // why it is dead or stopped
	Payload    Digest    // what its body refers to in the artifact store, or ""
	Body       []byte
}

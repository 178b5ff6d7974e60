package queue

import (
	"context"
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Handler does a message's work and says what is to become of it. It may run
// more than once for a message. ctx ends, with the cause, when the lease is lost
// or the message is stopped, and when the process has no more time; what it
// returns then is written only if the lease still holds.
type Handler func(ctx context.Context, m *Message) Outcome

// Outcome is what is to become of a message. Make one with Done, Repeat, Later or Dead.
type Outcome struct {
	kind   kind
	fn     func(*store.Tx) error
	at     time.Time // Later and Repeat: due; Done and Dead: kept until, zero = default
	reason string
	body   []byte     // nil = as it was
	kept   bool       // Done: not removed but kept
	refers ebb.Digest // Done: what the body kept refers to in the artifact store
	free   bool       // Later: the attempt does not count
	crash  bool       // Later: counts as a crash
}

type kind uint8

const (
	later kind = iota // the zero Outcome: again at once, which is what a forgetful handler gets
	done
	repeat
	dead
	settled // the handler has written it itself
)

// Done acknowledges: the message is removed, and fn (which may be nil) runs in
// the same Tx. When fn fails, neither happens and the message comes again.
func Done(fn func(*store.Tx) error) Outcome { return Outcome{kind: done, fn: fn} }

// Repeat acknowledges as Done does, but in place of being removed the message is
// new: due at at, with another body.
func Repeat(at time.Time, body []byte, fn func(*store.Tx) error) Outcome {
	return Outcome{kind: repeat, fn: fn, at: at, body: body}
}

// Settle writes, in the caller's Tx, that m is done: for a handler whose own last
// write that belongs to, and which returns Settled when the Tx is committed.
// store.ErrChanged: m's lease is no longer held, and nothing was written.
func (q *Queue) Settle(tx *store.Tx, m *Message) error {
	return tx.DeleteMessage(ebb.MessageKey{Queue: m.Queue, Service: m.Service, ID: m.ID}, m.Epoch)
}

// Settled is the outcome of a handler that has written it with Settle.
func Settled() Outcome { return Outcome{kind: settled} }

// Later has the message handled again at at, with another body unless that is nil.
func Later(at time.Time, body []byte) Outcome { return Outcome{kind: later, at: at, body: body} }

// Dead makes the message a dead letter, and fn (which may be nil) runs in the
// same Tx.
func Dead(reason string, fn func(*store.Tx) error) Outcome {
	return Outcome{kind: dead, reason: reason, fn: fn}
}

// Keep has a message that is done kept until then, with body in place of its own.
func (o Outcome) Keep(until time.Time, body []byte) Outcome {
	o.kept, o.at, o.body = true, until, body
	return o
}

// Refer says of a message that is kept what its new body refers to in the
// artifact store.
func (o Outcome) Refer(payload ebb.Digest) Outcome {
	o.refers = payload
	return o
}

// With gives a dead letter another body.
func (o Outcome) With(body []byte) Outcome {
	o.body = body
	return o
}

// Free says of Later that the attempt does not count.
func (o Outcome) Free() Outcome {
	o.free = true
	return o
}

// apply writes the outcome of m, or answers store.ErrChanged when m's lease is
// no longer held.
func (o *Outcome) apply(tx *store.Tx, cfg *Config, m *ebb.Message) error {
	now := cfg.Now()
	if !m.Leased {
		if err := tx.LeaseMessage(m.MessageKey, m.Epoch-1); err != nil {
			return err
		}
	}
	var err error
	switch {
	case o.kind == later:
		crashes := m.Crashes
		if o.crash {
			crashes++
		}
		err = tx.ReleaseMessage(m.MessageKey, m.Epoch, o.at, !o.free, crashes, o.body)
	case o.kind == repeat:
		err = tx.RepeatMessage(m.MessageKey, m.Epoch, now, o.at, o.body)
	case o.kind == done && !o.kept:
		err = tx.DeleteMessage(m.MessageKey, m.Epoch)
	default:
		err = tx.EndMessage(o.ended(m, now, cfg.KeepDead))
	}
	if err != nil || o.fn == nil {
		return err
	}
	if err := o.fn(tx); err != nil {
		return &refusal{err}
	}
	return nil
}

// ended is m as it is kept.
func (o *Outcome) ended(m *ebb.Message, now time.Time, keep time.Duration) *ebb.Message {
	e := *m
	e.State, e.EndedAt, e.Reason = ebb.MessageDead, now, o.reason
	if o.kind == done {
		e.State, e.Payload = ebb.MessageDone, o.refers
	}
	if e.Due = o.at; o.at.IsZero() {
		e.Due = now.Add(keep)
	}
	if o.body != nil {
		e.Body = o.body
	}
	return &e
}

// refusal is an error of an outcome's own fn.
type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

func isRefusal(err error) bool {
	_, is := errors.AsType[*refusal](err)
	return is
}

package timer

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/schedule"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

// Line is the queue of timers' next fires.
const Line = "timer"

// atOnce is how many fires one process handles at once; one service alone gets a
// third. They run nothing but SQL, and what is due in one second is best done in
// few transactions.
const atOnce = 1536

// Queues is what package queue is told of the queue of timers.
func Queues() map[string]queue.Options {
	return map[string]queue.Options{Line: {Concurrency: atOnce, Together: true, Rank: queue.First}}
}

// Deps is what timers stand on.
type Deps struct {
	Store  *store.Store
	Log    *slog.Logger
	Region string
	Now    func() time.Time // nil = time.Now
	// Enqueue is queue.Queue.Enqueue.
	Enqueue func(tx *store.Tx, e queue.Enqueue) (ebb.MessageID, error)
	// Remove is queue.Queue.Remove.
	Remove func(tx *store.Tx, key ebb.MessageKey) error
	// Send prepares the delivery of an event to a trigger's target as the task id;
	// what it returns makes it so in a Tx.
	Send func(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error)
	// Refused prepares what is to be written when a target does not take an event;
	// nil = nothing. Count is trigger.Triggers.Count; nil = nobody counts.
	Refused func(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, why error) (func(*store.Tx) error, error)
	Count   func(t ebb.TriggerRef, c ebb.TriggerCounts)
	// Late is told how long after it was due a fire was durable; nil = nobody is.
	Late func(d time.Duration)
	// Running reports whether a task that Send made is not over.
	Running func(ctx context.Context, t *ebb.Trigger, id ebb.MessageID) (bool, error)
	// Stop ends such a task, if it is not over.
	Stop func(tx *store.Tx, t *ebb.Trigger, id ebb.MessageID, reason string) error
}

// Kind is the timers of a platform.
type Kind struct {
	deps  Deps
	plans plans
}

// New makes it.
func New(deps Deps) *Kind {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	return &Kind{deps: deps, plans: plans{kept: make(map[ebb.TriggerID]*plan)}}
}

// Source implements trigger.Kind: timers live in the queue.
func (k *Kind) Source(*ebb.Trigger) trigger.Source { return nil }

// due is the body of a timer's message.
type due struct {
	Trigger  ebb.TriggerID `json:"trigger"`
	Revision int64         `json:"revision"`
	Due      int64         `json:"due"` // seconds since 1970
	// Held says that the fire was due in time and waits for the one before.
	Held bool `json:"held,omitempty"`
}

// Set implements trigger.Kind: it puts the next fire into the queue, in place of
// that of the timer as it was.
func (k *Kind) Set(tx *store.Tx, old, now *ebb.Trigger) error {
	if old != nil {
		if err := k.deps.Remove(tx, ebb.MessageKey{Queue: Line, Service: old.Service, ID: messageID(old)}); err != nil {
			return err
		}
	}
	if now == nil || now.Paused {
		if now != nil {
			return tx.SetTriggerNext(now.ID, time.Time{})
		}
		return nil
	}
	also := *now
	p, err := newPlan(tx, &also)
	if err != nil {
		return err
	}
	tx.AfterCommit(func() { k.plans.keep(p) })
	next, ok := p.schedule.Next(k.deps.Now())
	if !ok {
		return tx.SetTriggerNext(now.ID, time.Time{})
	}
	if err := k.enqueue(tx, now, &p.settings, next); err != nil {
		return err
	}
	return tx.SetTriggerNext(now.ID, next)
}

// messageID is the id of the message of a timer as it is at its revision.
func messageID(t *ebb.Trigger) ebb.MessageID {
	return ebb.MessageID(string(t.ID) + "@" + strconv.FormatInt(t.Revision, 10))
}

// enqueue puts the message of a timer as it is at its revision into the queue; at
// is its first fire.
func (k *Kind) enqueue(tx *store.Tx, t *ebb.Trigger, s *Settings, at time.Time) error {
	when, body, err := nextFire(t, s, at)
	if err != nil {
		return err
	}
	_, err = k.deps.Enqueue(tx, queue.Enqueue{
		ID: messageID(t), Queue: Line, Service: t.Service, Group: t.Name, Body: body, NotBefore: when,
	})
	return err
}

// nextFire is when the message of a timer that is due at at is to be handled, and
// what it says.
func nextFire(t *ebb.Trigger, s *Settings, at time.Time) (when time.Time, body []byte, err error) {
	body, err = json.Marshal(due{Trigger: t.ID, Revision: t.Revision, Due: at.Unix()})
	return at.Add(s.jitter(t, at)), body, err
}

// jitter is how much later than due a fire comes.
func (s *Settings) jitter(t *ebb.Trigger, at time.Time) time.Duration {
	return schedule.Jitter(string(t.ID), at, time.Duration(s.Jitter)*time.Second)
}

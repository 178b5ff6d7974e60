package timer

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// recheck is how often a fire that waits for the one before looks again, and
// retry after how long one that could not be handled is tried again.
const (
	recheck = time.Second
	retry   = 5 * time.Second
)

// maxMissed bounds how many missed fires are counted.
const maxMissed = 100_000

// fire is the handling of one message.
type fire struct {
	k    *Kind
	t    *ebb.Trigger
	plan *plan
	now  time.Time
	held bool

	due     time.Time // what is fired, or not
	next    time.Time // zero = never again
	missed  int64     // how many more were passed over
	outcome string
	refusal string // why the target does not take it
	task    ebb.MessageID
	cancel  ebb.MessageID // a task to be ended
}

// Fire is the handler of the queue Line.
func (k *Kind) Fire(ctx context.Context, m *queue.Message) queue.Outcome {
	var d due
	if err := json.Unmarshal(m.Body, &d); err != nil {
		return queue.Dead("the message of a timer cannot be read: "+err.Error(), nil)
	}
	f := &fire{k: k, now: k.deps.Now(), due: time.Unix(d.Due, 0), held: d.Held, outcome: ebb.FireDone}
	last, err := f.find(ctx, &d)
	switch {
	case err != nil:
		return k.later(ctx, m, err)
	case f.plan == nil: // deleted, paused or changed
		return queue.Done(nil)
	}
	f.decide()
	if f.outcome == ebb.FireDone {
		wait, err := f.overlap(ctx, last)
		if err != nil {
			return k.later(ctx, m, err)
		}
		if wait {
			d.Held = true
			body, _ := json.Marshal(d) // has no part that cannot be
			return queue.Later(f.now.Add(recheck), body).Free()
		}
	}
	send := func(*store.Tx) error { return nil }
	if f.outcome == ebb.FireDone {
		f.task = taskID(f.t, f.due)
		send, err = k.deps.Send(ctx, f.t, f.task, f.event())
		switch kind := ebb.KindOf(err); {
		case err == nil:
		case kind == ebb.NotFound || kind == ebb.Invalid || kind == ebb.TooLarge || kind == ebb.Forbidden:
			k.deps.Log.Warn("a timer's target does not take its event", "service", f.t.Service, "trigger", f.t.Name, "error", err)
			if send, err = f.refused(ctx, err); err != nil {
				return k.later(ctx, m, err)
			}
		default:
			return k.later(ctx, m, err)
		}
	}
	write := func(tx *store.Tx) error { return f.write(tx, send) }
	if f.next.IsZero() {
		return queue.Done(write)
	}
	at, body, err := nextFire(f.t, &f.plan.settings, f.next)
	if err != nil {
		return k.later(ctx, m, err)
	}
	return queue.Repeat(at, body, write)
}

// later has a message handled again that could not be.
func (k *Kind) later(ctx context.Context, m *queue.Message, err error) queue.Outcome {
	if ctx.Err() == nil {
		k.deps.Log.Error("a timer waits", "service", m.Service, "trigger", m.Group, "error", err)
	}
	return queue.Later(k.deps.Now().Add(retry), nil).Free()
}

// find finds the plan of a message, nil if the message is not its trigger's any
// more, and the task of the fire before, if the timer asks for it. Most fires are
// of a plan that is remembered, and read nothing.
func (f *fire) find(ctx context.Context, d *due) (last ebb.MessageID, err error) {
	p := f.k.plans.get(d.Trigger, d.Revision)
	if p == nil {
		err = f.k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
			p, err = read(tx, d)
			return err
		})
		if err != nil || p == nil {
			return "", err
		}
		f.k.plans.keep(p)
	}
	if p.settings.Overlap != Allow {
		err = f.k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
			last, err = tx.TriggerLastTask(d.Trigger)
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			return "", nil
		}
	}
	f.plan, f.t = p, p.t
	return last, err
}

// decide applies the misfire policy: what is fired now, and what is next.
func (f *fire) decide() {
	s := &f.plan.settings
	late := f.now.Sub(f.due.Add(s.jitter(f.t, f.due)))
	grace := time.Duration(s.Grace) * time.Second
	switch {
	case f.held:
		f.next = f.after(latest(f.now, f.due))
	case late <= grace:
		f.next = f.after(f.due)
	case s.Misfire == All:
		if oldest := f.now.Add(-time.Duration(s.CatchUp) * time.Second); f.due.Before(oldest) {
			f.outcome = ebb.FireMissed
			f.missed, _ = f.between(f.due, oldest)
			f.next = f.after(oldest.Add(-time.Nanosecond))
			break
		}
		f.next = f.after(f.due)
	case s.Misfire == Skip:
		f.outcome = ebb.FireMissed
		f.missed, _ = f.between(f.due, f.now.Add(-grace))
		f.next = f.after(latest(f.due, f.now.Add(-grace)))
	default: // Once: the last of those that are late stands for all
		missed, last := f.between(f.due, f.now)
		if missed > 0 {
			f.missed, f.due = missed, last
		}
		f.next = f.after(f.due)
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// after is when the timer is due after t; zero if never.
func (f *fire) after(t time.Time) time.Time {
	next, _ := f.plan.schedule.Next(t)
	return next
}

// between counts what is due after from up to to, as far as anybody counts, and
// tells the last of it.
func (f *fire) between(from, to time.Time) (n int64, last time.Time) {
	for t := f.after(from); !t.IsZero() && !t.After(to); t = f.after(t) {
		if n++; n == maxMissed {
			return n, f.lastBefore(to)
		}
		last = t
	}
	return n, last
}

// lastBefore is the last time due up to to, if there are very many before it.
func (f *fire) lastBefore(to time.Time) (last time.Time) {
	for back := time.Minute; last.IsZero(); back *= 2 {
		for t := f.after(to.Add(-back)); !t.IsZero() && !t.After(to); t = f.after(t) {
			last = t
		}
	}
	return last
}

// overlap applies the overlap policy; wait says that the fire is to come again.
// before is the task of the fire before.
func (f *fire) overlap(ctx context.Context, before ebb.MessageID) (wait bool, err error) {
	policy := f.plan.settings.Overlap
	if policy == Allow || before == "" {
		return false, nil
	}
	running, err := f.k.deps.Running(ctx, f.t, before)
	if err != nil || !running {
		return false, err
	}
	switch policy {
	case Skip:
		f.outcome = ebb.FireOverlap
	case Cancel:
		f.cancel = before
	case Queue:
		return true, nil
	}
	return false, nil
}

// write makes the fire so: its row, its delivery, and when the next one is.
func (f *fire) write(tx *store.Tx, send func(*store.Tx) error) error {
	err := tx.InsertFire(&ebb.Fire{Trigger: f.t.ID, Due: f.due, At: f.now, Outcome: f.outcome, Task: f.task}, f.t.Revision)
	switch {
	case errors.Is(err, store.ErrChanged):
		tx.AfterCommit(func() { f.k.plans.forget(f.t.ID) })
		return nil // a change has put another message in this one's place
	case errors.Is(err, store.ErrExists):
		err = tx.SetTriggerNext(f.t.ID, f.next)
	case err == nil:
		err = f.handOver(tx, send)
	}
	if err != nil {
		return err
	}
	if f.next.IsZero() && f.plan.settings.DeleteAfter {
		tx.AfterCommit(func() { f.k.plans.forget(f.t.ID) })
		return tx.DeleteTrigger(f.t.ID)
	}
	return nil
}

// handOver writes what a new fire brings about.
func (f *fire) handOver(tx *store.Tx, send func(*store.Tx) error) error {
	if f.cancel != "" {
		if err := f.k.deps.Stop(tx, f.t, f.cancel, "the timer "+f.t.Name+" fired again"); err != nil {
			return err
		}
	}
	if err := send(tx); err != nil {
		return err
	}
	// Without a task, the one before is still the last that was.
	s := &ebb.TriggerState{NextAt: f.next, LastAt: f.now, LastDue: f.due, LastTask: f.task, Outcome: f.outcome, Skipped: f.missed}
	switch f.outcome {
	case ebb.FireDone:
		s.Fired = 1
	case ebb.FireRefused:
		s.Failed, s.Error = 1, f.refusal
	default:
		s.Skipped++
	}
	if count := f.k.deps.Count; count != nil {
		c := ebb.TriggerCounts{Taken: 1, TakenAt: f.now}
		if f.outcome == ebb.FireRefused {
			c.Failed, c.Result, c.ResultAt = 1, f.refusal, f.now
		}
		tx.AfterCommit(func() { count(f.t.Ref(), c) })
	}
	if late := f.k.deps.Late; late != nil {
		due := f.due.Add(f.plan.settings.jitter(f.t, f.due))
		tx.AfterCommit(func() { late(f.k.deps.Now().Sub(due)) })
	}
	return tx.AddTriggerState(f.t.ID, s)
}

// refused is what is written in place of a delivery that the target does not take.
func (f *fire) refused(ctx context.Context, why error) (func(*store.Tx) error, error) {
	id := f.task
	f.outcome, f.task, f.refusal = ebb.FireRefused, "", why.Error()
	if f.k.deps.Refused == nil {
		return func(*store.Tx) error { return nil }, nil
	}
	return f.k.deps.Refused(ctx, f.t, id, why)
}

package object

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

// Happened has an event of the platform's own endpoint delivered to whom it
// concerns. When it returns nil, that is durable.
func (k *Kind) Happened(ctx context.Context, e *ebb.ObjectEvent) error {
	var ts []*ebb.Trigger
	err := k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		ts, err = tx.ObjectTriggers("", e.Bucket)
		return err
	})
	if err != nil {
		return err
	}
	for _, t := range ts {
		if err := k.offer(ctx, t, e, nil); err != nil {
			return err
		}
	}
	return nil
}

// delivery is one event on its way to a trigger's target.
type delivery struct {
	t     *ebb.Trigger
	id    ebb.MessageID
	event []byte
	held  *store.HeldEvent // where it comes from, if it was held

	// also is written in the same Tx; nil = nothing.
	also func(*store.Tx) error
}

// offer delivers an event to a trigger, if it is one that it takes. also is
// written in the same Tx, whatever becomes of the event.
func (k *Kind) offer(ctx context.Context, t *ebb.Trigger, e *ebb.ObjectEvent, also func(*store.Tx) error) error {
	s, err := read(t)
	if err != nil {
		return err
	}
	if !s.takes(e) {
		return k.write(ctx, also)
	}
	r := k.shape(s, e)
	wanted, err := matches(t, &r)
	if err != nil {
		return err
	}
	if !wanted {
		k.deps.Count(t.Ref(), ebb.TriggerCounts{Taken: 1, Filtered: 1})
		return k.count(ctx, t, &ebb.TriggerState{LastAt: k.deps.Now(), Skipped: 1, Outcome: "filtered"}, also)
	}
	event, err := encode(document{[]record{r}})
	if err != nil {
		return err
	}
	return k.hand(ctx, &delivery{t: t, id: taskID(t, e), event: event, also: also})
}

// matches reports whether a record is what the trigger's filters ask for.
func matches(t *ebb.Trigger, r *record) (bool, error) {
	f, err := trigger.NewFilter(t)
	if err != nil || len(t.Filters) == 0 {
		return err == nil, err
	}
	text, err := json.Marshal(r)
	return err == nil && f.Match(text), err
}

// errPaused says that the trigger of a held event is paused.
var errPaused = errors.New("the trigger is paused")

// hand hands an event over: into the queue, to those held if the trigger is
// paused, or, if the target does not take it, into the count of those.
func (k *Kind) hand(ctx context.Context, d *delivery) error {
	state := &ebb.TriggerState{LastAt: k.deps.Now(), LastTask: d.id, Fired: 1}
	send, err := k.deps.Send(ctx, d.t, d.id, d.event)
	switch kind := ebb.KindOf(err); {
	case err == nil:
	case kind == ebb.NotFound || kind == ebb.Invalid || kind == ebb.TooLarge || kind == ebb.Forbidden:
		k.deps.Log.Warn("a trigger's target does not take its event", "service", d.t.Service, "trigger", d.t.Name, "error", err)
		state = &ebb.TriggerState{LastAt: state.LastAt, Failed: 1, Outcome: ebb.FireRefused, Error: err.Error()}
		if send, err = k.deps.Refused(ctx, d.t, d.id, err); err != nil {
			return err
		}
	default:
		return err
	}
	return k.deps.Store.Tx(ctx, func(tx *store.Tx) error {
		now, err := tx.TriggerByID(d.t.ID)
		if errors.Is(err, store.ErrNotFound) {
			return run(tx, d.also)
		}
		if err != nil {
			return err
		}
		if now.Paused {
			if d.held != nil {
				return errPaused
			}
			if err := tx.HoldEvent(now.ID, &store.HeldEvent{ID: d.id, At: state.LastAt, Event: string(d.event)}); err != nil {
				return err
			}
			return run(tx, d.also)
		}
		if err := send(tx); err != nil {
			return err
		}
		if d.held != nil {
			if err := tx.DropHeldEvent(now.ID, d.held); err != nil {
				return err
			}
		}
		if err := tx.AddTriggerState(now.ID, state); err != nil {
			return err
		}
		tx.AfterCommit(func() {
			k.deps.Count(now.Ref(), ebb.TriggerCounts{Taken: 1, Failed: state.Failed, Result: state.Error, ResultAt: resultAt(state)})
		})
		return run(tx, d.also)
	})
}

// resultAt is when a target refused an event; zero = it did not.
func resultAt(s *ebb.TriggerState) time.Time {
	if s.Failed == 0 {
		return time.Time{}
	}
	return s.LastAt
}

// count writes what a trigger has done.
func (k *Kind) count(ctx context.Context, t *ebb.Trigger, s *ebb.TriggerState, also func(*store.Tx) error) error {
	return k.deps.Store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.AddTriggerState(t.ID, s); err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrChanged) {
			return err
		}
		return run(tx, also)
	})
}

func (k *Kind) write(ctx context.Context, also func(*store.Tx) error) error {
	if also == nil {
		return nil
	}
	return k.deps.Store.Tx(ctx, also)
}

func run(tx *store.Tx, also func(*store.Tx) error) error {
	if also == nil {
		return nil
	}
	return also(tx)
}

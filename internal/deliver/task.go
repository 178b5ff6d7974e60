package deliver

import (
	"context"
	"errors"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// Task returns a task with its attempts and its result.
func (d *Deliver) Task(ctx context.Context, service ebb.ServiceID, id ebb.MessageID) (*ebb.Task, error) {
	key := taskKey(service, id)
	m, err := d.Queue.Get(ctx, key)
	if err != nil {
		return nil, found(err, key)
	}
	t, inline, checked, err := readTask(m)
	if err != nil {
		return nil, err
	}
	if t.State == ebb.TaskSucceeded {
		t.Result, err = d.content(ctx, checked, m.Payload, inline)
	}
	return t, err
}

// TaskFilter chooses tasks, or deliveries, of one service.
type TaskFilter struct {
	Service  ebb.ServiceID
	Function string        // "" = all
	Prefix   string        // of the id
	State    ebb.TaskState // "" = all
	Before   ebb.MessageID // from the last page
}

// messages is the filter of a queue's messages that f stands for; a state of what
// is live is to be looked at again.
func (f *TaskFilter) messages(name string) (store.MessageFilter, error) {
	q := store.MessageFilter{Queue: name, Service: f.Service, Group: f.Function, Prefix: f.Prefix, Before: f.Before}
	switch f.State {
	case "":
	case ebb.TaskQueued, ebb.TaskRunning, ebb.TaskRetrying:
		q.State = new(ebb.MessageLive)
	case ebb.TaskSucceeded:
		q.State = new(ebb.MessageDone)
	case ebb.TaskFailed:
		q.State = new(ebb.MessageDead)
	case ebb.TaskStopped:
		q.State = new(ebb.MessageStopped)
	default:
		return q, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"state: %q is none of Queued, Running, Retrying, Succeeded, Failed, Stopped", clip(string(f.State), 64))
	}
	return q, nil
}

// Tasks returns up to limit tasks without results, the newest ids first, and the
// Before of the next page, "" on the last. A page may be short and have a next.
func (d *Deliver) Tasks(ctx context.Context, f TaskFilter, limit int) (ts []*ebb.Task, next ebb.MessageID, err error) {
	return list(ctx, d, Async, f, limit, func(m *ebb.Message) (*ebb.Task, ebb.TaskState, error) {
		t, _, _, err := readTask(m)
		if err != nil {
			return nil, "", err
		}
		return t, t.State, nil
	})
}

// list reads the messages of a queue that f chooses.
func list[T any](ctx context.Context, d *Deliver, queue string, f TaskFilter, limit int, read func(*ebb.Message) (T, ebb.TaskState, error)) (all []T, next ebb.MessageID, err error) {
	q, err := f.messages(queue)
	if err != nil {
		return nil, "", err
	}
	ms, next, err := d.Queue.List(ctx, q, limit)
	if err != nil {
		return nil, "", err
	}
	for _, m := range ms {
		one, state, err := read(m)
		if err != nil {
			return nil, "", err
		}
		if f.State == "" || state == f.State {
			all = append(all, one)
		}
	}
	return all, next, nil
}

// Stop ends a task that is not over: one that waits is not run, and one that
// runs loses its instance. Errors: NotFound; Conflict when it is over.
func (d *Deliver) Stop(ctx context.Context, service ebb.ServiceID, id ebb.MessageID) error {
	return d.change(ctx, taskKey(service, id), func(tx *store.Tx, m *ebb.Message) error {
		return d.Queue.Cancel(tx, m.MessageKey, "stopped on request")
	})
}

// Redrive has a failed task tried as if it were new. Errors: NotFound; Conflict
// when it has not failed.
func (d *Deliver) Redrive(ctx context.Context, service ebb.ServiceID, id ebb.MessageID) error {
	return d.change(ctx, taskKey(service, id), func(tx *store.Tx, m *ebb.Message) error {
		var env envelope
		content, err := unpack(m.Body, &env)
		if err != nil {
			return err
		}
		env.Tries, env.Faults = 0, 0
		body, err := pack(&env, content)
		if err != nil {
			return err
		}
		return d.Queue.Redrive(tx, m.MessageKey, body)
	})
}

// change does fn to a task or a delivery. Errors: NotFound; Conflict when its state
// does not allow that.
func (d *Deliver) change(ctx context.Context, key ebb.MessageKey, fn func(*store.Tx, *ebb.Message) error) error {
	return d.Store.Tx(ctx, func(tx *store.Tx) error {
		m, err := tx.Message(key)
		if err != nil {
			return found(err, key)
		}
		err = fn(tx, m)
		if errors.Is(err, store.ErrChanged) {
			state := taskState(m, nil)
			if key.Queue == Destinations {
				state = deliveryState(m)
			}
			return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "%s %s is %s", noun(key), key.ID, state)
		}
		return err
	})
}

// found is err, of reading a message, as those who asked for it know it.
func found(err error, key ebb.MessageKey) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "%s not found: %s", noun(key), clip(string(key.ID), 128))
}

// noun is what people call a message of the key's queue.
func noun(key ebb.MessageKey) string {
	if key.Queue == Destinations {
		return "Delivery"
	}
	return "Task"
}

func taskKey(service ebb.ServiceID, id ebb.MessageID) ebb.MessageKey {
	return ebb.MessageKey{Queue: Async, Service: service, ID: id}
}

// readTask reads a task from its message.
func readTask(m *ebb.Message) (t *ebb.Task, inline []byte, checked bool, err error) {
	var env envelope
	if inline, err = unpack(m.Body, &env); err != nil {
		return nil, nil, false, err
	}
	t = &ebb.Task{
		ID: m.ID, Request: env.Request, FunctionKey: ebb.FunctionKey{Service: m.Service, Name: m.Group}, Qualifier: env.Qualifier,
		State: taskState(m, &env), EnqueuedAt: m.EnqueuedAt, EndedAt: m.EndedAt, Reason: m.Reason,
		Attempts: env.Attempts, Tries: env.Tries,
	}
	if t.State == ebb.TaskQueued || t.State == ebb.TaskRetrying {
		t.NextAt = m.Due
	}
	if t.State == ebb.TaskSucceeded && !env.Keyed {
		inline = nil
	}
	return t, inline, env.Checked, nil
}

func taskState(m *ebb.Message, env *envelope) ebb.TaskState {
	switch {
	case m.State == ebb.MessageDone:
		return ebb.TaskSucceeded
	case m.State == ebb.MessageDead:
		return ebb.TaskFailed
	case m.State == ebb.MessageStopped:
		return ebb.TaskStopped
	case m.Leased:
		return ebb.TaskRunning
	case env != nil && len(env.Attempts) > 0 && env.Tries+env.Faults > 0:
		return ebb.TaskRetrying
	}
	return ebb.TaskQueued
}

// Queues is what package queue is told of deliver's queues.
func Queues(poison func(*queue.Message, string) queue.Outcome) map[string]queue.Options {
	return map[string]queue.Options{
		Async:        {PerGroup: true, Rank: queue.Yields, Poison: poison},
		Destinations: {PerGroup: true, Rank: queue.Yields},
	}
}

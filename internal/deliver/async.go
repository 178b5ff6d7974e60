package deliver

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// Conditions of an invocation record: why the task is over.
const (
	conditionSuccess   = "Success"
	conditionRetries   = "RetriesExhausted"
	conditionAge       = "EventAgeExceeded"
	conditionStopped   = "ZeroReservedConcurrency"
	conditionRecursion = "RecursiveInvocation"
	conditionRefused   = "InvocationRefused"
	conditionCrashed   = "PlatformCrashed"
)

// answer is the sink of an asynchronous invocation.
type answer struct {
	head ebb.Head
	body []byte
}

// Head implements ebb.Sink.
func (a *answer) Head(h ebb.Head) error { a.head = h; return nil }

// Write implements ebb.Sink.
func (a *answer) Write(b []byte) (int, error) {
	a.body = append(a.body, b...)
	return len(b), nil
}

// task is one attempt of an asynchronous invocation.
type task struct {
	d       *Deliver
	m       *queue.Message
	key     ebb.FunctionKey
	env     envelope
	inline  []byte // what stands in the message behind the envelope
	payload []byte
	set     *setting
	now     time.Time

	res    ebb.Result
	answer answer
	trace  string // what the function saw: what follows from it goes on with that
}

// Async is the handler of the queue Async: one attempt.
func (d *Deliver) Async(ctx context.Context, m *queue.Message) queue.Outcome {
	t := &task{d: d, m: m, key: ebb.FunctionKey{Service: m.Service, Name: m.Group}, now: d.cfg.Now()}
	var err error
	if t.inline, err = unpack(m.Body, &t.env); err != nil {
		d.Log.Error("a task cannot be read", "task", m.ID, "error", err)
		return queue.Dead(err.Error(), nil)
	}
	if t.set, err = d.settingsOf(ctx, t.key, &t.env); err != nil {
		return t.fault(ctx, err)
	}
	if t.payload, err = d.content(ctx, t.env.Checked, m.Payload, t.inline); err != nil {
		if ebb.KindOf(err) == ebb.NotFound {
			return t.failed(conditionRefused, err.Error())
		}
		return t.fault(ctx, err)
	}
	switch {
	case t.now.Sub(m.EnqueuedAt) >= t.set.maxAge:
		return t.failed(conditionAge, "the event waited for longer than "+t.set.maxAge.String())
	case t.set.stopped:
		return t.failed(conditionStopped, "the function's reserved concurrency is 0")
	}
	return t.attempt(ctx)
}

// attempt invokes the function.
func (t *task) attempt(ctx context.Context) queue.Outcome {
	inv := &ebb.Invocation{
		ID: t.env.Request, FunctionKey: t.key, Qualifier: t.env.Qualifier, Payload: t.payload,
		TraceID: t.env.Trace, Tenant: t.env.Tenant, Egress: t.env.Egress, Patience: time.Now().Add(t.d.cfg.Patience), Stop: ctx,
	}
	var err error
	t.res, err = t.d.Invoke(ctx, inv, &t.answer)
	t.trace = inv.TraceID
	took := t.d.cfg.Now().Sub(t.now)
	switch {
	case err == nil && t.res.FunctionError == "":
		t.env.note(ebb.Attempt{At: t.now.UTC(), Duration: took, Version: t.res.Version, Outcome: "ok"})
		return t.succeeded(ctx)
	case ctx.Err() != nil:
		// Somebody ended it, not the function: the process stops, the task was
		// stopped, or another process has it. It does not count.
		return queue.Later(t.d.cfg.Now(), nil).Free()
	case err != nil:
		return t.fault(ctx, err)
	}
	t.env.Faults = 0
	t.env.Tries++
	t.env.note(ebb.Attempt{At: t.now.UTC(), Duration: took, Version: t.res.Version, Outcome: "function-error",
		Error: t.res.ErrorType, Message: string(t.answer.body)})
	if t.env.Tries > t.set.maxRetries {
		return t.failed(conditionRetries, "the function failed "+t.res.ErrorType)
	}
	t.d.count(t.env.Policy, t.key.Service, ebb.TriggerCounts{Retried: 1})
	return t.again(after(t.retryDelays(), t.env.Tries))
}

// retryDelays are the function's own, or the platform's.
func (t *task) retryDelays() []time.Duration {
	v, err := t.d.Resolve(context.Background(), t.key, t.env.Qualifier)
	if err == nil {
		if own := v.RetryDelays(); len(own) > 0 {
			return own
		}
	}
	return t.d.cfg.RetryDelays
}

// fault is an attempt in which the function did not run.
func (t *task) fault(ctx context.Context, err error) queue.Outcome {
	a := ebb.Attempt{At: t.now.UTC(), Duration: t.d.cfg.Now().Sub(t.now), Outcome: "platform-error",
		Error: ebb.TypeOf(err), Message: err.Error()}
	condition := ""
	switch ebb.KindOf(err) {
	case ebb.Throttled:
		a.Outcome = "throttled"
	case ebb.Internal, ebb.Unavailable, ebb.QuotaExceeded:
	default: // it would be refused for ever
		a.Outcome, condition = "refused", conditionRefused
		if ebb.TypeOf(err) == ebb.TypeRecursiveInvocation {
			condition = conditionRecursion
		}
	}
	t.env.note(a)
	if condition != "" {
		return t.failed(condition, wording(err))
	}
	if a.Outcome == "platform-error" && ctx.Err() == nil {
		t.d.Log.Warn("an asynchronous invocation waits", "function", t.key.String(), "task", t.m.ID, "error", err)
	}
	delay := min(t.d.cfg.ThrottleDelay<<min(t.env.Faults, 20), t.d.cfg.ThrottleMax)
	t.env.Faults++
	// Half of it at random, so that what was throttled together does not come
	// again together.
	return t.again(delay/2 + rand.N(delay/2+1))
}

// again has the task tried after a while, but not later than it is too old.
func (t *task) again(delay time.Duration) queue.Outcome {
	at := t.d.cfg.Now().Add(delay)
	if t.set != nil {
		if old := t.m.EnqueuedAt.Add(t.set.maxAge); at.After(old) {
			at = old
		}
	}
	return queue.Later(at, t.body(t.inline))
}

// body is the message's body with the envelope as it is now.
func (t *task) body(content []byte) []byte {
	b, err := pack(&t.env, content)
	if err != nil { // an envelope is always JSON
		t.d.Log.Error("a task's envelope", "task", t.m.ID, "error", err)
		return t.m.Body
	}
	return b
}

// succeeded ends the task well.
func (t *task) succeeded(ctx context.Context) queue.Outcome {
	fn, err := t.follow(ctx, conditionSuccess, t.set.onSuccess)
	if err != nil {
		return t.fault(ctx, err)
	}
	keep, result, digest := t.d.cfg.KeepEvents, []byte(nil), ebb.Digest("")
	if t.env.Keyed {
		keep = t.d.cfg.KeepTasks
		if digest, result, err = t.d.check(ctx, t.answer.body); err != nil {
			return t.fault(ctx, err)
		}
	}
	t.env.Checked = digest != ""
	t.d.count(t.env.Policy, t.key.Service, ebb.TriggerCounts{Delivered: 1, ResultAt: t.d.cfg.Now()})
	return queue.Done(fn).Keep(t.d.cfg.Now().Add(keep), t.body(result)).Refer(digest)
}

// failed ends the task as a dead letter, and tells the destinations.
func (t *task) failed(condition, why string) queue.Outcome {
	ctx := context.Background() // what follows from a failure is not cut short
	destination := ""
	if t.set != nil {
		destination = t.set.onFailure
	}
	why = condition + ": " + strings.TrimSpace(why)
	fn, err := t.follow(ctx, condition, destination)
	if err == nil {
		fn, err = t.d.alarmed(ctx, fn, &Failure{
			Service: t.key.Service, Origin: t.env.Policy.origin(), Target: ebb.FunctionARN(t.d.cfg.Region, t.key, t.env.Qualifier),
			ID: t.m.ID, Request: t.env.Request, Condition: condition, Reason: why, Attempts: t.env.Tries + t.env.Faults,
			Error: t.res.ErrorType, Trace: t.trace,
		})
	}
	if err != nil {
		return t.fault(ctx, err)
	}
	t.d.count(t.env.Policy, t.key.Service, ebb.TriggerCounts{Dead: 1, Result: why, ResultAt: t.d.cfg.Now()})
	return queue.Dead(why, fn).With(t.body(t.inline))
}

// Poisoned is what becomes of a task that took several processes with it.
func (d *Deliver) Poisoned(m *queue.Message, reason string) queue.Outcome {
	t := &task{d: d, m: m, key: ebb.FunctionKey{Service: m.Service, Name: m.Group}, now: d.cfg.Now()}
	var err error
	if t.inline, err = unpack(m.Body, &t.env); err != nil {
		return queue.Dead(err.Error(), nil)
	}
	ctx := context.Background()
	if t.set, err = d.settingsOf(ctx, t.key, &t.env); err == nil {
		t.payload, err = d.content(ctx, t.env.Checked, m.Payload, t.inline)
	}
	if err != nil {
		return queue.Dead(conditionCrashed+": "+reason, nil).With(t.body(t.inline))
	}
	return t.failed(conditionCrashed, reason)
}

// wording is an error as its caller would have read it.
func wording(err error) string {
	if e, ok := errors.AsType[*ebb.Error](err); ok {
		return e.Type + ": " + e.Message
	}
	return err.Error()
}

// follow is what is to be written with the end of the task: its record to a
// destination and, where it failed, its payload to the dead-letter target. nil
// if there is neither. What is too large for a row is stored now.
func (t *task) follow(ctx context.Context, condition, destination string) (func(*store.Tx) error, error) {
	var sends []func(*store.Tx) error
	if condition != conditionSuccess {
		if v, err := t.d.Resolve(ctx, t.key, t.env.Qualifier); err == nil && v.DeadLetter != "" {
			send, err := t.d.send(ctx, t.key, v.DeadLetter, t.deadLetter(condition))
			if err != nil {
				return nil, err
			}
			sends = append(sends, send)
		}
	}
	if destination != "" {
		record, err := t.record(condition)
		if err != nil {
			return nil, err
		}
		send, err := t.d.send(ctx, t.key, destination, record)
		if err != nil {
			return nil, err
		}
		sends = append(sends, send)
	}
	if len(sends) == 0 {
		return nil, nil
	}
	return func(tx *store.Tx) error {
		for _, send := range sends {
			if err := send(tx); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

package deliver

import (
	"context"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// send prepares a delivery. What it returns enqueues it: as an asynchronous
// invocation if the target is a function, else for the queue Destinations.
func (d *Deliver) send(ctx context.Context, from ebb.FunctionKey, arn string, what *Delivery) (func(*store.Tx) error, error) {
	what.Target = arn
	t, err := ebb.ParseTarget(arn)
	if err != nil {
		return nil, err
	}
	var e *queue.Enqueue
	if t.Kind == ebb.TargetFunction {
		e, err = d.chain(ctx, t.Function, what)
	} else {
		e, err = d.delivery(ctx, from, what)
	}
	if err != nil {
		return nil, err
	}
	return func(tx *store.Tx) error {
		_, err := d.Queue.Enqueue(tx, *e)
		return err
	}, nil
}

// SendFailure prepares the delivery, to a destination, of the record of what a source
// gave up; folder is where it goes in a bucket. What it returns makes it so in a
// Tx.
func (d *Deliver) SendFailure(ctx context.Context, from ebb.FunctionKey, arn string, id ebb.MessageID, folder string, content []byte) (func(*store.Tx) error, error) {
	return d.send(ctx, from, arn, &Delivery{Request: ebb.InvocationID(id), Function: from, At: d.cfg.Now().UTC(), Folder: folder, Content: content})
}

// chain makes the invocation of a function that is a target.
func (d *Deliver) chain(ctx context.Context, to ebb.FunctionRef, what *Delivery) (*queue.Enqueue, error) {
	id, err := requestID()
	if err != nil {
		return nil, err
	}
	key := ebb.FunctionKey{Service: to.Service, Name: to.Name}
	env := &envelope{Request: id, Qualifier: to.Qualifier, Trace: what.Trace}
	return d.message(ctx, key, ebb.MessageID(id), env, what.Content)
}

// delivery makes the message of a delivery to somewhere outside.
func (d *Deliver) delivery(ctx context.Context, from ebb.FunctionKey, what *Delivery) (*queue.Enqueue, error) {
	e := &queue.Enqueue{Queue: Destinations, Service: from.Service, Group: from.Name}
	digest, inline, err := d.check(ctx, what.Content)
	if err != nil {
		return nil, err
	}
	e.Payload, what.Checked = digest, digest != ""
	e.Body, err = pack(what, inline)
	return e, err
}

// Destination is the handler of the queue Destinations: one try to deliver.
func (d *Deliver) Destination(ctx context.Context, m *queue.Message) queue.Outcome {
	what := new(Delivery)
	inline, err := unpack(m.Body, what)
	if err == nil {
		what.Content, err = d.content(ctx, what.Checked, m.Payload, inline)
	}
	if err == nil {
		err = d.deliver(ctx, what)
	}
	if err == nil {
		d.count(what.Policy, m.Service, ebb.TriggerCounts{Delivered: 1, ResultAt: d.cfg.Now()})
		return queue.Done(nil)
	}
	if ctx.Err() != nil {
		return queue.Later(d.cfg.Now(), nil).Free()
	}
	age, limit, left := d.cfg.Now().Sub(m.EnqueuedAt), d.cfg.DestinationAge, true
	if p := what.Policy; p != nil {
		if p.MaxAge > 0 {
			limit = p.MaxAge
		}
		left = p.MaxRetries == nil || m.Attempt <= *p.MaxRetries
	}
	if age >= limit || !left || what.Policy != nil && refusedForEver(err) {
		d.Log.Error("a destination did not take its delivery, which is a dead letter now",
			"function", what.Function.String(), "request", what.Request, "target", what.Target, "error", err)
		return d.undelivered(ctx, m, what, err)
	}
	d.count(what.Policy, m.Service, ebb.TriggerCounts{Retried: 1})
	if m.Attempt == 1 {
		d.Log.Warn("a destination does not take its delivery; it is tried again",
			"function", what.Function.String(), "request", what.Request, "target", what.Target, "error", err)
	}
	delay := min(d.cfg.ThrottleDelay<<min(m.Attempt-1, 20), d.cfg.ThrottleMax)
	return queue.Later(d.cfg.Now().Add(min(delay, max(limit-age, time.Millisecond))), nil)
}

// undelivered gives up a delivery, and tells those who want to hear of it.
func (d *Deliver) undelivered(ctx context.Context, m *queue.Message, what *Delivery, cause error) queue.Outcome {
	why := wording(cause)
	var fn func(*store.Tx) error
	var err error
	if p := what.Policy; p != nil && p.OnFailure != "" {
		failed := &Delivery{Request: what.Request, Function: what.Function, At: d.cfg.Now().UTC(), Trace: what.Trace, Content: undeliveredRecord(what, why, m.Attempt)}
		fn, err = d.send(ctx, what.Function, p.OnFailure, failed)
	}
	if err == nil {
		fn, err = d.alarmed(ctx, fn, &Failure{
			Service: m.Service, Origin: what.Policy.origin(), Target: what.Target, ID: m.ID, Request: what.Request,
			Condition: conditionRetries, Reason: why, Attempts: m.Attempt, Error: ebb.TypeOf(cause), Trace: what.Trace,
		})
	}
	if err != nil {
		d.Log.Error("what follows from a delivery given up is not written; it is tried again", "target", what.Target, "error", err)
		return queue.Later(d.cfg.Now().Add(d.cfg.ThrottleDelay), nil)
	}
	d.count(what.Policy, m.Service, ebb.TriggerCounts{Dead: 1, Result: why, ResultAt: d.cfg.Now()})
	return queue.Dead(why, fn)
}

func (d *Deliver) deliver(ctx context.Context, what *Delivery) error {
	t, err := ebb.ParseTarget(what.Target)
	if err != nil {
		return err
	}
	if err := d.Check(what.Function, t); err != nil {
		return err
	}
	return d.targets[t.Kind].Deliver(ctx, t, what)
}

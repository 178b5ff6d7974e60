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
	age := d.cfg.Now().Sub(m.EnqueuedAt)
	switch {
	case err == nil:
		return queue.Done(nil)
	case ctx.Err() != nil:
		return queue.Later(d.cfg.Now(), nil).Free()
	case age >= d.cfg.DestinationAge:
		d.Log.Error("a destination did not take its delivery, which is a dead letter now",
			"function", what.Function.String(), "request", what.Request, "target", what.Target, "error", err)
		return queue.Dead(wording(err), nil)
	}
	if m.Attempt == 1 {
		d.Log.Warn("a destination does not take its delivery; it is tried again",
			"function", what.Function.String(), "request", what.Request, "target", what.Target, "error", err)
	}
	delay := min(d.cfg.ThrottleDelay<<min(m.Attempt-1, 20), d.cfg.ThrottleMax)
	return queue.Later(d.cfg.Now().Add(min(delay, max(d.cfg.DestinationAge-age, time.Millisecond))), nil)
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

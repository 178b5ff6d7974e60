package deliver

import (
	"context"
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// Policy is how a source wants its events tried. What is not set is as the
// function says.
type Policy struct {
	MaxRetries *int          `json:"maxRetries,omitempty"`
	MaxAge     time.Duration `json:"maxAge,omitempty"`
	OnFailure  string        `json:"onFailure,omitempty"` // ARN
	Origin     *Origin       `json:"origin,omitempty"`
}

// Origin is the trigger whose event is delivered.
type Origin struct {
	Trigger ebb.TriggerID   `json:"trigger"`
	Name    string          `json:"name"`
	Kind    ebb.TriggerKind `json:"kind"`
	// Alarm says that the event tells of a failure. That it fails in turn is
	// counted, but raises no other alarm.
	Alarm bool   `json:"alarm,omitempty"`
	Trace string `json:"-"` // X-Amzn-Trace-Id of whoever sent the event, or ""
}

// origin is where the delivery comes from; nil = not from a trigger.
func (p *Policy) origin() *Origin {
	if p == nil {
		return nil
	}
	return p.Origin
}

// ref names the trigger of a service's event.
func (o *Origin) ref(service ebb.ServiceID) ebb.TriggerRef {
	return ebb.TriggerRef{TriggerKey: ebb.TriggerKey{Service: service, Name: o.Name}, ID: o.Trigger, Kind: o.Kind}
}

// over is set with what p says otherwise.
func (p *Policy) over(set *setting) *setting {
	if p == nil {
		return set
	}
	also := *set
	if p.MaxRetries != nil {
		also.maxRetries = *p.MaxRetries
	}
	if p.MaxAge > 0 {
		also.maxAge = p.MaxAge
	}
	if p.OnFailure != "" {
		also.onFailure = p.OnFailure
	}
	return &also
}

// Event prepares the delivery of a source's event to a target: a task if that is
// a function, else a delivery that is tried until it is taken. What it returns
// makes it so in a Tx, once for each id: an id that is taken is left as it is.
// Errors: NotFound for a function that is not there; Invalid; TooLarge.
func (d *Deliver) Event(ctx context.Context, service ebb.ServiceID, target string, id ebb.MessageID, content []byte, p *Policy) (func(*store.Tx) error, error) {
	t, err := ebb.ParseTarget(target)
	if err != nil {
		return nil, err
	}
	from := ebb.FunctionKey{Service: service, Name: t.Function.Name}
	if err := d.Check(from, t); err != nil {
		return nil, err
	}
	if int64(len(content)) > d.cfg.MaxPayload {
		return nil, d.TooLarge(int64(len(content)))
	}
	var e *queue.Enqueue
	if t.Kind == ebb.TargetFunction {
		if _, err := d.Resolve(ctx, from, t.Function.Qualifier); err != nil {
			return nil, err
		}
		var request ebb.InvocationID
		if request, err = requestID(); err != nil {
			return nil, err
		}
		env := &envelope{Request: request, Qualifier: t.Function.Qualifier, Policy: p}
		if o := p.origin(); o != nil {
			env.Trace = o.Trace
		}
		e, err = d.message(ctx, from, id, env, content)
	} else {
		what := &Delivery{Request: ebb.InvocationID(id), Function: from, Target: target, At: d.cfg.Now().UTC(), Content: content, Policy: p}
		if o := p.origin(); o != nil {
			what.Trace = o.Trace
		}
		e, err = d.delivery(ctx, from, what)
	}
	if err != nil {
		return nil, err
	}
	e.ID = id
	return func(tx *store.Tx) error {
		_, err := d.Queue.Enqueue(tx, *e)
		if errors.Is(err, store.ErrExists) {
			return nil
		}
		return err
	}, nil
}

// Waits reports whether what Event made of an id is not over: a task that is
// not, or a delivery that was not taken yet.
func (d *Deliver) Waits(ctx context.Context, service ebb.ServiceID, target string, id ebb.MessageID) (bool, error) {
	m, err := d.Queue.Get(ctx, eventKey(service, target, id))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil && m.State == ebb.MessageLive, err
}

// Withdraw ends what Event made of an id, if it is not over.
func (d *Deliver) Withdraw(tx *store.Tx, service ebb.ServiceID, target string, id ebb.MessageID, reason string) error {
	err := d.Queue.Cancel(tx, eventKey(service, target, id), reason)
	if errors.Is(err, store.ErrChanged) || errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// eventKey names the message of an event.
func eventKey(service ebb.ServiceID, target string, id ebb.MessageID) ebb.MessageKey {
	key := ebb.MessageKey{Queue: Destinations, Service: service, ID: id}
	if t, err := ebb.ParseTarget(target); err == nil && t.Kind == ebb.TargetFunction {
		key.Queue = Async
	}
	return key
}

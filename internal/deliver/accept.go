package deliver

import (
	"context"
	"errors"
	"regexp"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

var taskIDRE = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9._:@=+-]{0,127}$`)

// Accept takes an asynchronous invocation: once it returns nil, the event is
// durable. id is the task's, if the caller chose one. Errors: NotFound for a
// function that is not there; Invalid for an id; TooLarge; Throttled where as many
// wait as the service may have; Conflict for an id that has a task already, see Get.
func (d *Deliver) Accept(ctx context.Context, inv *ebb.Invocation, id ebb.MessageID) error {
	if id != "" && !taskIDRE.MatchString(string(id)) {
		return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"X-Ebb-Idempotency-Key: %q is not 1 to 128 letters, digits, and . _ : @ = + -", clip(string(id), 128))
	}
	if int64(len(inv.Payload)) > d.cfg.MaxPayload {
		return d.TooLarge(int64(len(inv.Payload)))
	}
	v, err := d.Resolve(ctx, inv.FunctionKey, inv.Qualifier)
	if err == nil {
		err = v.CheckTenant(inv.Tenant)
	}
	if err != nil {
		return err
	}
	env := &envelope{Request: inv.ID, Qualifier: inv.Qualifier, Trace: inv.TraceID, Tenant: inv.Tenant, Egress: inv.Egress,
		Keyed: id != ""}
	if id == "" {
		id = ebb.MessageID(inv.ID)
	}
	place, err := d.rooms.enter(ctx, inv.Service)
	if err != nil {
		return err
	}
	err = d.enqueue(ctx, inv.FunctionKey, id, env, inv.Payload)
	place.leave(err == nil || errors.Is(err, store.ErrOutcomeUnknown))
	if errors.Is(err, store.ErrExists) {
		return d.taken(ctx, inv.Service, id)
	}
	return err
}

// enqueue makes a task.
func (d *Deliver) enqueue(ctx context.Context, key ebb.FunctionKey, id ebb.MessageID, env *envelope, payload []byte) error {
	e, err := d.message(ctx, key, id, env, payload)
	if err != nil {
		return err
	}
	return d.Store.Tx(ctx, func(tx *store.Tx) error {
		_, err := d.Queue.Enqueue(tx, *e)
		return err
	})
}

// TooLarge is the refusal of a payload of so many bytes; -1 = nobody counted.
func (d *Deliver) TooLarge(size int64) error {
	if size < 0 {
		return ebb.Errorf(ebb.TooLarge, ebb.TypeRequestTooLarge,
			"The payload is too large for the Event invocation type (limit %d bytes)", d.cfg.MaxPayload)
	}
	return ebb.Errorf(ebb.TooLarge, ebb.TypeRequestTooLarge,
		"%d byte payload is too large for the Event invocation type (limit %d bytes)", size, d.cfg.MaxPayload)
}

// message makes a task's message. A payload that is too large for it is stored
// first.
func (d *Deliver) message(ctx context.Context, key ebb.FunctionKey, id ebb.MessageID, env *envelope, payload []byte) (*queue.Enqueue, error) {
	e := &queue.Enqueue{ID: id, Queue: Async, Service: key.Service, Group: key.Name}
	var err error
	if e.Payload, payload, err = d.check(ctx, payload); err != nil {
		return nil, err
	}
	env.Checked = e.Payload != ""
	e.Body, err = pack(env, payload)
	return e, err
}

// check stores content that is too large for a row, and returns what names it
// and what is left to keep in the row.
func (d *Deliver) check(ctx context.Context, content []byte) (ebb.Digest, []byte, error) {
	if len(content) <= d.cfg.Inline {
		return "", content, nil
	}
	digest, err := d.Payloads.PutPayload(ctx, content)
	return digest, nil, err
}

// content is what check was given.
func (d *Deliver) content(ctx context.Context, checked bool, digest ebb.Digest, inline []byte) ([]byte, error) {
	if !checked {
		return inline, nil
	}
	return d.Payloads.Payload(ctx, digest)
}

// taken words the refusal of an id that has a task.
func (d *Deliver) taken(ctx context.Context, service ebb.ServiceID, id ebb.MessageID) error {
	t, err := d.Task(ctx, service, id)
	if ebb.KindOf(err) == ebb.NotFound { // it was removed meanwhile
		return ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "task %s is being removed; send it again", id)
	}
	if err != nil {
		return err
	}
	return &ebb.Error{Kind: ebb.Conflict, Type: ebb.TypeResourceConflict, Reason: string(t.State),
		Message: "X-Ebb-Idempotency-Key: task " + string(id) + " of function " + t.Name + " exists already; its state is " + string(t.State)}
}

// requestID makes the id of an invocation that ebb itself starts.
func requestID() (ebb.InvocationID, error) {
	id, err := uuid.NewV7()
	return ebb.InvocationID(id.String()), err
}

// PayloadsInUse are the payloads in the artifact store that messages name.
func (d *Deliver) PayloadsInUse(ctx context.Context) (map[ebb.Digest]bool, error) {
	var keep map[ebb.Digest]bool
	err := d.Store.Read(ctx, func(tx *store.Tx) error {
		keep = make(map[ebb.Digest]bool)
		return tx.Payloads(func(digest ebb.Digest) { keep[digest] = true })
	})
	return keep, err
}

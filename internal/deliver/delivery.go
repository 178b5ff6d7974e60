package deliver

import (
	"context"
	"errors"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Deliveries returns up to limit deliveries that no target has taken, the newest
// ids first, and the Before of the next page, "" on the last. A page may be short
// and have a next.
func (d *Deliver) Deliveries(ctx context.Context, f TaskFilter, limit int) (ds []*ebb.Delivery, next ebb.MessageID, err error) {
	q, err := f.messages(Destinations)
	if err != nil {
		return nil, "", err
	}
	ms, next, err := d.Queue.List(ctx, q, limit)
	if err != nil {
		return nil, "", err
	}
	for _, m := range ms {
		one, err := readDelivery(m)
		if err != nil {
			return nil, "", err
		}
		if f.State == "" || one.State == f.State {
			ds = append(ds, one)
		}
	}
	return ds, next, nil
}

// Delivery returns one that no target has taken. Errors: NotFound.
func (d *Deliver) Delivery(ctx context.Context, service ebb.ServiceID, id ebb.MessageID) (*ebb.Delivery, error) {
	m, err := d.Queue.Get(ctx, deliveryKey(service, id))
	if err != nil {
		return nil, foundDelivery(err, id)
	}
	return readDelivery(m)
}

// RedriveDelivery has a delivery that was given up tried as if it were new.
// Errors: NotFound; Conflict when it was not given up.
func (d *Deliver) RedriveDelivery(ctx context.Context, service ebb.ServiceID, id ebb.MessageID) error {
	return d.Store.Tx(ctx, func(tx *store.Tx) error {
		m, err := tx.Message(deliveryKey(service, id))
		if err != nil {
			return foundDelivery(err, id)
		}
		err = d.Queue.Redrive(tx, m.MessageKey, nil)
		if errors.Is(err, store.ErrChanged) {
			return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "Delivery %s is %s", id, deliveryState(m))
		}
		return err
	})
}

func deliveryKey(service ebb.ServiceID, id ebb.MessageID) ebb.MessageKey {
	return ebb.MessageKey{Queue: Destinations, Service: service, ID: id}
}

// readDelivery reads a delivery from its message.
func readDelivery(m *ebb.Message) (*ebb.Delivery, error) {
	var what Delivery
	if _, err := unpack(m.Body, &what); err != nil {
		return nil, err
	}
	d := &ebb.Delivery{
		ID: m.ID, Request: what.Request, FunctionKey: what.Function, Target: what.Target, State: deliveryState(m),
		EnqueuedAt: m.EnqueuedAt, EndedAt: m.EndedAt, Reason: m.Reason, Attempts: m.Attempt,
	}
	if d.State == ebb.TaskQueued || d.State == ebb.TaskRetrying {
		d.NextAt = m.Due
	}
	return d, nil
}

func deliveryState(m *ebb.Message) ebb.TaskState {
	if state := taskState(m, nil); state != ebb.TaskQueued || m.Attempt == 0 {
		return state
	}
	return ebb.TaskRetrying
}

func foundDelivery(err error, id ebb.MessageID) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Delivery not found: %s", clip(string(id), 128))
}

package deliver

import (
	"context"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Deliveries returns up to limit deliveries that no target has taken, the newest
// ids first, and the Before of the next page, "" on the last. A page may be short
// and have a next.
func (d *Deliver) Deliveries(ctx context.Context, f TaskFilter, limit int) (ds []*ebb.Delivery, next ebb.MessageID, err error) {
	return list(ctx, d, Destinations, f, limit, func(m *ebb.Message) (*ebb.Delivery, ebb.TaskState, error) {
		one, err := readDelivery(m)
		if err != nil {
			return nil, "", err
		}
		return one, one.State, nil
	})
}

// Delivery returns one that no target has taken. Errors: NotFound.
func (d *Deliver) Delivery(ctx context.Context, service ebb.ServiceID, id ebb.MessageID) (*ebb.Delivery, error) {
	key := deliveryKey(service, id)
	m, err := d.Queue.Get(ctx, key)
	if err != nil {
		return nil, found(err, key)
	}
	return readDelivery(m)
}

// RedriveDelivery has a delivery that was given up tried as if it were new.
// Errors: NotFound; Conflict when it was not given up.
func (d *Deliver) RedriveDelivery(ctx context.Context, service ebb.ServiceID, id ebb.MessageID) error {
	return d.change(ctx, deliveryKey(service, id), func(tx *store.Tx, m *ebb.Message) error {
		return d.Queue.Redrive(tx, m.MessageKey, nil)
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

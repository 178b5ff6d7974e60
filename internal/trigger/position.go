package trigger

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Seeker is a Kind whose sources can be read on from elsewhere.
type Seeker interface {
	// CheckSeek refuses a place that cannot be meant and returns it as it is kept.
	CheckSeek(t *ebb.Trigger, to json.RawMessage) (json.RawMessage, error)
}

// Seek has a trigger's source read on from a place by hand. That is a change of
// the trigger: the sources that run end first, and those that begin read what the
// Tx has written.
func (g *Triggers) Seek(ctx context.Context, key ebb.TriggerKey, to json.RawMessage) (*ebb.Trigger, error) {
	t, err := g.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	kind, ok := g.kinds[t.Kind].(Seeker)
	if !ok {
		return nil, invalid("trigger %s is a %s trigger, which has no place to go to", key.Name, t.Kind)
	}
	if to, err = kind.CheckSeek(t, to); err != nil {
		return nil, err
	}
	now := *t
	err = g.deps.Store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateTrigger(&now); err != nil {
			return err
		}
		return tx.PutTriggerSeek(t.ID, t.Revision+1, to)
	})
	if errors.Is(err, store.ErrChanged) {
		return nil, ebb.Errorf(ebb.PreconditionFailed, ebb.TypePreconditionFailed, "trigger %s was changed meanwhile; try again", key.Name)
	}
	if err != nil {
		return nil, err
	}
	now.Revision++
	g.runs.changed()
	return &now, nil
}

// Positions returns how far a trigger has read its source, by part; none of kinds
// that do not read on from a place.
func (g *Triggers) Positions(ctx context.Context, t *ebb.Trigger) (ps []ebb.TriggerPosition, err error) {
	err = g.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		ps, err = tx.TriggerPositions(t.ID)
		return err
	})
	return ps, err
}

// ByID returns the trigger of a service with an id, or NotFound.
func (g *Triggers) ByID(ctx context.Context, service ebb.ServiceID, id ebb.TriggerID) (t *ebb.Trigger, err error) {
	err = g.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		t, err = tx.TriggerByID(id)
		return err
	})
	if err == nil && t.Service != service {
		err = store.ErrNotFound
	}
	return t, found(err, ebb.TriggerKey{Service: service, Name: string(id)})
}

package workflow

import (
	"context"
	"errors"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// CreateActivity makes an activity, or answers the one that is there, with the
// tags it has.
func (e *Engine) CreateActivity(ctx context.Context, service ebb.ServiceID, name string, tags map[string]string) (*ebb.Activity, error) {
	if !ebb.ValidStatesName(name) {
		return nil, invalid(TypeInvalidName, "Invalid Name: '%s'", name)
	}
	want := &ebb.Activity{Service: service, Name: name, CreatedAt: e.now(), Tags: tags}
	if len(tags) > MaxTags {
		return nil, tooManyTags(want.ARN(e.cfg.Region))
	}
	a := want
	err := e.store.Tx(ctx, func(tx *store.Tx) error {
		there, err := tx.Activity(service, name)
		if !errors.Is(err, store.ErrNotFound) {
			a = there
			return err
		}
		a = want
		return tx.InsertActivity(want)
	})
	return a, err
}

// Activity returns an activity.
func (e *Engine) Activity(ctx context.Context, service ebb.ServiceID, name string) (a *ebb.Activity, err error) {
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		a, err = tx.Activity(service, name)
		return found(err, noActivity((&ebb.Activity{Service: service, Name: name}).ARN(e.cfg.Region)))
	})
	return a, err
}

// Activities lists up to limit activities by name, after a name.
func (e *Engine) Activities(ctx context.Context, service ebb.ServiceID, after string, limit int) (as []*ebb.Activity, more bool, err error) {
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		as, err = tx.Activities(service, after, limit+1)
		return err
	})
	as, more = cut(as, limit)
	return as, more, err
}

// DeleteActivity removes an activity, if it is there.
func (e *Engine) DeleteActivity(ctx context.Context, service ebb.ServiceID, name string) error {
	return found(e.store.Tx(ctx, func(tx *store.Tx) error { return tx.DeleteActivity(service, name) }), nil)
}

// cut keeps limit of the limit+1 that were read and says whether there are more.
func cut[T any](items []T, limit int) ([]T, bool) {
	if len(items) > limit {
		return items[:limit], true
	}
	return items, false
}

package function

import (
	"context"
	"errors"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// PutRole makes a role of a service, or replaces its policy. Functions act with
// the new policy from their next request on.
func (f *Functions) PutRole(ctx context.Context, service ebb.ServiceID, name string, policy ebb.Policy) (*ebb.Role, error) {
	if !ebb.ValidRoleName(name) {
		return nil, invalid("name: %.140q is not 1 to 64 letters, digits and + = , . @ _ -", name)
	}
	if err := auth.CheckPolicy(&policy); err != nil {
		return nil, err
	}
	var out *ebb.Role
	now := f.now()
	err := f.commitRole(ctx, func(tx *store.Tx) (err error) {
		if _, err := tx.Service(service); err != nil {
			return foundService(err, string(service))
		}
		if err := tx.PutRole(&ebb.Role{Service: service, Name: name, Policy: policy, CreatedAt: now, LastModified: now}); err != nil {
			return err
		}
		out, err = tx.Role(service, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// GetRole returns a role of a service.
func (f *Functions) GetRole(ctx context.Context, service ebb.ServiceID, name string) (r *ebb.Role, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		r, err = tx.Role(service, name)
		return foundRole(err, name)
	})
	return r, err
}

// ListRoles returns up to max (at most MaxPage; 0 means that) roles of a service
// by name, and the marker of the next page.
func (f *Functions) ListRoles(ctx context.Context, service ebb.ServiceID, marker string, max int) (all []*ebb.Role, next string, err error) {
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.Role, error) {
		return tx.Roles(service, marker, limit)
	}, func(last *ebb.Role) string { return last.Name })
}

// DeleteRole removes a role. Functions that name it have the default permission
// set from then on.
func (f *Functions) DeleteRole(ctx context.Context, service ebb.ServiceID, name string) error {
	return f.commitRole(ctx, func(tx *store.Tx) error { return foundRole(tx.DeleteRole(service, name), name) })
}

func (f *Functions) commitRole(ctx context.Context, fn func(*store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "nothing was changed: %w", err)
	}
	err := f.store.Tx(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Touch(store.ChangeAccess, "")
	})
	for _, tell := range f.onRoleChange {
		tell()
	}
	return err
}

// checkRoleExists refuses a role that is not defined, where that is asked for.
func (f *Functions) checkRoleExists(ctx context.Context, service ebb.ServiceID, arn string) error {
	if !f.cfg.StrictRoles {
		return nil
	}
	_, err := f.GetRole(ctx, service, ebb.RoleName(arn))
	if ebb.KindOf(err) == ebb.NotFound && err != nil {
		return invalid("Role: The role defined for the function cannot be assumed by Lambda.")
	}
	return err
}

func foundRole(err error, name string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "there is no role %.80q in the service", name)
}

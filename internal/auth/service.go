package auth

import (
	"context"
	"errors"
	"net/http"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// ServiceHeader names the service that a request is about, by name or id. Only
// those who act for the whole node may name another one than their own.
const ServiceHeader = "X-Ebb-Service"

// actFor is p acting for the service that r names.
func (a *Auth) actFor(r *http.Request, p Principal) (Principal, error) {
	name := r.Header.Get(ServiceHeader)
	if name == "" || name == string(p.Service) {
		return p, nil
	}
	if a.cfg.Store == nil {
		return p, foundService(store.ErrNotFound, name)
	}
	id, err := a.services.get(r.Context(), name)
	switch {
	case !p.Node && (ebb.KindOf(err) == ebb.NotFound || err == nil && id != p.Service):
		// Whether there is such a service is not theirs to know.
		return p, ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied,
			"User: %s is not authorized to act for the service %.80q", p.name(), name)
	case err != nil:
		return p, err
	}
	p.Service = id
	return p, nil
}

// loadService finds the id of a service by its name or id.
func (a *Auth) loadService(ctx context.Context, name string, _ ebb.ServiceID) (id ebb.ServiceID, err error) {
	err = a.cfg.Store.Read(ctx, func(tx *store.Tx) error {
		find := tx.ServiceByName
		if ebb.ServiceID(name).Valid() {
			find = func(name string) (*ebb.Service, error) { return tx.Service(ebb.ServiceID(name)) }
		}
		s, err := find(name)
		if err == nil {
			id = s.ID
		}
		return foundService(err, name)
	})
	return id, err
}

// roleKey names a role.
type roleKey struct {
	service ebb.ServiceID
	name    string
}

// policy is what a function's role allows. A role that nobody defined has the
// default permission set.
func (a *Auth) policy(ctx context.Context, service ebb.ServiceID, name string) (*ebb.Policy, error) {
	if a.cfg.Store == nil {
		return defaultPolicy(service), nil
	}
	return a.roles.get(ctx, roleKey{service, name})
}

func (a *Auth) loadRole(ctx context.Context, k roleKey, _ *ebb.Policy) (policy *ebb.Policy, err error) {
	err = a.cfg.Store.Read(ctx, func(tx *store.Tx) error {
		r, err := tx.Role(k.service, k.name)
		switch {
		case errors.Is(err, store.ErrNotFound):
			policy = defaultPolicy(k.service)
			return nil
		case err != nil:
			return err
		}
		policy = &r.Policy
		return nil
	})
	return policy, err
}

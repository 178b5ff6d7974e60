package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// apiKeyPrefix begins every API key, so that scanners for leaked secrets know one.
const apiKeyPrefix = "ebbk_"

// apiKeyID begins the id of every API key: no access key's id does.
const apiKeyID = "key-"

// maxAPIKey is how long a key that somebody presents may be.
const maxAPIKey = 128

// maxKeyTriggers is how many routes a key may name.
const maxKeyTriggers = 100

// APIKey returns the API key that was presented for a route of a service, or who
// presents it is not let in.
func (a *Auth) APIKey(ctx context.Context, service ebb.ServiceID, trigger, presented string) (*ebb.APIKey, error) {
	if a.cfg.Store == nil || presented == "" || len(presented) > maxAPIKey {
		return nil, badAPIKey()
	}
	k, err := a.byAPIKey.get(ctx, sha256.Sum256([]byte(presented)))
	switch {
	case ebb.KindOf(err) == ebb.Unauthenticated && err != nil:
		return nil, err
	case err != nil:
		return nil, ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "API keys cannot be read: %w", err)
	case k.Service != service || !k.Enabled:
		return nil, badAPIKey()
	case !k.ExpiresAt.IsZero() && !a.cfg.Now().Before(k.ExpiresAt):
		return nil, badAPIKey()
	case len(k.Triggers) > 0 && !slices.Contains(k.Triggers, trigger):
		return nil, ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied, "the API key %s does not open this route", k.Name)
	}
	a.touch(k.ID)
	return k, nil
}

func badAPIKey() error {
	return ebb.Errorf(ebb.Unauthenticated, ebb.TypeUnauthorized, "X-Api-Key is missing, or no key that is in force")
}

func (a *Auth) loadAPIKey(ctx context.Context, hash [sha256.Size]byte, _ *ebb.APIKey) (k *ebb.APIKey, err error) {
	err = a.cfg.Store.Read(ctx, func(tx *store.Tx) (err error) {
		k, err = tx.APIKeyByHash(hex.EncodeToString(hash[:]))
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		err = badAPIKey()
	}
	return k, err
}

// CreateAPIKey makes an API key of k's service, name, triggers and expiry. The
// key itself, which is returned beside it, is told this once.
func (a *Auth) CreateAPIKey(ctx context.Context, k ebb.APIKey) (*ebb.APIKey, string, error) {
	if err := a.checkAPIKey(&k); err != nil {
		return nil, "", err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, "", err
	}
	var random [24]byte
	_, _ = rand.Read(random[:]) // never fails
	secret := apiKeyPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	k.ID, k.Enabled, k.CreatedAt, k.LastUsedAt = apiKeyID+id.String(), true, a.now(), time.Time{}
	sum := sha256.Sum256([]byte(secret))
	err = a.commit(ctx, func(tx *store.Tx) error { return tx.InsertAPIKey(&k, hex.EncodeToString(sum[:])) })
	if errors.Is(err, store.ErrExists) {
		return nil, "", ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "name: there is an API key %s already", k.Name)
	}
	if err != nil {
		return nil, "", err
	}
	return &k, secret, nil
}

// ChangeAPIKey is what to set of an API key; what is nil stays.
type ChangeAPIKey struct {
	Enabled   *bool
	ExpiresAt *time.Time // zero = never
	Triggers  *[]string
}

// UpdateAPIKey changes an API key. It is in force here when this returns, on
// other nodes within a second.
func (a *Auth) UpdateAPIKey(ctx context.Context, service ebb.ServiceID, name string, c ChangeAPIKey) (k *ebb.APIKey, err error) {
	err = a.commit(ctx, func(tx *store.Tx) (err error) {
		if k, err = tx.APIKey(service, name); err != nil {
			return err
		}
		assign(&k.Enabled, c.Enabled)
		assign(&k.ExpiresAt, c.ExpiresAt)
		assign(&k.Triggers, c.Triggers)
		if err := a.checkAPIKey(k); err != nil && (c.ExpiresAt != nil || c.Triggers != nil) {
			return err
		}
		return tx.UpdateAPIKey(k)
	})
	return k, foundAPIKey(err, name)
}

// DeleteAPIKey removes an API key for good.
func (a *Auth) DeleteAPIKey(ctx context.Context, service ebb.ServiceID, name string) error {
	return foundAPIKey(a.commit(ctx, func(tx *store.Tx) error { return tx.DeleteAPIKey(service, name) }), name)
}

// GetAPIKey returns an API key.
func (a *Auth) GetAPIKey(ctx context.Context, service ebb.ServiceID, name string) (k *ebb.APIKey, err error) {
	err = a.cfg.Store.Read(ctx, func(tx *store.Tx) (err error) {
		k, err = tx.APIKey(service, name)
		return err
	})
	return k, foundAPIKey(err, name)
}

// ListAPIKeys returns up to limit API keys of a service behind a name, by name.
func (a *Auth) ListAPIKeys(ctx context.Context, service ebb.ServiceID, after string, limit int) (all []*ebb.APIKey, err error) {
	err = a.cfg.Store.Read(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.APIKeys(service, after, limit)
		return err
	})
	return all, err
}

func (a *Auth) checkAPIKey(k *ebb.APIKey) error {
	switch {
	case !keyNameRE.MatchString(k.Name):
		return invalidKey("name: %.140q is not 1 to 64 letters, digits and _ . @ -, the first a letter or digit", k.Name)
	case !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(a.cfg.Now()):
		return invalidKey("expiresAt: %s is not in the future", k.ExpiresAt.UTC().Format(time.RFC3339))
	case len(k.Triggers) > maxKeyTriggers:
		return invalidKey("triggers: %d are more than %d", len(k.Triggers), maxKeyTriggers)
	}
	for i, name := range k.Triggers {
		if err := (ebb.TriggerKey{Name: name}).Validate(); err != nil {
			return invalidKey("triggers[%d]: %.80q is not the name of a trigger", i, name)
		}
	}
	return nil
}

func foundAPIKey(err error, name string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "there is no API key %.80q in the service", name)
}

package auth

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

var keyNameRE = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}$`)

// MaxPage is how many keys one answer of a list has at most.
const MaxPage = 100

// holder is an access key that was read: who proves to have it is p.
type holder struct {
	row      *store.Key
	verifier *verifier
}

// principal is who holds the key.
func (a *Auth) principalOf(k *ebb.AccessKey) Principal {
	p := Principal{Kind: Key, Service: k.Service, Role: string(k.Role), AccessKey: k.ID}
	if k.Service == "" {
		p.Node, p.Service = true, a.cfg.RootService
	}
	p.ARN = "arn:aws:iam::" + string(p.Service) + ":user/" + k.Name
	return p
}

// loadByID and loadByToken read a key for the memory of keys.
func (a *Auth) loadByID(ctx context.Context, id string, old *holder) (*holder, error) {
	return a.loadKey(ctx, old, func(tx *store.Tx) (*store.Key, error) { return tx.Key(id) })
}

func (a *Auth) loadByToken(ctx context.Context, hash [sha256.Size]byte, old *holder) (*holder, error) {
	return a.loadKey(ctx, old, func(tx *store.Tx) (*store.Key, error) { return tx.KeyByToken(hex.EncodeToString(hash[:])) })
}

func (a *Auth) loadKey(ctx context.Context, old *holder, read func(*store.Tx) (*store.Key, error)) (*holder, error) {
	var row *store.Key
	err := a.cfg.Store.Read(ctx, func(tx *store.Tx) (err error) {
		row, err = read(tx)
		return err
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil, invalidToken()
	}
	if err != nil {
		return nil, err
	}
	// The verifier keeps derived keys: it is made anew only for another secret.
	if old != nil && bytes.Equal(old.row.Secret.Blob, row.Secret.Blob) && a.principalOf(&old.row.AccessKey) == a.principalOf(&row.AccessKey) {
		return &holder{row: row, verifier: old.verifier}, nil
	}
	value, err := a.cfg.Open(row.ID, row.Secret)
	if err != nil {
		return nil, err
	}
	v := newVerifier(a.cfg, Credentials{AccessKeyID: row.ID, SecretAccessKey: string(value)}, a.principalOf(&row.AccessKey), false)
	return &holder{row: row, verifier: &v}, nil
}

// valid refuses a key that may not be used now, and notes the use of one that may.
func (a *Auth) valid(h *holder) error {
	now := a.cfg.Now()
	if !h.row.Enabled {
		return invalidToken()
	}
	if e := h.row.ExpiresAt; !e.IsZero() && !now.Before(e) {
		return expired()
	}
	return nil
}

// touch notes that a key has proved its holder, once in a minute at most.
func (a *Auth) touch(id string) {
	minute := a.cfg.Now().Unix() / 60
	was, known := a.touched.Load(id)
	if known && was.(int64) == minute {
		return
	}
	a.touched.Store(id, minute)
	a.usedMu.Lock()
	a.used[id] = time.Unix(minute*60, 0)
	a.usedMu.Unlock()
}

// Run writes down when keys were last used, once a minute, until ctx ends, and
// then the rest.
func (a *Auth) Run(ctx context.Context) error {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			a.writeUses(context.WithoutCancel(ctx))
			return nil
		}
		a.writeUses(ctx)
	}
}

// writeUses loses nothing but coarse times when the database is away.
func (a *Auth) writeUses(ctx context.Context) {
	a.usedMu.Lock()
	used := a.used
	a.used = make(map[string]time.Time)
	a.usedMu.Unlock()
	if len(used) == 0 {
		return
	}
	if err := a.cfg.Store.Tx(ctx, func(tx *store.Tx) error {
		for id, at := range used {
			touch := tx.TouchKey
			if strings.HasPrefix(id, apiKeyID) {
				touch = tx.TouchAPIKey
			}
			if err := touch(id, at); err != nil {
				return err
			}
		}
		return nil
	}); err != nil && a.cfg.Log != nil {
		a.cfg.Log.Warn("when access keys were last used is not written down", "error", err)
	}
}

// NewKey is an access key to be. ExpiresAt zero = never.
type NewKey struct {
	Service   ebb.ServiceID // "" = the node
	Name      string
	Role      ebb.PlatformRole
	ExpiresAt time.Time
}

// CreateKey makes an access key. The credentials are told this once.
func (a *Auth) CreateKey(ctx context.Context, n NewKey) (*ebb.AccessKey, Credentials, error) {
	if err := a.checkKey(n.Name, n.Role, n.ExpiresAt); err != nil {
		return nil, Credentials{}, err
	}
	var made *store.Key
	var c Credentials
	err := a.commit(ctx, func(tx *store.Tx) (err error) {
		if n.Service != "" {
			if _, err := tx.Service(n.Service); err != nil {
				return foundService(err, string(n.Service))
			}
		}
		made, c, err = a.insertKey(tx, n)
		return err
	})
	if err != nil {
		return nil, Credentials{}, err
	}
	return &made.AccessKey, c, nil
}

func (a *Auth) insertKey(tx *store.Tx, n NewKey) (*store.Key, Credentials, error) {
	c := Credentials{AccessKeyID: "AKIA" + rand.Text()[:16], SecretAccessKey: secret(30), Token: "ebb_" + secret(32)}
	sealed, err := a.cfg.Seal(tx, c.AccessKeyID, []byte(c.SecretAccessKey))
	if err != nil {
		return nil, c, err
	}
	hash := sha256.Sum256([]byte(c.Token))
	k := &store.Key{
		AccessKey: ebb.AccessKey{ID: c.AccessKeyID, Service: n.Service, Name: n.Name, Role: n.Role, Enabled: true,
			CreatedAt: a.now(), ExpiresAt: n.ExpiresAt},
		TokenHash: hex.EncodeToString(hash[:]), Secret: sealed,
	}
	return k, c, tx.InsertKey(k)
}

// ChangeKey is what may be changed of a key: what is nil stays. An ExpiresAt
// that points to zero means never.
type ChangeKey struct {
	Name      *string
	Role      *ebb.PlatformRole
	Enabled   *bool
	ExpiresAt *time.Time
}

// UpdateKey makes the change. It is in force here when the call returns, and on
// other nodes within a second.
func (a *Auth) UpdateKey(ctx context.Context, service ebb.ServiceID, id string, c ChangeKey) (*ebb.AccessKey, error) {
	var out *ebb.AccessKey
	err := a.commit(ctx, func(tx *store.Tx) error {
		k, err := keyOf(tx, service, id)
		if err != nil {
			return err
		}
		for _, set := range []func(){
			func() { assign(&k.Name, c.Name) }, func() { assign(&k.Role, c.Role) },
			func() { assign(&k.Enabled, c.Enabled) }, func() { assign(&k.ExpiresAt, c.ExpiresAt) },
		} {
			set()
		}
		expires := time.Time{}
		if c.ExpiresAt != nil {
			expires = *c.ExpiresAt
		}
		if err := a.checkKey(k.Name, k.Role, expires); err != nil {
			return err
		}
		out = &k.AccessKey
		return tx.UpdateKey(out)
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// RotateKey makes a key that takes the place of another one, which goes on to
// work for the overlap: until then both do.
func (a *Auth) RotateKey(ctx context.Context, service ebb.ServiceID, id string, overlap time.Duration) (*ebb.AccessKey, Credentials, error) {
	if overlap < 0 || overlap > maxOverlap {
		return nil, Credentials{}, invalidKey("overlap: %s is not between 0 and %s", overlap, maxOverlap)
	}
	var made *store.Key
	var c Credentials
	err := a.commit(ctx, func(tx *store.Tx) error {
		old, err := keyOf(tx, service, id)
		if err != nil {
			return err
		}
		if old.ReplacedBy != "" {
			return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "key: %s was replaced by %s already", id, old.ReplacedBy)
		}
		made, c, err = a.insertKey(tx, NewKey{Service: old.Service, Name: old.Name, Role: old.Role, ExpiresAt: old.ExpiresAt})
		if err != nil {
			return err
		}
		end := a.now().Add(overlap)
		if old.ExpiresAt.IsZero() || end.Before(old.ExpiresAt) {
			old.ExpiresAt = end
		}
		old.ReplacedBy = made.ID
		return tx.UpdateKey(&old.AccessKey)
	})
	if err != nil {
		return nil, Credentials{}, err
	}
	return &made.AccessKey, c, nil
}

// maxOverlap is how long a key may go on beside the one that replaced it.
const maxOverlap = 90 * 24 * time.Hour

// DeleteKey ends a key for good.
func (a *Auth) DeleteKey(ctx context.Context, service ebb.ServiceID, id string) error {
	return a.commit(ctx, func(tx *store.Tx) error {
		if _, err := keyOf(tx, service, id); err != nil {
			return err
		}
		return foundKey(tx.DeleteKey(id), id)
	})
}

// GetKey returns a key of a service ("" is the node).
func (a *Auth) GetKey(ctx context.Context, service ebb.ServiceID, id string) (out *ebb.AccessKey, err error) {
	err = a.cfg.Store.Read(ctx, func(tx *store.Tx) error {
		k, err := keyOf(tx, service, id)
		if err == nil {
			out = &k.AccessKey
		}
		return err
	})
	return out, err
}

// ListKeys returns up to MaxPage keys of a service ("" is the node) by id, and
// the marker of the next page.
func (a *Auth) ListKeys(ctx context.Context, service ebb.ServiceID, marker string) (all []*ebb.AccessKey, next string, err error) {
	err = a.cfg.Store.Read(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.Keys(service, marker, MaxPage+1)
		return err
	})
	if err == nil && len(all) > MaxPage {
		all = all[:MaxPage]
		next = all[MaxPage-1].ID
	}
	return all, next, err
}

// keyOf reads a key if it belongs to the service: another's is not there.
func keyOf(tx *store.Tx, service ebb.ServiceID, id string) (*store.Key, error) {
	k, err := tx.Key(id)
	if err == nil && k.Service != service {
		err = store.ErrNotFound
	}
	return k, foundKey(err, id)
}

func (a *Auth) checkKey(name string, role ebb.PlatformRole, expires time.Time) error {
	if !keyNameRE.MatchString(name) {
		return invalidKey("name: %.140q is not 1 to 64 letters, digits and _ . @ -, the first a letter or digit", name)
	}
	if !slices.Contains(ebb.PlatformRoles(), role) {
		return invalidKey("role: %.40q is none of %v", role, ebb.PlatformRoles())
	}
	if !expires.IsZero() && !expires.After(a.cfg.Now()) {
		return invalidKey("expiresAt: %s is not in the future", expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// commit makes a change of keys and forgets what was remembered of them.
func (a *Auth) commit(ctx context.Context, fn func(*store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "nothing was changed: %w", err)
	}
	err := a.cfg.Store.Tx(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Touch(store.ChangeAccess, "")
	})
	a.Forget()
	return err
}

// Forget drops what is remembered of keys, roles and services. It is called
// after each change of a role or service; keys see to it themselves.
func (a *Auth) Forget() {
	a.byID.forget()
	a.byToken.forget()
	a.byAPIKey.forget()
	a.roles.forget()
	a.services.forget()
}

func (a *Auth) now() time.Time { return a.cfg.Now().UTC().Truncate(time.Millisecond) }

func assign[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

func foundKey(err error, id string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "there is no access key %.40q in the service", id)
}

func foundService(err error, name string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "there is no service %.80q", name)
}

func invalidKey(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}

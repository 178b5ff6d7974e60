package secret

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Secrets seals, keeps and opens. It is safe for concurrent use.
type Secrets struct {
	cfg      Config
	store    *store.Store
	keys     atomic.Pointer[keys]
	rotating sync.Mutex         // held while the master key is replaced
	step     func(string) error // a test's way to end a rotation between two writes
	onChange []func(service ebb.ServiceID, name string)
}

// Open finds the master key of the database, or makes one for a new database,
// and finishes a replacement of it that broke off.
func Open(ctx context.Context, cfg Config, st *store.Store) (*Secrets, error) {
	s := &Secrets{cfg: cfg.withDefaults(), store: st, step: func(string) error { return nil }}
	return s, s.unlock(ctx)
}

// OnChange has fn called after a secret's value changed or went, before the
// change is acknowledged. fn must be quick. All OnChange calls come before the
// first request.
func (s *Secrets) OnChange(fn func(service ebb.ServiceID, name string)) {
	s.onChange = append(s.onChange, fn)
}

// Put is a new value of a secret, which is made if it is not there.
type Put struct {
	Service     ebb.ServiceID
	Name        string
	Description *string // nil = leave
	Value       []byte
}

// Put adds a version and makes it the current one. The Keep versions before it
// stay readable for pinned references. It returns the secret without its value.
func (s *Secrets) Put(ctx context.Context, p Put) (*ebb.Secret, error) {
	switch {
	case !ebb.ValidSecretName(p.Name):
		return nil, invalid("name: %.140q is not 1 to 128 letters, digits and _ . @ -, the first a letter or digit", p.Name)
	case len(p.Value) == 0:
		return nil, invalid("value: must not be empty")
	case len(p.Value) > MaxValue:
		return nil, invalid("value: has %d bytes; a secret has at most %d", len(p.Value), MaxValue)
	case p.Description != nil && utf8.RuneCountInString(*p.Description) > 256:
		return nil, invalid("description: longer than 256 characters")
	}
	now := s.cfg.Now().UTC().Truncate(time.Millisecond)
	var out *ebb.Secret
	err := s.commit(ctx, p.Service, p.Name, func(tx *store.Tx) error {
		if _, err := tx.Service(p.Service); err != nil {
			return found(err, "service", string(p.Service))
		}
		have, err := tx.Secret(p.Service, p.Name)
		if errors.Is(err, store.ErrNotFound) {
			if err := s.room(tx, p.Service); err != nil {
				return err
			}
			have, err = &ebb.Secret{Service: p.Service, Name: p.Name, CreatedAt: now}, nil
		}
		if err != nil {
			return err
		}
		have.Current++
		have.LastModified = now
		if p.Description != nil {
			have.Description = *p.Description
		}
		if err := tx.PutSecret(have); err != nil {
			return err
		}
		sealed, err := s.sealIn(tx, secretPlace(p.Service, p.Name, have.Current), p.Value)
		if err != nil {
			return err
		}
		v := ebb.SecretVersion{Number: have.Current, Size: len(p.Value), Binary: !isText(p.Value), CreatedAt: now}
		if err := tx.InsertSecretVersion(p.Service, p.Name, &v, sealed); err != nil {
			return err
		}
		if err := tx.DeleteSecretVersions(p.Service, p.Name, have.Current-int64(s.cfg.Keep)-1); err != nil {
			return err
		}
		out, err = tx.Secret(p.Service, p.Name)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Rotate is Put with a value of length random letters and digits, for secrets
// whose other side takes its value from ebb.
func (s *Secrets) Rotate(ctx context.Context, service ebb.ServiceID, name string, length int) (*ebb.Secret, error) {
	if length < 16 || length > 1024 {
		return nil, invalid("length: %d is not between 16 and 1024", length)
	}
	if _, err := s.Get(ctx, service, name); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for b.Len() < length {
		b.WriteString(rand.Text()) // base32: 5 bits a letter
	}
	return s.Put(ctx, Put{Service: service, Name: name, Value: b.Bytes()[:length]})
}

// Get returns a secret without its value.
func (s *Secrets) Get(ctx context.Context, service ebb.ServiceID, name string) (out *ebb.Secret, err error) {
	err = s.store.Read(ctx, func(tx *store.Tx) (err error) {
		out, err = tx.Secret(service, name)
		return found(err, "secret", name)
	})
	return out, err
}

// List returns up to max (at most MaxPage; 0 means that) secrets of a service by
// name, without their values, and the marker of the next page.
func (s *Secrets) List(ctx context.Context, service ebb.ServiceID, marker string, max int) (all []*ebb.Secret, next string, err error) {
	if max <= 0 || max > MaxPage {
		max = MaxPage
	}
	err = s.store.Read(ctx, func(tx *store.Tx) (err error) {
		all, err = tx.Secrets(service, marker, max+1)
		return err
	})
	if err == nil && len(all) > max {
		all = all[:max]
		next = all[max-1].Name
	}
	return all, next, err
}

// Delete removes a secret with all its versions. One that a function or the
// service refers to is refused, unless by force: then instances that have its
// value keep it until they end, and new ones cannot start.
func (s *Secrets) Delete(ctx context.Context, service ebb.ServiceID, name string, force bool) error {
	return s.commit(ctx, service, name, func(tx *store.Tx) error {
		if !force {
			if err := unused(tx, service, name); err != nil {
				return err
			}
		}
		return found(tx.DeleteSecret(service, name), "secret", name)
	})
}

// unused refuses a secret that something refers to.
func unused(tx *store.Tx, service ebb.ServiceID, name string) error {
	user := ""
	if err := tx.SecretUsers(service, name, func(v *ebb.Version) {
		if user == "" && Refers(v.Env, name) {
			user = "function " + v.Name + ":" + v.Qualifier()
		}
	}); err != nil {
		return err
	}
	sv, err := tx.Service(service)
	if err != nil {
		return found(err, "service", string(service))
	}
	if user == "" && Refers(sv.Env, name) {
		user = "the environment of service " + sv.Name
	}
	if user != "" {
		return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "secret %s is in use: %s refers to it", name, user)
	}
	return nil
}

// Refers reports whether an environment refers to a secret, whatever version.
func Refers(env map[string]string, name string) bool {
	for _, value := range env {
		if ref, ok := ebb.ParseSecretRef(value); ok && ref.Name == name {
			return true
		}
	}
	return false
}

// Value opens a version of a secret, 0 being the current one.
func (s *Secrets) Value(ctx context.Context, service ebb.ServiceID, ref ebb.SecretRef) ([]byte, ebb.SecretVersion, error) {
	var v ebb.SecretVersion
	var sealed ebb.Sealed
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		number, err := s.number(tx, service, ref)
		if err != nil {
			return err
		}
		v, sealed, err = tx.SecretValue(service, ref.Name, number)
		return found(err, "secret", ref.Name)
	})
	if err != nil {
		return nil, v, err
	}
	value, err := s.open(secretPlace(service, ref.Name, v.Number), sealed)
	return value, v, err
}

// Resolve returns env with the values that its references stand for. env itself
// is returned if it has none. What cannot be had is an error that names the
// variable and the secret.
func (s *Secrets) Resolve(ctx context.Context, service ebb.ServiceID, env map[string]string) (map[string]string, error) {
	var out map[string]string
	for name, text := range env {
		ref, ok := ebb.ParseSecretRef(text)
		if !ok {
			continue
		}
		if out == nil {
			out = make(map[string]string, len(env))
			for k, v := range env {
				out[k] = v
			}
		}
		value, v, err := s.Value(ctx, service, ref)
		if err != nil {
			return nil, at(name, err)
		}
		if out[name] = string(value); v.Binary {
			out[name] = base64.StdEncoding.EncodeToString(value)
		}
	}
	if out == nil {
		return env, nil
	}
	return out, nil
}

// Check refuses an environment that refers to what is not there.
func (s *Secrets) Check(ctx context.Context, service ebb.ServiceID, env map[string]string) error {
	for name, text := range env {
		ref, ok := ebb.ParseSecretRef(text)
		if !ok {
			continue
		}
		if ref.Name == "" {
			return invalid("Environment.Variables.%s: a reference has the form %sNAME or %sNAME#VERSION",
				name, ebb.SecretScheme, ebb.SecretScheme)
		}
		err := s.store.Read(ctx, func(tx *store.Tx) error {
			number, err := s.number(tx, service, ref)
			if err == nil {
				_, _, err = tx.SecretValue(service, ref.Name, number)
			}
			return found(err, "secret", ref.Name)
		})
		if ebb.KindOf(err) == ebb.NotFound {
			return invalid("Environment.Variables.%s: there is no %s in the service", name, text[len(ebb.SecretScheme):])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Secrets) number(tx *store.Tx, service ebb.ServiceID, ref ebb.SecretRef) (int64, error) {
	if ref.Version > 0 {
		return ref.Version, nil
	}
	have, err := tx.Secret(service, ref.Name)
	if err != nil {
		return 0, found(err, "secret", ref.Name)
	}
	return have.Current, nil
}

// SealKey seals the secret of an access key, within the transaction that stores it.
func (s *Secrets) SealKey(tx *store.Tx, id string, value []byte) (ebb.Sealed, error) {
	return s.sealIn(tx, keyPlace(id), value)
}

// OpenKey opens what SealKey sealed.
func (s *Secrets) OpenKey(id string, sealed ebb.Sealed) ([]byte, error) {
	return s.open(keyPlace(id), sealed)
}

// sealIn seals with the current master key if the database agrees on it.
func (s *Secrets) sealIn(tx *store.Tx, at, value []byte) (ebb.Sealed, error) {
	m := s.current()
	registered, err := tx.MasterKey()
	if err != nil {
		return ebb.Sealed{}, err
	}
	if registered != m.id {
		return ebb.Sealed{}, invalidKey("this node seals with master key %s, but the database belongs to %s; "+
			"bring the right key and start ebb again", m.id, registered)
	}
	return m.seal(at, value), nil
}

func (s *Secrets) open(at []byte, sealed ebb.Sealed) ([]byte, error) {
	m, err := s.forOpening(sealed.MasterID)
	if err != nil {
		return nil, err
	}
	return m.open(at, sealed)
}

// room keeps the number of secrets bounded.
func (s *Secrets) room(tx *store.Tx, service ebb.ServiceID) error {
	n, err := tx.CountSecrets(service)
	if err == nil && n >= maxSecrets {
		err = ebb.Errorf(ebb.QuotaExceeded, ebb.TypeResourceConflict, "name: the service has %d secrets, which is the most", n)
	}
	return err
}

func (s *Secrets) commit(ctx context.Context, service ebb.ServiceID, name string, fn func(*store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "nothing was changed: %w", err)
	}
	err := s.store.Tx(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Touch(store.ChangeSecret, string(service)+"/"+name)
	})
	if err == nil || errors.Is(err, store.ErrOutcomeUnknown) {
		for _, tell := range s.onChange {
			tell(service, name)
		}
	}
	return err
}

func secretPlace(service ebb.ServiceID, name string, number int64) []byte {
	return place("secret", string(service), name, strconv.FormatInt(number, 10))
}

func keyPlace(id string) []byte { return place("key", id) }

// isText reports whether a value can stand in an environment as it is.
func isText(value []byte) bool { return utf8.Valid(value) && bytes.IndexByte(value, 0) < 0 }

// at says which variable an error is about.
func at(variable string, err error) error {
	if e, ok := errors.AsType[*ebb.Error](err); ok {
		e := *e
		e.Message = "Environment.Variables." + variable + ": " + e.Message
		return &e
	}
	return err
}

func found(err error, what, name string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "there is no %s %q (any more)", what, name)
}

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}

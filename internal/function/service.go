package function

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// ServiceChange is a service to be, or a change of one: what is nil stays, or is
// empty in a new one.
type ServiceChange struct {
	ID               ebb.ServiceID // of a new one; "" = any that is free
	Name             *string
	Description      *string
	Env              map[string]string // nil = leave
	LogRetentionDays *int
	Egress           *ebb.Egress // nil = leave
	NoEgress         bool        // take the service's own limit of egress away
	Quota            *ebb.Quota
}

const maxRetentionDays = 3653 // as CloudWatch has it: ten years

// OnServiceChange has fn called after every committed change to a service,
// before the change is acknowledged. fn must be quick. All OnServiceChange calls
// come before the first request.
func (f *Functions) OnServiceChange(fn func(ebb.ServiceID)) {
	f.onServiceChange = append(f.onServiceChange, fn)
}

// OnRoleChange is OnServiceChange for roles.
func (f *Functions) OnRoleChange(fn func()) { f.onRoleChange = append(f.onRoleChange, fn) }

// CreateService makes a service. Name must be set.
func (f *Functions) CreateService(ctx context.Context, c ServiceChange) (*ebb.Service, error) {
	if c.Name == nil {
		return nil, missing("name")
	}
	if c.ID != "" && !c.ID.Valid() {
		return nil, invalid("id: %.40q is not twelve digits", c.ID)
	}
	s := &ebb.Service{ID: c.ID, CreatedAt: f.now()}
	if s.ID == "" {
		s.ID = newServiceID()
	}
	if err := f.changeService(ctx, s, &c); err != nil {
		return nil, err
	}
	err := f.commitService(ctx, s.ID, func(tx *store.Tx) error { return takenService(tx.InsertService(s), s) })
	if err != nil {
		return nil, err
	}
	return s, nil
}

// UpdateService changes a service. Its environment and quota hold for what
// begins after the call: instances that run leave when they are idle.
func (f *Functions) UpdateService(ctx context.Context, id ebb.ServiceID, c ServiceChange) (*ebb.Service, error) {
	var s *ebb.Service
	err := f.commitService(ctx, id, func(tx *store.Tx) (err error) {
		if s, err = tx.Service(id); err != nil {
			return foundService(err, string(id))
		}
		if c.Name != nil && id == ebb.DefaultService && *c.Name != s.Name {
			return invalid("name: the default service keeps its name")
		}
		if err := f.changeService(ctx, s, &c); err != nil {
			return err
		}
		return takenService(tx.UpdateService(s), s)
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// changeService carries c out on s, and checks what it sets.
func (f *Functions) changeService(ctx context.Context, s *ebb.Service, c *ServiceChange) error {
	set(&s.Name, c.Name)
	set(&s.Description, c.Description)
	set(&s.LogRetentionDays, c.LogRetentionDays)
	set(&s.Quota, c.Quota)
	if c.Env != nil {
		s.Env = someEnv(c.Env)
	}
	if c.Egress != nil {
		s.Egress = c.Egress
	}
	if c.NoEgress {
		s.Egress = nil
	}
	s.LastModified = f.now()
	if !ebb.ValidServiceName(s.Name) {
		return invalid("name: %.140q is not 1 to 63 small letters, digits and -, the first a letter", s.Name)
	}
	if utf8.RuneCountInString(s.Description) > MaxDescription {
		return invalid("description: longer than %d characters", MaxDescription)
	}
	if err := checkRange("logRetentionDays", s.LogRetentionDays, 0, maxRetentionDays, "days"); err != nil {
		return err
	}
	for field, n := range map[string]int64{
		"quota.concurrency": int64(s.Quota.Concurrency), "quota.memoryMB": int64(s.Quota.MemoryMB),
		"quota.requestsPerSecond": int64(s.Quota.Rate), "quota.functions": int64(s.Quota.Functions),
		"quota.events": int64(s.Quota.Events), "quota.codeStorageMB": s.Quota.CodeStorageMB,
	} {
		if n < 0 || n > 1<<40 {
			return invalid("%s: %d is not between 0 (no limit) and %d", field, n, int64(1)<<40)
		}
	}
	if s.Egress != nil {
		if err := s.Egress.Validate(); err != nil {
			return invalid("egress: %w", err)
		}
	}
	if c.Env == nil {
		return nil
	}
	if err := f.checkShared(s.Env); err != nil {
		return err
	}
	return f.checkReferences(ctx, s.ID, s.Env)
}

// DeleteService removes a service that has no functions, layers, workflows or triggers, with its keys, roles
// and secrets.
func (f *Functions) DeleteService(ctx context.Context, id ebb.ServiceID) error {
	if id == ebb.DefaultService {
		return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "the default service cannot be deleted")
	}
	return f.commitService(ctx, id, func(tx *store.Tx) error {
		has, err := tx.ServiceContents(id)
		if err != nil {
			return err
		}
		for _, kind := range slices.Sorted(maps.Keys(has)) {
			return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "service %s has %d %s; delete them first", id, has[kind], kind)
		}
		return foundService(tx.DeleteService(id), string(id))
	})
}

// Service returns a service by its id or name.
func (f *Functions) Service(ctx context.Context, name string) (s *ebb.Service, err error) {
	err = f.store.Read(ctx, func(tx *store.Tx) (err error) {
		if id := ebb.ServiceID(name); id.Valid() {
			s, err = tx.Service(id)
		} else {
			s, err = tx.ServiceByName(name)
		}
		return foundService(err, name)
	})
	return s, err
}

// Services returns up to max (at most MaxPage; 0 means that) services by name,
// and the marker of the next page.
func (f *Functions) Services(ctx context.Context, marker string, max int) (all []*ebb.Service, next string, err error) {
	return paged(ctx, f.store, max, func(tx *store.Tx, limit int) ([]*ebb.Service, error) {
		return tx.Services(marker, limit)
	}, func(last *ebb.Service) string { return last.Name })
}

// Quota is what a service may take of the platform.
func (f *Functions) Quota(ctx context.Context, id ebb.ServiceID) (ebb.Quota, error) {
	s, err := f.Service(ctx, string(id))
	if err != nil {
		return ebb.Quota{}, err
	}
	return s.Quota, nil
}

// Environment is what an instance of v finds in its environment of what users
// set: the service's variables, and over them the version's own. References to
// secrets are still in it.
func (f *Functions) Environment(ctx context.Context, v *ebb.Version) (map[string]string, error) {
	s, err := f.Service(ctx, string(v.Service))
	if err != nil || len(s.Env) == 0 {
		return v.Env, err
	}
	env := maps.Clone(s.Env)
	maps.Copy(env, v.Env)
	return env, nil
}

// checkShared refuses in a service's environment what changes how a single
// function is run.
func (f *Functions) checkShared(env map[string]string) error {
	for _, name := range ebb.Settings() {
		if _, ok := env[name]; ok {
			return invalid("env.%s: is a setting of one function, and cannot be shared", name)
		}
	}
	return f.checkEnv(env)
}

// checkReferences refuses references to secrets that are not there.
func (f *Functions) checkReferences(ctx context.Context, service ebb.ServiceID, env map[string]string) error {
	if f.cfg.CheckSecrets != nil {
		return f.cfg.CheckSecrets(ctx, service, env)
	}
	for name, value := range env {
		if _, ok := ebb.ParseSecretRef(value); ok {
			return invalid("Environment.Variables.%s: this platform keeps no secrets", name)
		}
	}
	return nil
}

// admitFunction refuses one more function in a service that is not there, or
// whose quota has no room.
func (f *Functions) admitFunction(tx *store.Tx, service ebb.ServiceID) error {
	s, err := tx.Service(service)
	if err != nil {
		return foundService(err, string(service))
	}
	if s.Quota.Functions == 0 {
		return nil
	}
	n, err := tx.CountFunctions(service)
	if err == nil && n >= s.Quota.Functions {
		return ebb.Errorf(ebb.QuotaExceeded, ebb.TypeCodeStorageExceeded,
			"Function limit exceeded: service %s has %d functions, and its quota is %d.", s.Name, n, s.Quota.Functions)
	}
	return err
}

// codeStorageMB is how much the packages of a service may take.
func (f *Functions) codeStorageMB(tx *store.Tx, service ebb.ServiceID) (int64, error) {
	s, err := tx.Service(service)
	if err != nil {
		return 0, foundService(err, string(service))
	}
	if q := s.Quota.CodeStorageMB; q > 0 {
		return min(q, f.cfg.CodeStorageMB), nil
	}
	return f.cfg.CodeStorageMB, nil
}

func (f *Functions) commitService(ctx context.Context, id ebb.ServiceID, fn func(*store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "nothing was changed: %w", err)
	}
	err := f.store.Tx(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		if err := fn(tx); err != nil {
			return err
		}
		return tx.Touch(store.ChangeService, string(id))
	})
	if err == nil || errors.Is(err, store.ErrOutcomeUnknown) {
		for _, tell := range f.onServiceChange {
			tell(id)
		}
	}
	return err
}

// newServiceID makes twelve digits that do not begin with 0.
func newServiceID() ebb.ServiceID {
	var b [8]byte
	_, _ = rand.Read(b[:]) // documented never to fail
	return ebb.ServiceID(fmt.Sprintf("%012d", 100_000_000_000+binary.BigEndian.Uint64(b[:])%900_000_000_000))
}

func takenService(err error, s *ebb.Service) error {
	if !errors.Is(err, store.ErrExists) {
		return err
	}
	return ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "there is a service with the name %q or the id %s already", s.Name, s.ID)
}

func foundService(err error, name string) error {
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "there is no service %.80q", name)
}

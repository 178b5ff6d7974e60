package trigger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// Kind knows the triggers of one kind.
type Kind interface {
	// Check refuses settings that cannot work, naming the field, and returns them
	// as they are kept: complete, with defaults filled in.
	Check(ctx context.Context, t *ebb.Trigger) (json.RawMessage, error)
	// Set is called in the Tx in which a trigger is made (old is nil), changed, or
	// deleted (now is nil). It is pure SQL and may be called again.
	Set(tx *store.Tx, old, now *ebb.Trigger) error
	// Sample is an event of the kind, to try a trigger with.
	Sample(ctx context.Context, t *ebb.Trigger) ([]byte, error)
	// Source is what must run for a trigger that is not paused; nil if nothing.
	Source(t *ebb.Trigger) Source
}

// Source yields events until ctx ends. An error is why it stopped earlier: it is
// begun again after a while. up says that it works.
type Source interface {
	Run(ctx context.Context, up func()) error
}

// Triggers creates, changes and runs triggers. It is safe for concurrent use.
type Triggers struct {
	cfg   Config
	deps  Deps
	kinds map[ebb.TriggerKind]Kind
	runs  runs

	counts counts
}

// New makes it over an open store.
func New(cfg Config, deps Deps, kinds map[ebb.TriggerKind]Kind) *Triggers {
	return &Triggers{cfg: cfg.withDefaults(), deps: deps, kinds: kinds, runs: newRuns()}
}

// MaxFilters is how many filters a trigger may have.
const MaxFilters = 10

// Bounds of a trigger's own retry policy.
const (
	MaxRetries = 185
	MinAgeS    = 60
	MaxAgeS    = 86400
)

// Bounds of one of a Kafka trigger, whose records stay where they are.
const (
	MaxKafkaRetries = 10_000
	MaxKafkaAgeS    = 604_800
)

// bounds are how often and for how many seconds a kind's events may be tried.
func bounds(kind ebb.TriggerKind) (retries, age int) {
	if kind == ebb.TriggerKafka {
		return MaxKafkaRetries, MaxKafkaAgeS
	}
	return MaxRetries, MaxAgeS
}

// Create makes a trigger of what t says; ID, Revision and times are given here.
// Errors: Invalid, naming the field; Conflict when the name is taken; NotFound
// for a target that is not there.
func (g *Triggers) Create(ctx context.Context, t ebb.Trigger) (*ebb.Trigger, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	t.ID, t.Revision, t.CreatedAt = ebb.TriggerID(id.String()), 1, g.cfg.Now().UTC().Truncate(time.Millisecond)
	t.ModifiedAt = t.CreatedAt
	if err := g.check(ctx, &t); err != nil {
		return nil, err
	}
	err = g.deps.Store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.InsertTrigger(&t); err != nil {
			return err
		}
		return g.kinds[t.Kind].Set(tx, nil, &t)
	})
	if errors.Is(err, store.ErrExists) {
		return nil, ebb.Errorf(ebb.Conflict, ebb.TypeResourceConflict, "name: there is a trigger %s already", t.Name)
	}
	if err != nil {
		return nil, err
	}
	g.changed(ctx, t.Kind)
	return &t, nil
}

// check completes t and refuses what cannot work.
func (g *Triggers) check(ctx context.Context, t *ebb.Trigger) error {
	if err := t.Validate(); err != nil {
		return err
	}
	kind := g.kinds[t.Kind]
	retries, age := bounds(t.Kind)
	switch {
	case kind == nil:
		return invalid("kind: %.140q is not offered by this platform", t.Kind)
	case t.Target == "":
		return invalid("target: missing")
	case t.MaxRetries != nil && (*t.MaxRetries < 0 || *t.MaxRetries > retries):
		return invalid("maxRetries: %d is not between 0 and %d", *t.MaxRetries, retries)
	case t.MaxAgeS != 0 && (t.MaxAgeS < MinAgeS || t.MaxAgeS > age):
		return invalid("maxAge: %d is not between %d and %d seconds", t.MaxAgeS, MinAgeS, age)
	}
	if _, err := NewFilter(t); err != nil {
		return err
	}
	if err := checkInput(t); err != nil {
		return err
	}
	if err := g.deps.CheckTarget(ctx, t.Service, t.Target); err != nil {
		return within("target", err)
	}
	if t.OnFailure != "" {
		if err := g.checkFailure(ctx, t); err != nil {
			return within("onFailure", err)
		}
	}
	var err error
	t.Settings, err = kind.Check(ctx, t)
	return err
}

// checkFailure refuses a failure destination that nothing can go to. A topic of a
// Kafka trigger is one of the cluster that it reads, not of the platform's own.
func (g *Triggers) checkFailure(ctx context.Context, t *ebb.Trigger) error {
	if t.Kind == ebb.TriggerKafka {
		target, err := ebb.ParseTarget(t.OnFailure)
		if err != nil || target.Kind == ebb.TargetKafka {
			return err
		}
	}
	return g.deps.CheckTarget(ctx, t.Service, t.OnFailure)
}

// within puts the field before an error's message.
func within(field string, err error) error {
	if e, ok := errors.AsType[*ebb.Error](err); ok {
		also := *e
		also.Message = field + ": " + e.Message
		return &also
	}
	return err
}

// edited is a trigger, and as it were with what edit does to it. The kind and the
// names stay.
func (g *Triggers) edited(ctx context.Context, key ebb.TriggerKey, edit func(*ebb.Trigger)) (old, now *ebb.Trigger, err error) {
	if old, err = g.Get(ctx, key); err != nil {
		return nil, nil, err
	}
	now = new(*old)
	edit(now)
	now.TriggerKey, now.ID, now.Kind, now.CreatedAt, now.Revision = old.TriggerKey, old.ID, old.Kind, old.CreatedAt, old.Revision
	now.ModifiedAt = g.cfg.Now().UTC().Truncate(time.Millisecond)
	return old, now, g.check(ctx, now)
}

// change makes a trigger what edit makes of it.
func (g *Triggers) change(ctx context.Context, key ebb.TriggerKey, edit func(*ebb.Trigger)) (*ebb.Trigger, error) {
	old, now, err := g.edited(ctx, key, edit)
	if err != nil {
		return nil, err
	}
	return g.replace(ctx, old, now)
}

// replace writes a trigger in place of what it was.
func (g *Triggers) replace(ctx context.Context, old, now *ebb.Trigger) (*ebb.Trigger, error) {
	err := g.deps.Store.Tx(ctx, func(tx *store.Tx) error {
		if err := tx.UpdateTrigger(now); err != nil {
			return err
		}
		next := *now
		next.Revision++
		return g.kinds[now.Kind].Set(tx, old, &next)
	})
	if errors.Is(err, store.ErrChanged) {
		return nil, ebb.Errorf(ebb.PreconditionFailed, ebb.TypePreconditionFailed, "trigger %s was changed meanwhile; read it again", old.Name)
	}
	if err != nil {
		return nil, err
	}
	now.Revision++
	g.changed(ctx, now.Kind)
	return now, nil
}

// Update replaces all that may change of a trigger: everything but its names, its
// kind and its state. revision, unless it is 0, is what it must still have.
func (g *Triggers) Update(ctx context.Context, t ebb.Trigger, revision int64) (*ebb.Trigger, error) {
	return g.update(ctx, t, revision, g.change)
}

// update has apply do what t says.
func (g *Triggers) update(ctx context.Context, t ebb.Trigger, revision int64,
	apply func(context.Context, ebb.TriggerKey, func(*ebb.Trigger)) (*ebb.Trigger, error)) (*ebb.Trigger, error) {
	old, err := g.Get(ctx, t.TriggerKey)
	switch {
	case err != nil:
		return nil, err
	case revision != 0 && revision != old.Revision:
		return nil, ebb.Errorf(ebb.PreconditionFailed, ebb.TypePreconditionFailed,
			"revision: trigger %s has %d, not %d", t.Name, old.Revision, revision)
	case t.Kind != "" && t.Kind != old.Kind:
		return nil, invalid("kind: trigger %s is a %s trigger; delete it to make it another", t.Name, old.Kind)
	}
	return apply(ctx, t.TriggerKey, func(now *ebb.Trigger) { *now = t })
}

// Preview is what Update would make of a trigger, and changes nothing.
func (g *Triggers) Preview(ctx context.Context, t ebb.Trigger, revision int64) (*ebb.Trigger, error) {
	return g.update(ctx, t, revision, func(ctx context.Context, key ebb.TriggerKey, edit func(*ebb.Trigger)) (*ebb.Trigger, error) {
		_, now, err := g.edited(ctx, key, edit)
		return now, err
	})
}

// Pause stops a trigger taking events; Resume lets it again. Either may be called
// in any state. What could not be made any more, its target being gone, can be
// paused.
func (g *Triggers) Pause(ctx context.Context, key ebb.TriggerKey) (*ebb.Trigger, error) {
	old, err := g.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	now := new(*old)
	now.Paused, now.ModifiedAt = true, g.cfg.Now().UTC().Truncate(time.Millisecond)
	return g.replace(ctx, old, now)
}

// Resume is the opposite of Pause.
func (g *Triggers) Resume(ctx context.Context, key ebb.TriggerKey) (*ebb.Trigger, error) {
	return g.change(ctx, key, func(t *ebb.Trigger) { t.Paused = false })
}

// Test delivers one event now, or a sample of the kind's if it is nil, paused or
// not. It returns the id of what that became.
func (g *Triggers) Test(ctx context.Context, key ebb.TriggerKey, event []byte) (ebb.MessageID, error) {
	t, err := g.Get(ctx, key)
	if err != nil {
		return "", err
	}
	if event == nil {
		if event, err = g.kinds[t.Kind].Sample(ctx, t); err != nil {
			return "", err
		}
	}
	random, err := uuid.NewV7()
	if err != nil {
		return "", err
	}
	id := ebb.MessageID("test-" + random.String())
	send, err := g.deps.Send(ctx, t, id, event)
	if err != nil {
		return "", err
	}
	return id, g.deps.Store.Tx(ctx, send)
}

// Get returns a trigger, or NotFound.
func (g *Triggers) Get(ctx context.Context, key ebb.TriggerKey) (t *ebb.Trigger, err error) {
	err = g.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		t, err = tx.Trigger(key)
		return err
	})
	return t, found(err, key)
}

// State returns what a trigger has done.
func (g *Triggers) State(ctx context.Context, t *ebb.Trigger) (s *ebb.TriggerState, err error) {
	err = g.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		s, err = tx.TriggerState(t.ID)
		return err
	})
	return s, found(err, t.TriggerKey)
}

// List returns up to limit triggers, by service and name, behind f.After.
func (g *Triggers) List(ctx context.Context, f store.TriggerFilter, limit int) (ts []*ebb.Trigger, err error) {
	err = g.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		ts, err = tx.Triggers(f, limit)
		return err
	})
	return ts, err
}

// Fires returns up to limit fires of a timer that were due before a moment, the
// latest first.
func (g *Triggers) Fires(ctx context.Context, t *ebb.Trigger, before time.Time, limit int) (fs []*ebb.Fire, err error) {
	err = g.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		fs, err = tx.Fires(t.ID, before, limit)
		return err
	})
	return fs, err
}

// Delete removes a trigger for good. What it has handed over runs on.
func (g *Triggers) Delete(ctx context.Context, key ebb.TriggerKey) error {
	var gone ebb.TriggerKind
	err := g.deps.Store.Tx(ctx, func(tx *store.Tx) error {
		t, err := tx.Trigger(key)
		if err != nil {
			return err
		}
		gone = t.Kind
		if kind := g.kinds[t.Kind]; kind != nil {
			if err := kind.Set(tx, t, nil); err != nil {
				return err
			}
		}
		return tx.DeleteTrigger(t.ID)
	})
	if err == nil {
		g.changed(ctx, gone)
		if g.deps.Metrics != nil {
			g.deps.Metrics.ForgetTrigger(key)
		}
	}
	return found(err, key)
}

// changed tells whoever goes by the triggers of a kind.
func (g *Triggers) changed(ctx context.Context, kind ebb.TriggerKind) {
	g.runs.changed()
	if g.deps.Changed != nil {
		g.deps.Changed(context.WithoutCancel(ctx), kind)
	}
}

// found words the absence of a trigger.
func found(err error, key ebb.TriggerKey) error {
	if errors.Is(err, store.ErrNotFound) {
		return ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Trigger not found: %s", key.Name)
	}
	return err
}

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "%s", fmt.Sprintf(format, args...))
}

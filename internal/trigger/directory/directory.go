package directory

import (
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

// Outcome is how a task went.
type Outcome int

// The outcomes of a task.
const (
	Waiting   Outcome = iota // it is not over
	Succeeded                // it is, and well
	Failed                   // it was given up
	Forgotten                // nobody knows any more
)

// Deps is what directory triggers stand on.
type Deps struct {
	Store  *store.Store
	Log    *slog.Logger
	Region string
	Now    func() time.Time // nil = time.Now
	// Allowed are the folders that triggers may look at.
	Allowed []ebb.DirectoryOffer
	// Send prepares the delivery of an event to a trigger's target as the task id;
	// what it returns makes it so in a Tx.
	Send func(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error)
	// Outcome is how a task that Send made went.
	Outcome func(ctx context.Context, t *ebb.Trigger, id ebb.MessageID) (Outcome, error)
	// Count is trigger.Triggers.Count; nil = nobody counts.
	Count func(t ebb.TriggerRef, c ebb.TriggerCounts)
}

// Kind is the directory triggers of a node.
type Kind struct{ deps Deps }

// New makes it.
func New(deps Deps) *Kind {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	return &Kind{deps}
}

// ruleSource marks folders among the rules of buckets.
const ruleSource = "directory"

// Set implements trigger.Kind: it writes the rule, unless it overlaps with
// another one of the folder.
func (k *Kind) Set(tx *store.Tx, _, now *ebb.Trigger) error {
	if now == nil {
		return nil // its rows go with it
	}
	s, err := read(now)
	if err != nil {
		return err
	}
	others, err := tx.ObjectTriggers(ruleSource, s.Path)
	if err != nil {
		return err
	}
	for _, other := range others {
		o, err := read(other)
		if err != nil {
			return err
		}
		if other.ID != now.ID && s.overlaps(o) {
			return invalid("directory: its rule overlaps with that of trigger %s, which takes files of the same folder", other.Name)
		}
	}
	return tx.PutObjectRule(now.ID, ruleSource, s.Path)
}

// Source implements trigger.Kind.
func (k *Kind) Source(t *ebb.Trigger) trigger.Source {
	s, err := read(t)
	return &folder{k: k, t: t, s: s, bad: err, pending: make(map[string]pending)}
}

// Sample implements trigger.Kind.
func (k *Kind) Sample(_ context.Context, t *ebb.Trigger) ([]byte, error) {
	s, err := read(t)
	if err != nil {
		return nil, err
	}
	return k.event(t, s, &file{name: s.Prefix + "example" + s.Suffix, size: 1024, modified: k.deps.Now()})
}

// read reads a trigger's settings, which were checked when they were set.
func read(t *ebb.Trigger) (*Settings, error) {
	s := new(Settings)
	if len(t.Settings) == 0 {
		return s, nil
	}
	return s, json.Unmarshal(t.Settings, s)
}

// offer is the folder of the configuration that a path is in, if a service may
// have it.
func (k *Kind) offer(service ebb.ServiceID, path string) *ebb.DirectoryOffer {
	for i := range k.deps.Allowed {
		o := &k.deps.Allowed[i]
		if rel, err := filepath.Rel(o.Path, path); err == nil && filepath.IsLocal(rel) && o.OfferedTo(service) {
			return o
		}
	}
	return nil
}

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}

package object

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

// Deps is what object triggers stand on.
type Deps struct {
	Store  *store.Store
	Log    *slog.Logger
	Region string
	Now    func() time.Time // nil = time.Now
	// Send prepares the delivery of an event to a trigger's target as the task id;
	// what it returns makes it so in a Tx.
	Send func(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error)
	// Refused prepares what is to be written when a target does not take an event.
	Refused func(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, why error) (func(*store.Tx) error, error)
	// Count is trigger.Triggers.Count.
	Count func(t ebb.TriggerRef, c ebb.TriggerCounts)
	// Bucket refuses a bucket of the platform's own endpoint that is not a
	// service's. nil = there is no such endpoint.
	Bucket func(ctx context.Context, service ebb.ServiceID, bucket string) error
	// Resolve replaces references to secrets of a service with what they stand for.
	Resolve func(ctx context.Context, service ebb.ServiceID, values map[string]string) (map[string]string, error)
	// URL is that of the data plane, where webhooks are called.
	URL func() string
}

// Kind is the object triggers of a platform.
type Kind struct{ deps Deps }

// New makes it.
func New(deps Deps) *Kind {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Refused == nil {
		deps.Refused = func(context.Context, *ebb.Trigger, ebb.MessageID, error) (func(*store.Tx) error, error) {
			return func(*store.Tx) error { return nil }, nil
		}
	}
	if deps.Count == nil {
		deps.Count = func(ebb.TriggerRef, ebb.TriggerCounts) {}
	}
	return &Kind{deps}
}

// Set implements trigger.Kind: it writes the rule, unless it overlaps with
// another one.
func (k *Kind) Set(tx *store.Tx, _, now *ebb.Trigger) error {
	if now == nil {
		return nil // its rows go with it
	}
	s, err := read(now)
	if err != nil {
		return err
	}
	others, err := tx.ObjectTriggers(s.source(now), s.Bucket)
	if err != nil {
		return err
	}
	for _, other := range others {
		if other.ID == now.ID {
			continue
		}
		o, err := read(other)
		if err != nil {
			return err
		}
		if event, overlaps := s.overlaps(o); overlaps {
			return invalid("object: its rule overlaps with that of trigger %s: both take %s of keys that begin with %q and end in %q",
				other.Name, event, longer(s.Prefix, o.Prefix), longer(s.Suffix, o.Suffix))
		}
	}
	return tx.PutObjectRule(now.ID, s.source(now), s.Bucket)
}

// Sample implements trigger.Kind.
func (k *Kind) Sample(_ context.Context, t *ebb.Trigger) ([]byte, error) {
	s, err := read(t)
	if err != nil {
		return nil, err
	}
	name := "ObjectCreated:Put"
	if p := patternOf(s.Events[0]); p[len(p)-1] != '*' {
		name = p
	}
	now := k.deps.Now().UTC()
	return k.document(s, &ebb.ObjectEvent{
		Name: name, Bucket: s.Bucket, Owner: string(t.Service), Key: s.Prefix + "test/key" + s.Suffix, Size: 1024,
		ETag: "0123456789abcdef0123456789abcdef", Sequencer: "0A1B2C3D4E5F678901", Time: now,
		Principal: "arn:aws:iam::" + string(t.Service) + ":root", SourceIP: "127.0.0.1",
		RequestID: "EXAMPLE123456789", HostID: "EXAMPLE123/5678abcdefghijklambdaisawesome/mnopqrstuvwxyzABCDEFGH",
	})
}

// Source implements trigger.Kind.
func (k *Kind) Source(t *ebb.Trigger) trigger.Source {
	s, err := read(t)
	switch {
	case err != nil:
		return &held{k, t}
	case s.Kafka != nil:
		return &topic{k, t, s}
	case s.Poll != nil:
		return &list{k: k, t: t, s: s}
	}
	return &held{k, t}
}

// held delivers what came while a trigger was paused.
type held struct {
	k *Kind
	t *ebb.Trigger
}

// heldAgain is how often is looked for an event that was held while its trigger
// was resumed.
const heldAgain = 15 * time.Second

// page is how many rows are read at once.
const page = 100

// Run implements trigger.Source.
func (h *held) Run(ctx context.Context, up func()) error {
	tick := time.NewTicker(heldAgain)
	defer tick.Stop()
	for {
		if err := h.drain(ctx); err != nil {
			return err
		}
		up()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (h *held) drain(ctx context.Context) error {
	for ctx.Err() == nil {
		var es []*store.HeldEvent
		err := h.k.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
			es, err = tx.HeldEvents(h.t.ID, page)
			return err
		})
		if err != nil || len(es) == 0 {
			return err
		}
		for _, e := range es {
			d := &delivery{t: h.t, id: e.ID, event: []byte(e.Event), held: e}
			if err := h.k.hand(ctx, d); errors.Is(err, errPaused) {
				return nil // it is about to be ended
			} else if err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// read reads a trigger's settings, which were checked when they were set.
func read(t *ebb.Trigger) (*Settings, error) {
	s := new(Settings)
	return s, json.Unmarshal(t.Settings, s)
}

func longer(a, b string) string {
	if len(a) > len(b) {
		return a
	}
	return b
}

func invalid(format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, format, args...)
}

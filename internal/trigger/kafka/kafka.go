package kafka

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

// Deps is what Kafka triggers stand on.
type Deps struct {
	Store *store.Store
	Log   *slog.Logger
	Now   func() time.Time // nil = time.Now
	// Drain is how long a source that is ended waits for what is in flight.
	Drain time.Duration
	// Secret opens a secret of a service.
	Secret func(ctx context.Context, service ebb.ServiceID, ref ebb.SecretRef) ([]byte, error)
	// Invoke is the one door.
	Invoke func(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error)
	// Send prepares the delivery of an event to a target that is no function, Fail
	// that of a record of what failed to the trigger's failure destination; folder
	// is where it goes in a bucket. What they return makes it so in a Tx.
	Send func(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, event []byte) (func(*store.Tx) error, error)
	Fail func(ctx context.Context, t *ebb.Trigger, id ebb.MessageID, folder string, content []byte) (func(*store.Tx) error, error)
	// Count adds to what became of a trigger's events; Note is trigger.Triggers.Note.
	Count func(t ebb.TriggerRef, c ebb.TriggerCounts)
	Note  func(ctx context.Context, t *ebb.Trigger, was, why string) bool
	// Share says which of the nodes that run sources this is, from 0, and how many
	// there are.
	Share func(ctx context.Context) (index, nodes int, err error)
}

// Kind is the Kafka triggers of a platform.
type Kind struct {
	deps Deps

	mu   sync.Mutex
	lags map[ebb.TriggerID]*lags // of triggers that have members here
}

// lags is what waits for the members of this node.
type lags struct {
	key     ebb.TriggerKey
	members int
	records map[string]int64 // by partition
}

// New makes it.
func New(deps Deps) *Kind {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	return &Kind{deps: deps, lags: make(map[ebb.TriggerID]*lags)}
}

// Set implements trigger.Kind: everything else is read when a source begins.
func (k *Kind) Set(*store.Tx, *ebb.Trigger, *ebb.Trigger) error { return nil }

// Source implements trigger.Kind.
func (k *Kind) Source(t *ebb.Trigger) trigger.Source { return &source{k: k, t: t} }

// EachLag tells how many records wait, by partition, for triggers with members
// here.
func (k *Kind) EachLag(emit func(lag float64, service, trigger, partition string)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.lags {
		for part, n := range l.records {
			emit(float64(n), string(l.key.Service), l.key.Name, part)
		}
	}
}

// EachMembers tells how many members triggers have here.
func (k *Kind) EachMembers(emit func(members float64, service, trigger string)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.lags {
		emit(float64(l.members), string(l.key.Service), l.key.Name)
	}
}

func (k *Kind) setLags(t *ebb.Trigger, members int, records map[string]int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if members == 0 {
		delete(k.lags, t.ID)
		return
	}
	k.lags[t.ID] = &lags{t.TriggerKey, members, records}
}

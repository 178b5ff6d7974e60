package event

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/pattern"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
)

// rule is a trigger with its patterns compiled.
type rule struct {
	trigger *ebb.Trigger
	pattern *pattern.Pattern
	filter  *trigger.Filter
}

// asks reports whether a rule asks for an event; filtered, that its pattern does
// and its filters do not.
func (r *rule) asks(event any) (asked, filtered bool) {
	if !r.pattern.MatchValue(event) {
		return false, false
	}
	asked = r.filter.MatchValue(event)
	return asked, !asked
}

// rules remembers those of services that put events.
type rules struct {
	read func(ctx context.Context, service ebb.ServiceID) ([]*rule, error)

	mu      sync.RWMutex
	known   map[ebb.ServiceID][]*rule
	changes uint64 // counts forgets: what was read before one is not kept after it
}

func (r *rules) get(ctx context.Context, service ebb.ServiceID) ([]*rule, error) {
	r.mu.RLock()
	rs, ok := r.known[service]
	changes := r.changes
	r.mu.RUnlock()
	if ok {
		return rs, nil
	}
	rs, err := r.read(ctx, service)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.changes == changes {
		if r.known == nil {
			r.known = make(map[ebb.ServiceID][]*rule)
		}
		r.known[service] = rs
	}
	return rs, nil
}

// Forget drops what is remembered of a service's rules; call it when one has
// changed.
func (b *Bus) Forget(service ebb.ServiceID) {
	b.rules.mu.Lock()
	b.rules.changes++
	delete(b.rules.known, service)
	b.rules.mu.Unlock()
}

// readRules compiles the rules of a service that are not paused.
func (b *Bus) readRules(ctx context.Context, service ebb.ServiceID) ([]*rule, error) {
	var ts []*ebb.Trigger
	err := b.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		ts, err = tx.Triggers(store.TriggerFilter{Service: service, Kind: ebb.TriggerEvent}, MaxRules)
		return err
	})
	if err != nil {
		return nil, err
	}
	rs := make([]*rule, 0, len(ts))
	for _, t := range ts {
		if t.Paused {
			continue
		}
		r, err := compile(t)
		if err != nil { // it was checked when it was set
			b.deps.Log.Error("a rule is not understood", "service", t.Service, "trigger", t.Name, "error", err)
			continue
		}
		rs = append(rs, r)
	}
	return rs, nil
}

func compile(t *ebb.Trigger) (*rule, error) {
	var s Settings
	if err := json.Unmarshal(t.Settings, &s); err != nil {
		return nil, err
	}
	p, err := pattern.Compile(s.Pattern)
	if err != nil {
		return nil, err
	}
	f, err := trigger.NewFilter(t)
	return &rule{t, p, f}, err
}

package invoke

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/metrics"
)

// known is a version and where its invocations are counted.
type known struct {
	*ebb.Version
	counts *metrics.Version
}

// route is what a qualifier resolves to: one version, or two of an alias that
// shares its invocations between them.
type route struct {
	known
	canary *known // nil = none
	weight float64
}

// pick chooses the version of one invocation: the one asked for if it is still
// one of the route's, else by weight. Each choice is independent of all others,
// so nothing is shared and nothing is locked.
func (r *route) pick(asked *ebb.Version) *known {
	switch {
	case r.canary == nil || r.Version == asked:
		return &r.known
	case r.canary.Version == asked:
		return r.canary
	case rand.Float64() < r.weight: // never for 0, always for 1
		return r.canary
	}
	return &r.known
}

// versions remembers what function:qualifier resolves to.
type versions struct {
	resolve func(ctx context.Context, key ebb.FunctionKey, qualifier string) (function.Route, error)
	counts  func(*ebb.Version) *metrics.Version

	mu    sync.RWMutex
	known map[ebb.FunctionKey]map[string]*route
	// changes counts forgets. An answer fetched before a forget is not kept
	// after it, or a change could be missed for ever.
	changes uint64
}

// get chooses the version of one invocation. asked is what an earlier get chose
// for it, or nil.
func (c *versions) get(ctx context.Context, key ebb.FunctionKey, qualifier string, asked *ebb.Version) (*known, error) {
	c.mu.RLock()
	r, changes := c.known[key][qualifier], c.changes
	c.mu.RUnlock()
	if r != nil {
		return r.pick(asked), nil
	}
	to, err := c.resolve(ctx, key, qualifier)
	if err != nil {
		return nil, err
	}
	r = &route{known: known{to.Version, c.counts(to.Version)}, weight: to.Weight}
	if to.Canary != nil {
		r.canary = &known{to.Canary, c.counts(to.Canary)}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		if c.known == nil {
			c.known = make(map[ebb.FunctionKey]map[string]*route)
		}
		if c.known[key] == nil {
			c.known[key] = make(map[string]*route)
		}
		c.known[key][qualifier] = r
	}
	return r.pick(asked), nil
}

func (c *versions) forget(key ebb.FunctionKey) {
	c.mu.Lock()
	c.changes++
	delete(c.known, key)
	c.mu.Unlock()
}

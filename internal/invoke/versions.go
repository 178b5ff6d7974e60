package invoke

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/metrics"
)

// known is a version, where its invocations are counted, and where they enter.
type known struct {
	*ebb.Version
	counts *metrics.Version
	room   *reservation // of the function
	loops  bool         // it may run in a loop
	// What each invocation needs, spelt once.
	arn       string // with the qualifier that was asked for
	qualifier string // of the version
	lineage   string // see hop
}

// one says what there is to know of one version of a route.
func (c *versions) one(v *ebb.Version, room *reservation, loops bool, qualifier string) known {
	return known{v, c.counts(v), room, loops, ebb.FunctionARN(c.region, v.FunctionKey, qualifier), v.Qualifier(), lineageHash(v.FunctionKey)}
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
	region  string
	resolve func(ctx context.Context, key ebb.FunctionKey, qualifier string) (function.Route, error)
	counts  func(*ebb.Version) *metrics.Version
	// reserved says how many invocations a function may have in flight, if that is
	// limited.
	reserved func(ctx context.Context, key ebb.FunctionKey) (n int, some bool, err error)

	mu    sync.RWMutex
	known map[ebb.FunctionKey]map[string]*route
	rooms map[ebb.FunctionKey]*reservation // outlive what is known: they count
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
	limit := int64(unlimited)
	if n, some, err := c.reserved(ctx, key); err != nil {
		return nil, err
	} else if some {
		limit = int64(n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	g := c.room(key)
	r = &route{known: c.one(to.Version, g, to.Loops, qualifier), weight: to.Weight}
	if to.Canary != nil {
		canary := c.one(to.Canary, g, to.Loops, qualifier)
		r.canary = &canary
	}
	if c.changes == changes {
		g.limit.Store(limit)
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

// room finds or makes a function's reservation. c.mu is held.
func (c *versions) room(key ebb.FunctionKey) *reservation {
	g := c.rooms[key]
	if g == nil {
		if c.rooms == nil {
			c.rooms = make(map[ebb.FunctionKey]*reservation)
		}
		g = newReservation()
		c.rooms[key] = g
	}
	return g
}

// gone drops what is kept of a function that is no more.
func (c *versions) gone(key ebb.FunctionKey) {
	c.forget(key)
	c.mu.Lock()
	delete(c.rooms, key)
	c.mu.Unlock()
}

func (c *versions) forget(key ebb.FunctionKey) {
	c.mu.Lock()
	c.changes++
	delete(c.known, key)
	c.mu.Unlock()
}

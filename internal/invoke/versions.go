package invoke

import (
	"context"
	"sync"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/metrics"
)

// known is a version and where its invocations are counted.
type known struct {
	*ebb.Version
	counts *metrics.Version
}

// versions remembers what function:qualifier resolves to.
type versions struct {
	resolve func(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Version, error)
	counts  func(*ebb.Version) *metrics.Version

	mu    sync.RWMutex
	known map[ebb.FunctionKey]map[string]*known
	// changes counts forgets. An answer fetched before a forget is not kept
	// after it, or a change could be missed for ever.
	changes uint64
}

func (c *versions) get(ctx context.Context, key ebb.FunctionKey, qualifier string) (*known, error) {
	c.mu.RLock()
	k, changes := c.known[key][qualifier], c.changes
	c.mu.RUnlock()
	if k != nil {
		return k, nil
	}
	v, err := c.resolve(ctx, key, qualifier)
	if err != nil {
		return nil, err
	}
	k = &known{v, c.counts(v)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		if c.known == nil {
			c.known = make(map[ebb.FunctionKey]map[string]*known)
		}
		if c.known[key] == nil {
			c.known[key] = make(map[string]*known)
		}
		c.known[key][qualifier] = k
	}
	return k, nil
}

func (c *versions) forget(key ebb.FunctionKey) {
	c.mu.Lock()
	c.changes++
	delete(c.known, key)
	c.mu.Unlock()
}

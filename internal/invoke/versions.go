package invoke

import (
	"context"
	"sync"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// versions remembers what function:qualifier resolves to.
type versions struct {
	resolve func(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Version, error)

	mu    sync.RWMutex
	known map[ebb.FunctionKey]map[string]*ebb.Version
	// changes counts forgets. An answer fetched before a forget is not kept
	// after it, or a change could be missed for ever.
	changes uint64
}

func (c *versions) get(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Version, error) {
	c.mu.RLock()
	v, changes := c.known[key][qualifier], c.changes
	c.mu.RUnlock()
	if v != nil {
		return v, nil
	}
	v, err := c.resolve(ctx, key, qualifier)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		if c.known == nil {
			c.known = make(map[ebb.FunctionKey]map[string]*ebb.Version)
		}
		if c.known[key] == nil {
			c.known[key] = make(map[string]*ebb.Version)
		}
		c.known[key][qualifier] = v
	}
	return v, nil
}

func (c *versions) forget(key ebb.FunctionKey) {
	c.mu.Lock()
	c.changes++
	delete(c.known, key)
	c.mu.Unlock()
}

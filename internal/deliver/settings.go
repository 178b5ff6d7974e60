package deliver

import (
	"context"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// setting is how events of one qualifier are done.
type setting struct {
	maxRetries int
	maxAge     time.Duration
	onSuccess  string
	onFailure  string
	stopped    bool // no concurrency at all is reserved for the function
}

// settings remembers them.
type settings struct {
	read func(ctx context.Context, key ebb.FunctionKey, qualifier string) (*setting, error)

	mu      sync.RWMutex
	known   map[ebb.FunctionKey]map[string]*setting
	changes uint64 // counts forgets: what was read before one is not kept after it
}

func (c *settings) get(ctx context.Context, key ebb.FunctionKey, qualifier string) (*setting, error) {
	c.mu.RLock()
	s, changes := c.known[key][qualifier], c.changes
	c.mu.RUnlock()
	if s != nil {
		return s, nil
	}
	s, err := c.read(ctx, key, qualifier)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changes == changes {
		if c.known == nil {
			c.known = make(map[ebb.FunctionKey]map[string]*setting)
		}
		if c.known[key] == nil {
			c.known[key] = make(map[string]*setting)
		}
		c.known[key][qualifier] = s
	}
	return s, nil
}

func (c *settings) forget(key ebb.FunctionKey) {
	c.mu.Lock()
	c.changes++
	delete(c.known, key)
	c.mu.Unlock()
}

// settingsOf is how a task's event is done: as its source says, else as its
// function does.
func (d *Deliver) settingsOf(ctx context.Context, key ebb.FunctionKey, env *envelope) (*setting, error) {
	s, err := d.settings.get(ctx, key, env.Qualifier)
	if err != nil {
		return nil, err
	}
	return env.Policy.over(s), nil
}

// readSettings reads what the database says. A function that is gone has the
// defaults; invoking it tells.
func (d *Deliver) readSettings(ctx context.Context, key ebb.FunctionKey, qualifier string) (*setting, error) {
	s := &setting{maxRetries: ebb.DefaultMaxRetries, maxAge: ebb.DefaultMaxAgeS * time.Second}
	if qualifier == ebb.Latest {
		qualifier = ""
	}
	c, err := d.Functions.GetEvents(ctx, key, qualifier)
	switch {
	case err == nil:
		if c.MaxRetries != nil {
			s.maxRetries = *c.MaxRetries
		}
		if c.MaxAgeS != nil {
			s.maxAge = time.Duration(*c.MaxAgeS) * time.Second
		}
		s.onSuccess, s.onFailure = c.OnSuccess, c.OnFailure
	case ebb.KindOf(err) != ebb.NotFound:
		return nil, err
	}
	n, some, err := d.Functions.Reserved(ctx, key)
	if err != nil && ebb.KindOf(err) != ebb.NotFound {
		return nil, err
	}
	s.stopped = err == nil && some && n == 0
	return s, nil
}

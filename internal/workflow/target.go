package workflow

import (
	"context"
	"math/rand/v2"
	"sync"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// target is what a start refers to.
type target struct {
	key      ebb.StateMachineKey
	revision string
	kind     string // STANDARD or EXPRESS
	version  int64
	alias    string
	offload  bool // see ebb.TagOffload
}

// targets remembers what ARNs mean, for as long as nothing at all is written: an
// Express execution writes nothing itself, so many may start after one look.
type targets struct {
	mu    sync.Mutex
	mark  int64 // of the store, at which known was found
	known map[string]*target
}

func (c *targets) get(arn string, mark int64) *target {
	c.mu.Lock()
	defer c.mu.Unlock()
	if mark != c.mark {
		return nil
	}
	return c.known[arn]
}

// put keeps what was found after mark.
func (c *targets) put(arn string, mark int64, t *target) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case mark < c.mark:
		return
	case mark > c.mark || c.known == nil || len(c.known) >= maxMachines:
		c.mark, c.known = mark, make(map[string]*target)
	}
	c.known[arn] = t
}

// resolve finds what the ARN of a state machine, a version or an alias means now.
func (e *Engine) resolve(ctx context.Context, arn string) (*target, error) {
	a, ok := ebb.ParseStatesARN(arn)
	if !ok {
		return nil, InvalidARN(arn)
	}
	if a.Kind != "stateMachine" {
		return nil, wrongKind(a.Kind)
	}
	key, label := a.Key()
	if label != "" {
		return nil, MapStateARN(arn)
	}
	mark, alone := e.store.Mark()
	if alone {
		if t := e.targets.get(arn, mark); t != nil {
			return t, nil
		}
	}
	t, err := e.find(ctx, arn, a, key)
	if err == nil && alone && t.alias == "" { // an alias means one version or another each time
		e.targets.put(arn, mark, t)
	}
	return t, err
}

// find is resolve, from the store.
func (e *Engine) find(ctx context.Context, arn string, a ebb.StatesARN, key ebb.StateMachineKey) (*target, error) {
	t := &target{key: key}
	err := e.store.Read(ctx, func(tx *store.Tx) error {
		m, err := tx.StateMachine(key)
		if err != nil {
			return found(err, noStateMachine(arn))
		}
		if m.Deleting {
			return ebb.Errorf(ebb.Conflict, TypeStateMachineDeleting, "State Machine is being deleted: '%s'", arn)
		}
		t.kind, t.revision, t.offload = m.Type, m.Revision.ID, m.Tags[ebb.TagOffload] == "true"
		if a.Rest == "" {
			return nil
		}
		t.version = a.Version()
		if t.version == 0 {
			alias, err := tx.StateMachineAlias(key, a.Rest)
			if err != nil {
				return found(err, noStateMachine(arn))
			}
			t.alias, t.version = a.Rest, pick(alias.Routing)
		}
		v, err := tx.StateMachineVersion(key, t.version)
		if err != nil {
			return found(err, noStateMachine(arn))
		}
		t.revision = v.Revision
		return nil
	})
	if err != nil {
		return nil, err
	}
	return t, nil
}

// pick chooses a version by weight.
func pick(routes []ebb.StateMachineRoute) int64 {
	n := rand.Int32N(100)
	for _, r := range routes {
		if n -= r.Weight; n < 0 {
			return r.Version
		}
	}
	return routes[len(routes)-1].Version
}

package workflow

import (
	"context"
	"sync"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// machine is a revision of a state machine, parsed.
type machine struct {
	revision *ebb.StateMachineRevision
	program  *asl.Machine
}

type machineKey struct {
	revision string
	program  int
}

// machines remembers parsed revisions, which never change.
type machines struct {
	mu    sync.Mutex
	known map[machineKey]*machine
}

// maxMachines bounds the memory of machines.
const maxMachines = 1000

// machine returns a revision, or with program not 0 that of its child machines.
func (e *Engine) machine(ctx context.Context, revision string, program int) (*machine, error) {
	key := machineKey{revision, program}
	if m := e.machines.get(key); m != nil {
		return m, nil
	}
	whole := e.machines.get(machineKey{revision, 0})
	if whole == nil {
		var r *ebb.StateMachineRevision
		if err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
			r, err = tx.StateMachineRevision(revision)
			return err
		}); err != nil {
			return nil, err
		}
		parsed, problems := asl.Parse([]byte(r.Definition), e.jsonata)
		if parsed == nil { // it was valid when it was stored
			return nil, ebb.Errorf(ebb.Internal, ebb.TypeServiceException, "revision %s: %v", revision, problems)
		}
		whole = &machine{r, parsed}
		e.machines.put(machineKey{revision, 0}, whole)
	}
	if program == 0 {
		return whole, nil
	}
	m := &machine{whole.revision, whole.program.Child(program)}
	e.machines.put(key, m)
	return m, nil
}

func (c *machines) get(key machineKey) *machine {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.known[key]
}

func (c *machines) put(key machineKey, m *machine) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxMachines {
		clear(c.known)
	}
	c.known[key] = m
}

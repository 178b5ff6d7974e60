package pool

import (
	"cmp"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

// InstanceState is what one instance is at the moment of a Snapshot.
type InstanceState struct {
	ID       ebb.InstanceID
	Function ebb.FunctionKey
	Version  string    // qualifier
	Runtime  string    // "image" of a container image
	State    string    // one of the ebb.Instance… states
	Since    time.Time // when State began
	Began    time.Time // when the instance began
	Uses     int       // invocations so far
	InFlight int       // invocations now
	Usage    sandbox.Usage
}

// Snapshot lists the instances that are idle or busy; those coming and going
// are only counted, by Counts.
func (p *Pool) Snapshot() []InstanceState {
	var list []InstanceState
	var boxes []sandbox.Box
	note := func(in *instance) {
		v := in.shelf.version
		list = append(list, InstanceState{ID: in.id, Function: v.FunctionKey, Version: v.Qualifier(),
			Runtime: cmp.Or(v.Runtime, "image"), State: in.state, Since: in.since, Began: in.began, Uses: in.uses, InFlight: in.load})
		boxes = append(boxes, in.box)
	}
	p.mu.Lock()
	for _, f := range p.functions {
		for _, s := range f.shelves {
			for _, in := range s.idle {
				note(in)
			}
			for in := range s.busy {
				note(in)
			}
		}
	}
	p.mu.Unlock()
	for i, b := range boxes { // reads files: not under the lock
		list[i].Usage = b.Usage()
	}
	return list
}

// Counts is how many instances and requests the node holds.
type Counts struct {
	Instances int // all, in whatever state
	Idle      int
	Waiting   int // requests without an instance
	Spare     int // made ahead, of no function; not among Instances
}

// Counts reads the pool's counters.
func (p *Pool) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := Counts{Instances: p.instances, Idle: p.lru.Len(), Spare: p.spares.count()}
	for _, f := range p.functions {
		c.Waiting += f.waiting
	}
	return c
}

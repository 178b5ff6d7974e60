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
	// Provisioned says that it is one of those its version has at any time.
	Provisioned bool
	// Keep is how long it may be idle, as its version is used now; 0 = as long as it is
	// provisioned.
	Keep  time.Duration
	Usage sandbox.Usage
}

// Snapshot lists all instances. What those use that are starting is not known.
func (p *Pool) Snapshot() []InstanceState {
	var list []InstanceState
	var boxes []sandbox.Box
	p.mu.Lock()
	look := func(in *instance) {
		v, state := in.shelf.version, in.state
		if state == ebb.InstanceIdle && in.icy.Load() {
			state = ebb.InstanceFrozen
		}
		list = append(list, InstanceState{ID: in.id, Function: v.FunctionKey, Version: v.Qualifier(),
			Runtime: cmp.Or(v.Runtime, "image"), State: state, Since: in.since, Began: in.began,
			Uses: in.uses, InFlight: in.load, Provisioned: in.kept})
		if !in.kept {
			list[len(list)-1].Keep = in.shelf.habit.keep(&p.cfg)
		}
		if state == ebb.InstanceStarting { // its start writes box
			boxes = append(boxes, nil)
		} else {
			boxes = append(boxes, in.box)
		}
	}
	p.each(look)
	for _, f := range p.functions {
		for _, s := range f.shelves {
			for in := range s.passing {
				look(in)
			}
		}
	}
	p.mu.Unlock()
	for i, b := range boxes { // reads files: not under the lock
		if b != nil {
			list[i].Usage = b.Usage()
		}
	}
	return list
}

// each calls do with every instance that is idle or busy. p.mu is held.
func (p *Pool) each(do func(*instance)) {
	for _, f := range p.functions {
		for _, s := range f.shelves {
			for _, in := range s.idle {
				do(in)
			}
			for _, in := range s.ready {
				do(in)
			}
			for in := range s.busy {
				do(in)
			}
		}
	}
}

// boxes lists the boxes of all instances that are idle or busy.
func (p *Pool) boxes() (list []sandbox.Box) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.each(func(in *instance) { list = append(list, in.box) })
	return list
}

// Counts is how many instances and requests the node holds.
type Counts struct {
	Instances   int // all, in whatever state
	Idle        int // those frozen and those provisioned included
	Frozen      int
	Provisioned int // kept for their version, whatever they are doing
	Waiting     int // requests without an instance
	Spare       int // made ahead, of no function; not among Instances
	Zygotes     int // processes that instances are copied from
}

// Counts reads the pool's counters.
func (p *Pool) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := Counts{Instances: p.instances, Idle: p.lru.Len(), Frozen: int(p.stats.frozen.Load()), Spare: p.spares.count(),
		Zygotes: p.zygotes.count()}
	for s := range p.steady {
		c.Idle += len(s.ready)
		c.Provisioned += s.keep.held
	}
	for _, f := range p.functions {
		c.Waiting += f.waiting
	}
	return c
}

package pool

import (
	"sync/atomic"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Why an idle instance was sent away.
const (
	evictIdle     = "idle"     // its time had come
	evictMemory   = "memory"   // the node ran short of it
	evictCapacity = "capacity" // another function or version needed its place
	evictVersion  = "version"  // its version was changed, deleted, or is named by nothing any more
)

// Stats is what happened since the pool was made.
type Stats struct {
	Starts       map[string]int64 // by kind: spare (from a box made ahead), zygote (a copy of one), fresh, again (initialised a second time)
	Evictions    map[string]int64 // of idle instances, by reason: idle, memory, capacity, version
	HookFailures map[string]int64 // by hook
	Freezes      int64
	Thaws        int64
}

// Stats reads the pool's counters. Every key is there from the start.
func (p *Pool) Stats() Stats {
	c := &p.stats
	return Stats{
		Starts: map[string]int64{"spare": c.spares.Load(), "zygote": c.copies.Load(), "fresh": c.fresh.Load(), "again": c.again.Load()},
		Evictions: map[string]int64{
			evictIdle: c.idle.Load(), evictMemory: c.memory.Load(), evictCapacity: c.capacity.Load(), evictVersion: c.version.Load(),
		},
		HookFailures: map[string]int64{
			string(ebb.HookInitializer): c.initializers.Load(), string(ebb.HookPreFreeze): c.preFreezes.Load(),
			string(ebb.HookPreStop): c.preStops.Load(),
		},
		Freezes: c.freezes.Load(),
		Thaws:   c.thaws.Load(),
	}
}

// counters are what Stats reads.
type counters struct {
	freezes, thaws, frozen             atomic.Int64 // frozen: how many are now
	spares, copies, fresh, again       atomic.Int64
	idle, memory, capacity, version    atomic.Int64
	initializers, preFreezes, preStops atomic.Int64
}

// started is the counter of a kind of start.
func (c *counters) started(spare, forked bool) *atomic.Int64 {
	switch {
	case forked:
		return &c.copies
	case spare:
		return &c.spares
	}
	return &c.fresh
}

// evicted is the counter of a reason.
func (c *counters) evicted(why string) *atomic.Int64 {
	switch why {
	case evictMemory:
		return &c.memory
	case evictCapacity:
		return &c.capacity
	case evictVersion:
		return &c.version
	}
	return &c.idle
}

// hooked is the counter of a hook's failures.
func (c *counters) hooked(h ebb.Hook) *atomic.Int64 {
	switch h {
	case ebb.HookPreFreeze:
		return &c.preFreezes
	case ebb.HookPreStop:
		return &c.preStops
	}
	return &c.initializers
}

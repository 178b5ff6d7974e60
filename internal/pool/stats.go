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

// How an instance came to be.
const (
	startSpare = "spare" // from a box made ahead
	startFresh = "fresh"
)

// Stats counts what happened since the pool was made.
type Stats struct {
	freezes, thaws, frozen             atomic.Int64
	spares, fresh, failed, again       atomic.Int64
	idle, memory, capacity, version    atomic.Int64
	initializers, preFreezes, preStops atomic.Int64 // that failed
	provisioned                        atomic.Int64
}

// evicted is the counter of a reason.
func (s *Stats) evicted(why string) *atomic.Int64 {
	switch why {
	case evictMemory:
		return &s.memory
	case evictCapacity:
		return &s.capacity
	case evictVersion:
		return &s.version
	}
	return &s.idle
}

// hooked is the counter of a hook's failures.
func (s *Stats) hooked(h ebb.Hook) *atomic.Int64 {
	switch h {
	case ebb.HookPreFreeze:
		return &s.preFreezes
	case ebb.HookPreStop:
		return &s.preStops
	}
	return &s.initializers
}

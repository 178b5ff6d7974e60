package invoke

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// quotas admit invocations within what their services may take of this node.
// Admitting takes no lock.
type quotas struct {
	read  func(ctx context.Context, service ebb.ServiceID) (ebb.Quota, error)
	now   func() time.Time
	gates atomic.Pointer[map[ebb.ServiceID]*gate] // replaced as a whole to add one
	mu    sync.Mutex                              // held to replace gates
}

// gate counts what one service has in flight.
type gate struct {
	quota    atomic.Pointer[ebb.Quota] // nil = to be read anew
	inFlight atomic.Int64
	memory   atomic.Int64 // MB
	// due is when a caller that keeps exactly to the rate would come next, in
	// nanoseconds since 1970. Callers may be early by burst.
	due atomic.Int64

	mu      sync.Mutex
	changes uint64 // counts forgets: what was read before one is not kept
}

// burst is how much of the rate may come at once.
const burst = time.Second

// enter admits one invocation of v, to be followed by leave, or says which limit
// has no room.
func (q *quotas) enter(ctx context.Context, v *ebb.Version) (*gate, error) {
	g := q.gate(v.Service)
	quota := g.quota.Load()
	if quota == nil {
		var err error
		if quota, err = q.refresh(ctx, v.Service, g); err != nil {
			return nil, err
		}
	}
	if !take(&g.inFlight, 1, int64(quota.Concurrency)) {
		return nil, overQuota(ebb.ReasonConcurrency, time.Second, "%d concurrent invocations", quota.Concurrency)
	}
	if !take(&g.memory, share(v), int64(quota.MemoryMB)) {
		g.inFlight.Add(-1)
		return nil, overQuota(ebb.ReasonConcurrency, time.Second, "%d MB of memory", quota.MemoryMB)
	}
	if quota.Rate > 0 {
		if wait := g.pace(q.now(), quota.Rate); wait > 0 {
			g.leave(v)
			return nil, overQuota(ebb.ReasonCaller, wait, "%d requests per second", quota.Rate)
		}
	}
	return g, nil
}

// leave gives back what enter took.
func (g *gate) leave(v *ebb.Version) {
	g.inFlight.Add(-1)
	g.memory.Add(-share(v))
}

// take adds n to a counter unless that would pass the limit; 0 = no limit.
// It never passes it, not even for a moment, so that nobody is refused for the
// sake of others who are.
func take(counter *atomic.Int64, n, limit int64) bool {
	if limit == 0 {
		counter.Add(n)
		return true
	}
	for {
		have := counter.Load()
		if have+n > limit {
			return false
		}
		if counter.CompareAndSwap(have, have+n) {
			return true
		}
	}
}

// pace takes one turn of the rate, or says how long until there is one.
func (g *gate) pace(now time.Time, rate int) time.Duration {
	at, interval := now.UnixNano(), int64(time.Second)/int64(rate)
	for {
		due := g.due.Load()
		next := max(due, at) + interval
		if early := next - at - int64(burst); early > 0 {
			return time.Duration(early)
		}
		if g.due.CompareAndSwap(due, next) {
			return 0
		}
	}
}

// share is how much of an instance's memory one invocation has.
func share(v *ebb.Version) int64 {
	places := v.Concurrency()
	return int64((v.MemoryMB + places - 1) / places)
}

func (q *quotas) gate(service ebb.ServiceID) *gate {
	if all := q.gates.Load(); all != nil {
		if g := (*all)[service]; g != nil {
			return g
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	next := make(map[ebb.ServiceID]*gate)
	if all := q.gates.Load(); all != nil {
		if g := (*all)[service]; g != nil {
			return g
		}
		maps.Copy(next, *all)
	}
	next[service] = new(gate)
	q.gates.Store(&next)
	return next[service]
}

func (q *quotas) refresh(ctx context.Context, service ebb.ServiceID, g *gate) (*ebb.Quota, error) {
	g.mu.Lock()
	changes := g.changes
	g.mu.Unlock()
	quota, err := q.read(ctx, service)
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changes == changes {
		g.quota.Store(&quota)
	}
	return &quota, nil
}

// forget has a service's quota read anew.
func (q *quotas) forget(service ebb.ServiceID) {
	g := q.gate(service)
	g.mu.Lock()
	g.changes++
	g.quota.Store(nil)
	g.mu.Unlock()
}

func overQuota(reason string, wait time.Duration, format string, args ...any) error {
	return &ebb.Error{Kind: ebb.Throttled, Type: ebb.TypeTooManyRequests, Reason: reason, RetryAfter: wait,
		Message: "Rate Exceeded: the service's quota is " + fmt.Sprintf(format, args...)}
}

package invoke

import (
	"sync"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

// TestReservedIsExact: never more in flight than reserved, and nobody is turned
// away while there is room, in any order of coming, going and changing.
func TestReservedIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newReservation()
		limit, inside := unlimited, 0
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				limit = rapid.IntRange(unlimited, 5).Draw(t, "limit")
				r.limit.Store(int64(limit))
			case 1, 2:
				in := r.enter()
				if want := limit == unlimited || inside < limit; in != want {
					t.Fatalf("%d of %d are in flight, and one more: %v", inside, limit, in)
				}
				if in {
					inside++
				}
			default:
				if inside > 0 {
					r.leave()
					inside--
				}
			}
		}
	})
}

// TestReservedUnderLoad: many at once, and the limit is both kept and used.
func TestReservedUnderLoad(t *testing.T) {
	const limit, callers, each = 7, 32, 500
	r := newReservation()
	r.limit.Store(limit)
	var inside, most, entered atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for done := 0; done < each; {
				if !r.enter() {
					continue
				}
				n := inside.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				inside.Add(-1)
				r.leave()
				entered.Add(1)
				done++
			}
		})
	}
	all.Wait()
	if m := most.Load(); m > limit {
		t.Errorf("%d were in flight at once, %d are reserved", m, limit)
	}
	if n := entered.Load(); n != callers*each || r.inFlight.Load() != 0 {
		t.Errorf("%d entered, %d are still in flight", n, r.inFlight.Load())
	}
}

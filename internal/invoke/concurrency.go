package invoke

import (
	"sync/atomic"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// reservation counts a function's invocations in flight, all versions together, and
// keeps them within its reserved concurrency. It turns nobody away while there
// is room.
type reservation struct {
	limit    atomic.Int64 // unlimited = none
	inFlight atomic.Int64
}

const unlimited = -1

func newReservation() *reservation {
	r := new(reservation)
	r.limit.Store(unlimited)
	return r
}

// enter takes a place, if there is one.
func (r *reservation) enter() bool {
	switch limit := r.limit.Load(); limit {
	case unlimited:
		r.inFlight.Add(1)
		return true
	case 0:
		return false
	default:
		return take(&r.inFlight, 1, limit)
	}
}

// leave gives the place back.
func (r *reservation) leave() { r.inFlight.Add(-1) }

// full is the answer to an invocation for which there is no place.
func (r *reservation) full(v *ebb.Version) error {
	why := "all of its reserved concurrency is in use"
	if r.limit.Load() == 0 {
		why = "its reserved concurrency is 0, which stops it"
	}
	return &ebb.Error{
		Kind: ebb.Throttled, Type: ebb.TypeTooManyRequests,
		Message: "Rate Exceeded: function " + v.Name + ": " + why,
		Reason:  ebb.ReasonReserved, RetryAfter: time.Second,
	}
}

package gateway

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Of a route's answers that mean nothing in HTTP so many are logged at once, then
// one each period: a function that is wrong is so in every request.
const (
	faultsAtOnce = 10
	faultPeriod  = 10 * time.Second
)

// faults are those answers of one route.
type faults struct {
	mu       sync.Mutex
	limiter  *rate.Limiter
	unlogged int
}

// next counts one. If it is to be logged, unlogged tells how many were not since the
// last that was.
func (f *faults) next(now time.Time) (unlogged int, logged bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.limiter == nil {
		f.limiter = rate.NewLimiter(rate.Every(faultPeriod), faultsAtOnce)
	}
	if !f.limiter.AllowN(now, 1) {
		f.unlogged++
		return 0, false
	}
	unlogged, f.unlogged = f.unlogged, 0
	return unlogged, true
}

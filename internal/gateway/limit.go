package gateway

import (
	"container/list"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// maxCallers is how many callers of a route are told apart. Of more, those not
// seen for longest begin anew.
const maxCallers = 10_000

// limits are the rate limits of one route, of this node.
type limits struct {
	all *rate.Limiter // nil = none

	perCaller rate.Limit // 0 = none
	burst     int
	mu        sync.Mutex
	callers   map[string]*list.Element // of *counted
	recent    *list.List               // the latest first
}

type counted struct {
	name    string
	limiter *rate.Limiter
}

func newLimits(s *ebb.Route) *limits {
	l := &limits{perCaller: rate.Limit(s.CallerRate), burst: burst(s.CallerRate, s.CallerBurst)}
	if s.Rate > 0 {
		l.all = rate.NewLimiter(rate.Limit(s.Rate), burst(s.Rate, s.Burst))
	}
	if l.perCaller > 0 {
		l.callers, l.recent = make(map[string]*list.Element), list.New()
	}
	return l
}

// burst is what may come at once: what was set, or a second's worth.
func burst(perSecond float64, set int) int {
	if set > 0 {
		return set
	}
	return max(1, int(perSecond))
}

// take counts a request, or says when to come back.
func (l *limits) take(name string, now time.Time) error {
	if l.perCaller > 0 {
		if wait := wait(l.caller(name), now); wait > 0 {
			return limited(ebb.ReasonCaller, "this caller sends", wait)
		}
	}
	if l.all != nil {
		if wait := wait(l.all, now); wait > 0 {
			return limited(ebb.ReasonRoute, "this route gets", wait)
		}
	}
	return nil
}

// wait takes one token, or takes none and is how long that would have taken.
func wait(l *rate.Limiter, now time.Time) time.Duration {
	r := l.ReserveN(now, 1)
	d := r.DelayFrom(now)
	if d > 0 {
		r.CancelAt(now)
	}
	return d
}

func limited(reason, who string, after time.Duration) error {
	return &ebb.Error{Kind: ebb.Throttled, Type: ebb.TypeTooManyRequests, Reason: reason, RetryAfter: after,
		Message: who + " more requests than it may"}
}

// caller is the limiter of a caller.
func (l *limits) caller(name string) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e := l.callers[name]; e != nil {
		l.recent.MoveToFront(e)
		return e.Value.(*counted).limiter
	}
	if l.recent.Len() >= maxCallers {
		last := l.recent.Back()
		delete(l.callers, last.Value.(*counted).name)
		l.recent.Remove(last)
	}
	c := &counted{name, rate.NewLimiter(l.perCaller, l.burst)}
	l.callers[name] = l.recent.PushFront(c)
	return c.limiter
}

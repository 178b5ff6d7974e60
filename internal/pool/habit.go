package pool

import (
	"math"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// habit is how a version is used: how long it stood idle before a request came.
// It decides for how long an idle instance is worth keeping, and outlives the
// version's instances, or a version used every ten minutes would never be known
// for it. Noting an arrival costs the same however many there were.
//
// The idea is that of Shahrad et al., "Serverless in the Wild" (USENIX ATC 2020):
// keep an instance until the 99th percentile of these times has passed, and not
// at all where most of them are longer than anybody wants to keep one.
type habit struct {
	last   time.Time // arrival
	counts [habitBuckets]uint16
	total  int
	used   bool // a shelf has it
}

// habitKey is a version by number, not revision: $LATEST is used as it was before
// it changed.
type habitKey struct {
	ebb.FunctionKey
	number int64
	tenant string
}

const (
	// habitBuckets hold times whose upper ends are 1 s and then grow by the square
	// root of 2, to 4.5 hours; the last has all that are longer.
	habitBuckets = 30
	// habitEnough is how many times must be known before they decide anything.
	habitEnough = 5
	// habitFull is when all counts are halved, so that the past fades.
	habitFull = 200
	// habitMemory is how long a version may be out of use before its habit is
	// forgotten.
	habitMemory = 6 * time.Hour
	// habitPercent of the times are to end before an instance leaves.
	habitPercent = 99
)

// habit finds or makes the habit of v. p.mu is held.
func (p *Pool) habit(v *ebb.Version, tenant string) *habit {
	key := habitKey{v.FunctionKey, v.Number, tenant}
	h := p.habits[key]
	if h == nil {
		h = new(habit)
		p.habits[key] = h
	}
	h.used = true
	return h
}

// arrive notes a request. Only one that finds the version at rest says how long
// an instance must be kept. Pool.mu is held.
func (s *shelf) arrive(now time.Time) {
	h := s.habit
	if len(s.busy) == 0 && s.waiters.Len() == 0 && !h.last.IsZero() {
		h.note(now.Sub(h.last))
	}
	h.last = now
	s.cooling = false
}

func (h *habit) note(gap time.Duration) {
	h.counts[bucket(gap)]++
	if h.total++; h.total >= habitFull {
		h.total = 0
		for i := range h.counts {
			h.counts[i] /= 2
			h.total += int(h.counts[i])
		}
	}
}

// bucket is the place of a time.
func bucket(d time.Duration) int {
	if d <= time.Second {
		return 0
	}
	return min(int(math.Ceil(2*math.Log2(d.Seconds()))), habitBuckets-1)
}

// upper is the upper end of bucket i.
func upper(i int) time.Duration {
	return time.Duration(math.Exp2(float64(i)/2) * float64(time.Second))
}

// keep is for how long an idle instance is worth keeping.
func (h *habit) keep(cfg *Config) time.Duration {
	if h.total < habitEnough {
		return cfg.IdleTimeout
	}
	within := 0 // of the longest that anybody wants
	for i, n := range h.counts {
		if i == habitBuckets-1 || upper(i) > cfg.IdleMax {
			break
		}
		within += int(n)
	}
	if 2*within < h.total {
		return cfg.IdleMin
	}
	sum := 0
	for i, n := range h.counts {
		if sum += int(n); 100*sum >= habitPercent*h.total {
			return min(max(upper(i), cfg.IdleMin), cfg.IdleMax)
		}
	}
	return cfg.IdleMax
}

// forgetHabits drops those of versions long unused. p.mu is held.
func (p *Pool) forgetHabits(now time.Time) {
	for key, h := range p.habits {
		if !h.used && now.Sub(h.last) > habitMemory {
			delete(p.habits, key)
		}
	}
}

package pool

import (
	"time"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// Starting a runtime takes all the CPU it can get, so that many starts at once
// only make each other late: the first to be ready could have served most of the
// requests. So many slots there are for starts that compute; one that waits, for
// a database, say, gives its slot back.
const (
	paceEvery = 100 * time.Millisecond // how often a start is looked at
	paceCPU   = 5 * time.Millisecond   // less than this between two looks is waiting
	// firstShare is how many times the slots there are for functions that have no
	// instance at all, so that one function's burst does not keep others from
	// their first.
	firstShare = 4
)

// slot is the right to start. Guarded by Pool.mu.
type slot struct{ held bool }

// slotFor reports whether there is a slot for a start of s. p.mu is held.
func (p *Pool) slotFor(s *shelf) bool {
	limit := p.cfg.StartsAtOnce
	if s.fleet.instances == 0 {
		limit *= firstShare
	}
	return p.launching < limit
}

// starts reports whether something that computes is starting.
func (p *Pool) starts() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.launching > 0
}

// leave gives a slot back; more than once is fine. p.mu is held.
func (p *Pool) leave(sl *slot) {
	if sl.held {
		sl.held = false
		p.launching--
		p.feedStarved()
	}
}

// pace gives the slot back as soon as what runs in box only waits. The caller
// stops it when the start is over.
func (p *Pool) pace(sl *slot, box sandbox.Box) (stop func()) {
	over := make(chan struct{})
	go func() {
		tick := time.NewTicker(paceEvery)
		defer tick.Stop()
		var last time.Duration
		for {
			select {
			case <-over:
				return
			case <-tick.C:
			}
			used := box.Usage().CPU
			if used-last < paceCPU {
				p.mu.Lock()
				p.leave(sl)
				p.mu.Unlock()
				return
			}
			last = used
		}
	}()
	return func() { close(over) }
}

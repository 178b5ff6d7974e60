package queue

import (
	"sync"
	"sync/atomic"
	"time"
)

// first is whether messages are due that go first.
type first struct {
	hold atomic.Bool // nothing of queues that yield begins

	mu    sync.Mutex
	busy  int         // how many queues that go First have due messages
	limit *time.Timer // until when they may hold back others
}

// precedes notes whether messages of l, which go first, are due. l.mu is held.
func (l *line) precedes() {
	if l.opts.Rank != First {
		return
	}
	busy := l.life != nil && (l.claiming || len(l.held) > 0 || !l.hungry.empty() || len(l.clock) > 0 && !l.clock[0].next.After(l.q.cfg.Now()))
	if busy == l.preceding {
		return
	}
	l.preceding = busy
	f := &l.q.first
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !busy:
		if f.busy--; f.busy == 0 {
			f.limit.Stop()
			l.q.letGo()
		}
	case f.busy == 0:
		f.busy++
		f.hold.Store(true)
		f.limit = time.AfterFunc(l.q.cfg.Hold, l.q.letGo)
	default:
		f.busy++
	}
}

// letGo has the handlers begin that were held back.
func (q *Queue) letGo() {
	if !q.first.hold.Swap(false) {
		return
	}
	for _, l := range q.lines {
		if l.opts.Rank == Yields {
			l.mu.Lock()
			l.start()
			l.mu.Unlock()
		}
	}
}

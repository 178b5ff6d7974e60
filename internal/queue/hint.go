package queue

import (
	"context"
	"sync"
	"time"
)

// hintPause is how long to wait between two tellings, so that a burst is one.
const hintPause = 5 * time.Millisecond

// hints are the queues in which this process put something that it did not take
// itself. Others are told, behind the commits: a hint that is lost costs
// Config.Rescan at most.
type hints struct {
	mu    *sync.Mutex
	names map[string]bool
	some  chan struct{} // holds one: there are names
}

func newHints() hints {
	return hints{mu: new(sync.Mutex), names: make(map[string]bool), some: make(chan struct{}, 1)}
}

func (h *hints) add(queue string) {
	h.mu.Lock()
	h.names[queue] = true
	h.mu.Unlock()
	select {
	case h.some <- struct{}{}:
	default:
	}
}

// take returns the names and forgets them.
func (h *hints) take() (names []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.names {
		names = append(names, name)
	}
	clear(h.names)
	return names
}

// tellOthers tells the processes that share the database where there is something
// to do, until ctx ends.
func (q *Queue) tellOthers(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.hints.some:
		}
		for _, name := range q.hints.take() {
			if err := q.store.Hint(ctx, name); err != nil && ctx.Err() == nil {
				q.log.Debug("others find messages later", "queue", name, "error", err)
			}
		}
		pause.Reset(hintPause)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

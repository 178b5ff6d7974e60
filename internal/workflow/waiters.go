package workflow

import (
	"context"
	"sync"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// waiters lets goroutines of this process wait for what others here do. Other
// processes are not heard: whoever waits looks again now and then.
type waiters struct {
	mu sync.Mutex
	at map[string]chan struct{}
}

// wait returns a channel that is closed at the next wake of the key.
func (w *waiters) wait(key string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.at[key]
	if !ok {
		c = make(chan struct{})
		w.at[key] = c
	}
	return c
}

func (w *waiters) wake(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c, ok := w.at[key]; ok {
		close(c)
		delete(w.at, key)
	}
}

func activityKey(service ebb.ServiceID, name string) string {
	return "activity " + string(service) + " " + name
}

// executionKey is woken when an execution ends.
func executionKey(id ebb.ExecutionID) string { return "execution " + string(id) }

// running are the calls that this process makes now, so that one that nobody
// waits for any more can be given up.
type running struct {
	mu    sync.Mutex
	calls map[runningKey]context.CancelFunc
}

type runningKey struct {
	execution ebb.ExecutionID
	op        int64
}

func (r *running) add(id ebb.ExecutionID, op int64, cancel context.CancelFunc) {
	r.mu.Lock()
	r.calls[runningKey{id, op}] = cancel
	r.mu.Unlock()
}

func (r *running) remove(id ebb.ExecutionID, op int64) {
	r.mu.Lock()
	delete(r.calls, runningKey{id, op})
	r.mu.Unlock()
}

func (r *running) cancel(id ebb.ExecutionID, op int64) {
	r.mu.Lock()
	cancel := r.calls[runningKey{id, op}]
	r.mu.Unlock()
	if cancel != nil {
		cancel()
	}
}

package workflow

import (
	"container/list"
	"context"
	"errors"
	"sync"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// live is an execution that this process advances, or has advanced and still
// remembers. One caller at a time owns what is below busy.
type live struct {
	id   ebb.ExecutionID
	pins int           // by executions, under its mutex
	at   *list.Element // in executions.order

	mu    sync.Mutex
	inbox []*arrival
	busy  bool

	first     *ebb.Execution // to be inserted with the first step
	execution *ebb.Execution
	machine   *machine
	state     *asl.State // nil = to be read
	sequence  int64      // of the last row that state has in it
	size      int64      // of the rows, about
	shot      int64      // LastEvent at the last snapshot
}

// arrival is something that an execution is to take in: events that happened to
// it, in order.
type arrival struct {
	events []asl.Event
	at     []int64 // when they happened, in milliseconds; nil = now
	// ask looks at the state before anything is decided; its error refuses the
	// arrival. It must not keep the
	// state, and may fill in the events.
	ask   func(*asl.State, *ebb.Execution) error
	token string // of a redrive, from the client
	// also is written in the same transaction.
	also func(*store.Tx) error

	done  chan error // one value
	stale bool       // nothing waited for any of the events
}

// executions are the live ones, least recently used first in order.
type executions struct {
	mu     sync.Mutex
	byID   map[ebb.ExecutionID]*live
	order  list.List
	size   int64
	budget int64
}

// pin returns the live execution of an id; it stays until unpin.
func (x *executions) pin(id ebb.ExecutionID) *live {
	x.mu.Lock()
	defer x.mu.Unlock()
	l, ok := x.byID[id]
	if !ok {
		l = &live{id: id}
		l.at = x.order.PushBack(l)
		x.byID[id] = l
	}
	l.pins++
	x.order.MoveToBack(l.at)
	return l
}

// adopt takes in an execution that the caller is about to begin, pinned and busy:
// what arrives for it meanwhile waits until the caller drains it.
func (x *executions) adopt(l *live) {
	x.mu.Lock()
	defer x.mu.Unlock()
	l.pins, l.busy = 1, true
	l.at = x.order.PushBack(l)
	x.byID[l.id] = l
}

// unpin lets go of l, which grew by grown bytes, and forgets what there is no
// room for, or nothing known of.
func (x *executions) unpin(l *live, grown int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	l.pins--
	x.size += grown
	if l.pins == 0 && l.execution == nil {
		x.drop(l)
	}
	for at := x.order.Front(); at != nil && x.size > x.budget; {
		old := at.Value.(*live)
		at = at.Next()
		if old.pins == 0 {
			x.drop(old)
		}
	}
}

func (x *executions) drop(l *live) {
	x.order.Remove(l.at)
	delete(x.byID, l.id)
	x.size -= l.size
}

// overhead is what an execution takes in memory beside its rows.
const overhead = 4 << 10

// deliver has an execution take in an arrival, and returns when that is durable.
// Arrivals of one execution that come together are decided on together, in one
// transaction.
func (e *Engine) deliver(ctx context.Context, id ebb.ExecutionID, a *arrival) error {
	l := e.executions.pin(id)
	a.done = make(chan error, 1)
	l.mu.Lock()
	l.inbox = append(l.inbox, a)
	owner := !l.busy
	l.busy = true
	l.mu.Unlock()
	if !owner {
		err := <-a.done
		e.executions.unpin(l, 0)
		return err
	}
	e.drain(ctx, l, l.size)
	return <-a.done
}

// drain takes in what has arrived, until there is no more, and lets go of l, of
// whose size before is known.
func (e *Engine) drain(ctx context.Context, l *live, before int64) {
	for {
		l.mu.Lock()
		batch := l.inbox
		l.inbox = nil
		if len(batch) == 0 {
			grown := l.size - before
			l.busy = false
			l.mu.Unlock()
			e.executions.unpin(l, grown)
			return
		}
		l.mu.Unlock()
		e.take(context.WithoutCancel(ctx), l, batch)
	}
}

// maxLost is how often in a row an advance may lose against other processes.
const maxLost = 20

// take decides on a batch of arrivals and answers them.
func (e *Engine) take(ctx context.Context, l *live, batch []*arrival) {
	var err error
	for range maxLost {
		var s *step
		if err = e.load(ctx, l); err == nil {
			s, err = e.decide(ctx, l, batch)
		}
		if err == nil {
			batch = s.batch // those that were refused have their answer
			err = e.commit(ctx, l, s)
		}
		if err == nil {
			break
		}
		l.forget()
		if !errors.Is(err, store.ErrChanged) {
			break
		}
	}
	for _, a := range batch {
		a.done <- err
	}
}

// forget drops what is known of the execution, so that it is read again.
func (l *live) forget() { l.execution, l.state = nil, nil }

// load reads and folds the execution, unless it is known.
func (e *Engine) load(ctx context.Context, l *live) error {
	if l.state != nil {
		return nil
	}
	x, m, f, err := e.fold(ctx, l.id, 0)
	if err != nil {
		return err
	}
	l.execution, l.machine, l.state, l.sequence = x, m, f.state, f.sequence
	l.size, l.shot = f.size+overhead, f.shot
	return nil
}

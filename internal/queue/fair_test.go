package queue_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

const other ebb.ServiceID = "111111111111"

// A service whose handlers do not end leaves places for the others at once.
func TestSlowServiceLeavesPlaces(t *testing.T) {
	for _, perGroup := range []bool{false, true} {
		t.Run(fmt.Sprintf("perGroup=%v", perGroup), func(t *testing.T) {
			s := openStore(t)
			release := make(chan bool)
			var slow atomic.Int32
			fast := make(chan ebb.MessageID, 10)
			q := queue.New(queue.Config{Concurrency: 12, Drain: time.Minute, Queues: map[string]queue.Options{"work": {PerGroup: perGroup}}},
				s, map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
					if m.Group == "slow" {
						slow.Add(1)
						<-release
					} else {
						fast <- m.ID
					}
					return queue.Done(nil)
				}}, quiet())
			stop := run(t, q)
			for range 50 {
				enqueue(t, s, q, queue.Enqueue{Group: "slow"})
			}
			until(t, "the slow ones have their share", func() bool { return slow.Load() == 4 })
			id := enqueue(t, s, q, queue.Enqueue{Service: other, Group: "fast"})
			if got(t, fast) != id {
				t.Error("another one came")
			}
			if perGroup { // in the same service too
				id := enqueue(t, s, q, queue.Enqueue{Group: "fast"})
				if got(t, fast) != id {
					t.Error("another one came")
				}
			}
			if n := slow.Load(); n > 4 {
				t.Errorf("%d slow ones run", n)
			}
			close(release)
			stop()
		})
	}
}

// A backlog of one service does not hold up another: they take turns.
func TestServicesTakeTurns(t *testing.T) {
	s := openStore(t)
	const many, few = 600, 20
	writer := queue.New(queue.Config{}, s, nil, quiet())
	if err := s.Tx(t.Context(), func(tx *store.Tx) error {
		for range many {
			if _, err := writer.Enqueue(tx, queue.Enqueue{Queue: "work", Service: service, Group: "many"}); err != nil {
				return err
			}
		}
		for range few {
			if _, err := writer.Enqueue(tx, queue.Enqueue{Queue: "work", Service: other, Group: "few"}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []string
	q := queue.New(queue.Config{Concurrency: 3}, s, map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, m.Group)
		return queue.Done(nil)
	}}, quiet())
	run(t, q)
	until(t, "all are handled", func() bool { mu.Lock(); defer mu.Unlock(); return len(order) == many+few })
	last := 0
	for i, group := range order {
		if group == "few" {
			last = i
		}
	}
	// In turns, the last of the few is about the 40th; the two first claims may
	// come apart.
	if last > 4*few+70 {
		t.Errorf("the last of %d came as number %d of %d", few, last, len(order))
	}
}

// 100,000 timers cost nothing until they are due, and are handled in time then.
func TestManyDelayed(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 100,000 rows")
	}
	s := openStore(t)
	var handled atomic.Int32
	var worst atomic.Int64
	due := time.Now().Add(time.Hour)
	early := make(chan time.Duration, 1)
	q := queue.New(queue.Config{Exclusive: true}, s, map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
		if m.Group == "soon" {
			early <- time.Since(m.EnqueuedAt)
			return queue.Done(nil)
		}
		handled.Add(1)
		worst.Store(max(worst.Load(), int64(time.Since(due))))
		return queue.Done(nil)
	}}, quiet())
	run(t, q)
	const timers, batch = 100_000, 1000
	for range timers / batch {
		if err := s.Tx(t.Context(), func(tx *store.Tx) error {
			for range batch {
				if _, err := q.Enqueue(tx, queue.Enqueue{Queue: "work", Service: service, NotBefore: due}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	// Among so many that wait, one that is due soon comes in time, without looking
	// at the database meanwhile.
	before := s.Stats()
	enqueue(t, s, q, queue.Enqueue{Group: "soon", NotBefore: time.Now().Add(200 * time.Millisecond)})
	if d := got(t, early); d < 190*time.Millisecond || d > 30*time.Second { // without its timer, after a minute
		t.Errorf("due after 200ms, handled after %v", d)
	}
	if n := s.Stats().Commits - before.Commits; n > 4 {
		t.Errorf("waiting cost %d commits", n)
	}
	if handled.Load() != 0 {
		t.Error("one was handled before it was due")
	}
}

// Two processes on one database share the work and do none of it twice.
func TestTwoQueuesDrainOne(t *testing.T) { each(t, twoQueuesDrainOne) }

func twoQueuesDrainOne(t *testing.T, s *store.Store) {
	const messages = 400
	var mu sync.Mutex
	seen := map[ebb.MessageID]int{}
	by := [2]int{}
	handler := func(who int) map[string]queue.Handler {
		return map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
			return queue.Done(func(tx *store.Tx) error {
				tx.AfterCommit(func() {
					mu.Lock()
					defer mu.Unlock()
					seen[m.ID]++
					by[who]++
				})
				return nil
			})
		}}
	}
	cfg := queue.Config{Rescan: 20 * time.Millisecond, Concurrency: 9}
	a, b := queue.New(cfg, s, handler(0), quiet()), queue.New(cfg, s, handler(1), quiet())
	for range messages / 2 {
		enqueue(t, s, a, queue.Enqueue{})
	}
	run(t, a)
	run(t, b)
	writer := queue.New(cfg, s, nil, quiet())
	for range messages / 2 {
		enqueue(t, s, writer, queue.Enqueue{})
	}
	until(t, "all are handled", func() bool { mu.Lock(); defer mu.Unlock(); return len(seen) == messages })
	mu.Lock()
	defer mu.Unlock()
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s was handled %d times", id, n)
		}
	}
	if by[0] == 0 || by[1] == 0 {
		t.Errorf("one did nothing: %v", by)
	}
}

func TestCancelAndRedrive(t *testing.T) {
	s := openStore(t)
	began := make(chan *queue.Message, 10)
	ended := make(chan error, 10)
	q := queue.New(queue.Config{}, s, map[string]queue.Handler{"work": func(ctx context.Context, m *queue.Message) queue.Outcome {
		began <- m
		if m.Group == "dies" {
			return queue.Dead("so it goes", nil)
		}
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return queue.Done(nil)
	}}, quiet())
	run(t, q)
	change := func(fn func(*store.Tx) error) error { return s.Tx(t.Context(), fn) }

	waiting := enqueue(t, s, q, queue.Enqueue{NotBefore: time.Now().Add(time.Hour)})
	running := enqueue(t, s, q, queue.Enqueue{})
	got(t, began)
	for _, id := range []ebb.MessageID{waiting, running} {
		key := ebb.MessageKey{Queue: "work", Service: service, ID: id}
		if err := change(func(tx *store.Tx) error { return q.Cancel(tx, key, "enough") }); err != nil {
			t.Fatal(err)
		}
		if err := change(func(tx *store.Tx) error { return q.Cancel(tx, key, "again") }); err == nil {
			t.Error("what is stopped was stopped again")
		}
	}
	if cause := got(t, ended); cause != queue.ErrStopped {
		t.Errorf("the handler ended by %v", cause)
	}
	removed := enqueue(t, s, q, queue.Enqueue{})
	got(t, began)
	if err := change(func(tx *store.Tx) error {
		return q.Remove(tx, ebb.MessageKey{Queue: "work", Service: service, ID: removed})
	}); err != nil {
		t.Fatal(err)
	}
	if cause := got(t, ended); cause != queue.ErrStopped || state(t, q, removed) != nil {
		t.Errorf("of what was removed, %+v is left; its handler ended by %v", state(t, q, removed), cause)
	}
	for _, id := range []ebb.MessageID{waiting, running} {
		if m := state(t, q, id); m == nil || m.State != ebb.MessageStopped || m.Reason != "enough" {
			t.Errorf("it is %+v", m)
		}
	}

	dies := enqueue(t, s, q, queue.Enqueue{Group: "dies", Body: []byte("one")})
	got(t, began)
	until(t, "it is dead", func() bool { return state(t, q, dies).State == ebb.MessageDead })
	key := ebb.MessageKey{Queue: "work", Service: service, ID: dies}
	if err := change(func(tx *store.Tx) error { return q.Redrive(tx, key, []byte("two")) }); err != nil {
		t.Fatal(err)
	}
	if m := got(t, began); string(m.Body) != "two" || m.Attempt != 1 {
		t.Errorf("redriven: %+v", m)
	}
}

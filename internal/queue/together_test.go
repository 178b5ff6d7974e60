package queue_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// TestTogether: outcomes that end at once share their Txs, and one whose fn fails
// takes no other with it.
func TestTogether(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) { together(t, s, false) })
	t.Run("alone", func(t *testing.T) { together(t, openStore(t), true) })
}

func together(t *testing.T, s *store.Store, alone bool) {
	const many = 120
	var begun, refused, written atomic.Int32
	begin := make(chan bool)
	var bad ebb.MessageID
	q := queue.New(queue.Config{Exclusive: alone, Queues: map[string]queue.Options{"work": {Concurrency: 3 * (many + 1), Together: true}}},
		s, map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
			begun.Add(1)
			<-begin
			return queue.Done(func(tx *store.Tx) error {
				if m.ID == bad && m.Attempt == 1 {
					tx.AfterCommit(func() { t.Error("what was refused was committed") })
					refused.Add(1)
					return errors.New("refused")
				}
				err := tx.InsertMessage(&ebb.Message{MessageKey: ebb.MessageKey{Queue: "written", Service: service, ID: m.ID}, Lane: lane, State: ebb.MessageDone})
				tx.AfterCommit(func() { written.Add(1) })
				return err
			})
		}}, quiet())
	if !alone { // else they are all there when it looks
		run(t, q)
	}
	for n := range many + 1 {
		if id := enqueue(t, s, q, queue.Enqueue{}); n == many/2 {
			bad = id
		}
	}
	if alone {
		run(t, q)
	}
	until(t, "all have begun", func() bool { return begun.Load() == many+1 })
	before := s.Stats().Commits
	close(begin)
	until(t, "all are written", func() bool { return written.Load() == many+1 })
	if refused.Load() == 0 {
		t.Error("nothing was refused")
	}
	if commits := s.Stats().Commits - before; commits > many/2 {
		t.Errorf("%d commits for %d outcomes", commits, many)
	}
	if _, next, err := q.List(t.Context(), store.MessageFilter{Queue: "work", Service: service}, many); err != nil || next != "" {
		t.Errorf("messages are left: %v", err)
	}
	ms, _, err := q.List(t.Context(), store.MessageFilter{Queue: "written", Service: service}, 2*many)
	if err != nil || len(ms) != many+1 {
		t.Errorf("%d are written, want %d: %v", len(ms), many+1, err)
	}
}

// TestLateLease: a process that is alone leases such messages with their outcome.
// Until then the row is as it was, and one that is stopped meanwhile stays so.
func TestLateLease(t *testing.T) {
	s := openStore(t)
	begun, end := make(chan *queue.Message), make(chan queue.Outcome)
	q := queue.New(queue.Config{Exclusive: true, Queues: map[string]queue.Options{"work": {Together: true}}}, s,
		map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
			begun <- m
			return <-end
		}}, quiet())
	id := enqueue(t, s, q, queue.Enqueue{}) // before it runs, which would lease it at once
	run(t, q)
	for n := range int64(2) {
		m := got(t, begun)
		if row := state(t, q, id); row.Leased || row.Epoch != n || row.Attempt != 0 || m.Attempt != 1 || m.Epoch != n+1 {
			t.Errorf("handled %+v of %+v", m, row)
		}
		if n == 0 {
			end <- queue.Repeat(time.Now().Add(time.Millisecond), []byte("again"), nil)
		}
	}
	if err := s.Tx(t.Context(), func(tx *store.Tx) error {
		return q.Cancel(tx, ebb.MessageKey{Queue: "work", Service: service, ID: id}, "why")
	}); err != nil {
		t.Fatal(err)
	}
	end <- queue.Done(func(*store.Tx) error { t.Error("what was stopped is written"); return nil })
	next := enqueue(t, s, q, queue.Enqueue{NotBefore: time.Now().Add(time.Millisecond)})
	if m := got(t, begun); m.ID != next {
		t.Errorf("%+v", m)
	}
	end <- queue.Done(nil)
	until(t, "it is gone", func() bool { return state(t, q, next) == nil })
	if row := state(t, q, id); row.State != ebb.MessageStopped {
		t.Errorf("%+v", row)
	}
}

// TestLateLeaseAfterCrash: what a process before had leased counts as crashed, and
// is handled.
func TestLateLeaseAfterCrash(t *testing.T) {
	s := openStore(t)
	before := time.Now().Add(-time.Minute)
	if err := s.Tx(t.Context(), func(tx *store.Tx) error {
		return tx.InsertMessage(&ebb.Message{MessageKey: ebb.MessageKey{Queue: "work", Service: service, ID: "m"}, Lane: lane,
			Leased: true, Epoch: 1, Attempt: 1, EnqueuedAt: before, Due: time.Now().Add(time.Hour)})
	}); err != nil {
		t.Fatal(err)
	}
	handled := make(chan *queue.Message)
	q := queue.New(queue.Config{Exclusive: true, Queues: map[string]queue.Options{"work": {Together: true}}}, s,
		map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
			handled <- m
			return queue.Done(nil)
		}}, quiet())
	run(t, q)
	if m := got(t, handled); m.Crashes != 1 || m.Attempt != 2 {
		t.Errorf("%+v", m)
	}
	until(t, "it is gone", func() bool { return state(t, q, "m") == nil })
}

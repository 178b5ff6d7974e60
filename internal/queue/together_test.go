package queue_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// TestTogether: outcomes that end at once share their Txs, and one whose fn fails
// takes no other with it.
func TestTogether(t *testing.T) { each(t, together) }

func together(t *testing.T, s *store.Store) {
	const many = 120
	var begun, refused, written atomic.Int32
	begin := make(chan bool)
	var bad ebb.MessageID
	q := queue.New(queue.Config{Queues: map[string]queue.Options{"work": {Concurrency: 3 * (many + 1), Together: true}}},
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
	run(t, q)
	for n := range many + 1 {
		if id := enqueue(t, s, q, queue.Enqueue{}); n == many/2 {
			bad = id
		}
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

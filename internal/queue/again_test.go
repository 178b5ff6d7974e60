package queue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// A message that is to be handled again at once may be claimed before its handler
// of the last time has gone: it is handled then, and not forgotten until its
// lease ends.
func TestAgainAtOnce(t *testing.T) {
	each(t, func(t *testing.T, s *store.Store) {
		const messages, attempts = 300, 4
		var left, crashed atomic.Int64
		left.Store(messages)
		q := queue.New(queue.Config{Exclusive: true, Visibility: time.Hour}, s, map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
			crashed.Add(int64(m.Crashes))
			if m.Attempt < attempts {
				return queue.Later(time.Now(), nil)
			}
			left.Add(-1)
			return queue.Done(nil)
		}}, quiet())
		run(t, q)
		for range messages {
			enqueue(t, s, q, queue.Enqueue{})
		}
		until(t, "all are done", func() bool { return left.Load() <= 0 })
		if n := crashed.Load(); n > 0 {
			t.Errorf("%d were counted as crashes", n)
		}
	})
}

// TestRepeat: a message that is done may be a new one in its own place.
func TestRepeat(t *testing.T) { each(t, repeat) }

func repeat(t *testing.T, s *store.Store) {
	type seen struct {
		body    string
		attempt int
	}
	handled := make(chan seen)
	q := queue.New(queue.Config{}, s, map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
		handled <- seen{string(m.Body), m.Attempt}
		switch string(m.Body) {
		case "fails":
			return queue.Later(time.Now(), []byte("first"))
		case "first":
			return queue.Repeat(time.Now().Add(time.Millisecond), []byte("second"), func(tx *store.Tx) error {
				return tx.InsertMessage(&ebb.Message{MessageKey: ebb.MessageKey{Queue: "written", Service: service, ID: m.ID}, Lane: lane, State: ebb.MessageDone})
			})
		}
		return queue.Done(nil)
	}}, quiet())
	run(t, q)
	id := enqueue(t, s, q, queue.Enqueue{Body: []byte("fails")})
	got(t, handled)
	if again := got(t, handled); again.body != "first" || again.attempt != 2 {
		t.Errorf("%+v", again)
	}
	if second := got(t, handled); second.body != "second" || second.attempt != 1 {
		t.Errorf("%+v", second)
	}
	until(t, "it is gone", func() bool { return state(t, q, id) == nil })
	if _, err := q.Get(t.Context(), ebb.MessageKey{Queue: "written", Service: service, ID: id}); err != nil {
		t.Error(err)
	}
}

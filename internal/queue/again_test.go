package queue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

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

package queue_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
)

// A process with room hears at once of what another enqueued, without looking:
// it would look in an hour.
func TestOthersAreTold(t *testing.T) {
	url := postgrestest.Database(t) // notifications are a whole database's
	a, b := openAt(t, store.Config{URL: url}), openAt(t, store.Config{URL: url})
	began := make(chan time.Time, 100)
	works := queue.New(queue.Config{Rescan: time.Hour}, b, map[string]queue.Handler{"work": func(context.Context, *queue.Message) queue.Outcome {
		began <- time.Now()
		return queue.Done(nil)
	}}, quiet())
	ctx, cancel := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() {
		b.Watch(ctx, quiet(), func(c store.Change) {
			if c.Kind == store.ChangeMessages {
				works.Wake(c.ID)
			}
		})
	})
	t.Cleanup(func() { cancel(); watching.Wait() })
	run(t, works)
	enqueues := queue.New(queue.Config{}, a, map[string]queue.Handler{"other": func(context.Context, *queue.Message) queue.Outcome {
		return queue.Done(nil)
	}}, quiet())
	run(t, enqueues)
	// The first may come before the other listens; its second look finds it.
	enqueue(t, a, enqueues, queue.Enqueue{})
	until(t, "the other listens", func() bool {
		if len(began) == 0 {
			enqueue(t, a, enqueues, queue.Enqueue{})
		}
		return len(began) > 0
	})
	until(t, "all are handled", func() bool {
		ds, err := works.Depths(t.Context())
		return err == nil && len(ds) == 0
	})
	for len(began) > 0 {
		<-began
	}
	var took []time.Duration
	for range 50 {
		at := time.Now()
		enqueue(t, a, enqueues, queue.Enqueue{})
		took = append(took, got(t, began).Sub(at))
	}
	slices.Sort(took)
	t.Logf("enqueued to begun in another process: p50 %v, most %v", took[25], took[49])
}

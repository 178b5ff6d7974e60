package queue_test

import (
	"bytes"
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

var kilobyte = bytes.Repeat([]byte("x"), 1<<10)

// BenchmarkEnqueue compares Enqueue of 1 KiB with the bare writer: the same
// callers, each inserting the same bytes with one statement.
func BenchmarkEnqueue(b *testing.B) {
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("bare/%d", callers), func(b *testing.B) {
			s := openStore(b)
			var n atomic.Int64
			load(b, s, callers, func(tx *store.Tx) error {
				return tx.InsertMessage(&ebb.Message{MessageKey: ebb.MessageKey{Queue: "work", Service: service,
					ID: ebb.MessageID(fmt.Sprint(n.Add(1)))}, Lane: "work", EnqueuedAt: time.Now(), Due: time.Now(), Body: kilobyte})
			})
		})
		b.Run(fmt.Sprintf("queue/%d", callers), func(b *testing.B) {
			s := openStore(b)
			q := queue.New(queue.Config{}, s, nil, quiet())
			load(b, s, callers, func(tx *store.Tx) error {
				_, err := q.Enqueue(tx, queue.Enqueue{Queue: "work", Service: service, Body: kilobyte})
				return err
			})
		})
	}
}

func load(b *testing.B, s *store.Store, callers int, fn func(*store.Tx) error) {
	before := s.Stats()
	b.ReportAllocs()
	b.ResetTimer()
	var left atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				if err := s.Tx(context.Background(), fn); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	after := s.Stats()
	b.ReportMetric(float64(after.Fns-before.Fns)/float64(after.Commits-before.Commits), "fns/commit")
}

// BenchmarkThrough is a message's whole way: enqueued by 64 callers, handled, done.
func BenchmarkThrough(b *testing.B) {
	for name, ahead := range map[string]bool{"idle": false, "backlog": true} {
		b.Run(name, func(b *testing.B) {
			s := openStore(b)
			var handled sync.WaitGroup
			q := queue.New(queue.Config{}, s, map[string]queue.Handler{"work": func(context.Context, *queue.Message) queue.Outcome {
				handled.Done()
				return queue.Done(nil)
			}}, quiet())
			handled.Add(b.N)
			put := func(tx *store.Tx) error {
				_, err := q.Enqueue(tx, queue.Enqueue{Queue: "work", Service: service, Body: kilobyte})
				return err
			}
			if ahead {
				load(b, s, 64, put)
				b.ResetTimer()
				run(b, q)
			} else {
				run(b, q)
				load(b, s, 64, put)
			}
			handled.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
		})
	}
}

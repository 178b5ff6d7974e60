package queue_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/queue"
)

// TestFirst: while messages of a queue that goes first are due, none of a queue
// that yields begins; those of others do.
func TestFirst(t *testing.T) {
	s := openStore(t)
	var ended atomic.Bool
	begun, others, end, done := make(chan bool), make(chan bool), make(chan bool), make(chan bool)
	q := queue.New(queue.Config{Exclusive: true, Hold: time.Hour, Queues: map[string]queue.Options{"first": {Rank: queue.First}, "work": {Rank: queue.Yields}}},
		s, map[string]queue.Handler{
			"first": func(context.Context, *queue.Message) queue.Outcome {
				begun <- true
				<-end
				return queue.Done(nil)
			},
			"work": func(context.Context, *queue.Message) queue.Outcome {
				if !ended.Load() {
					t.Error("what yields began")
				}
				done <- true
				return queue.Done(nil)
			},
			"other": func(context.Context, *queue.Message) queue.Outcome {
				others <- true
				return queue.Done(nil)
			},
		}, quiet())
	run(t, q)
	enqueue(t, s, q, queue.Enqueue{Queue: "first", NotBefore: time.Now().Add(time.Millisecond)})
	got(t, begun)
	enqueue(t, s, q, queue.Enqueue{})
	enqueue(t, s, q, queue.Enqueue{Queue: "other"})
	got(t, others)
	enqueue(t, s, q, queue.Enqueue{Queue: "first"})
	got(t, begun)
	end <- true
	ended.Store(true)
	end <- true
	got(t, done)
	enqueue(t, s, q, queue.Enqueue{})
	got(t, done)
}

// TestFirstEndsHolding: what goes first does not hold back others for ever.
func TestFirstEndsHolding(t *testing.T) {
	s := openStore(t)
	begun, end, done := make(chan bool), make(chan bool), make(chan bool)
	q := queue.New(queue.Config{Exclusive: true, Hold: time.Millisecond, Queues: map[string]queue.Options{"first": {Rank: queue.First}, "work": {Rank: queue.Yields}}},
		s, map[string]queue.Handler{
			"first": func(context.Context, *queue.Message) queue.Outcome {
				begun <- true
				<-end
				return queue.Done(nil)
			},
			"work": func(context.Context, *queue.Message) queue.Outcome {
				done <- true
				return queue.Done(nil)
			},
		}, quiet())
	run(t, q)
	enqueue(t, s, q, queue.Enqueue{Queue: "first"})
	got(t, begun)
	enqueue(t, s, q, queue.Enqueue{})
	got(t, done)
	end <- true
}

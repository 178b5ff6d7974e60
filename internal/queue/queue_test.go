package queue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

func TestDoneIsHandledOnceAndGone(t *testing.T) {
	s := openStore(t)
	seen := make(chan *queue.Message, 10)
	wrote := make(chan bool, 10)
	q := queue.New(queue.Config{}, s, map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
		seen <- m
		return queue.Done(func(*store.Tx) error { wrote <- true; return nil })
	}}, quiet())
	before := enqueue(t, s, q, queue.Enqueue{Body: []byte("before"), Group: "g"})
	run(t, q)
	if m := got(t, seen); m.ID != before || string(m.Body) != "before" || m.Group != "g" || m.Attempt != 1 {
		t.Errorf("got %+v", m)
	}
	after := enqueue(t, s, q, queue.Enqueue{Body: []byte("after")})
	if m := got(t, seen); m.ID != after || m.Attempt != 1 || m.Epoch != 1 {
		t.Errorf("got %+v", m)
	}
	got(t, wrote)
	got(t, wrote)
	until(t, "both are gone", func() bool { return state(t, q, before) == nil && state(t, q, after) == nil })
}

func TestLaterComesAgainWithAnotherBody(t *testing.T) {
	s := openStore(t)
	seen := make(chan *queue.Message, 10)
	q := queue.New(queue.Config{}, s, map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
		seen <- m
		if m.Attempt < 3 {
			return queue.Later(time.Now().Add(30*time.Millisecond), fmt.Appendf(nil, "after %d", m.Attempt))
		}
		return queue.Dead("enough", nil)
	}}, quiet())
	run(t, q)
	id := enqueue(t, s, q, queue.Enqueue{Body: []byte("first")})
	for n, want := range []string{"first", "after 1", "after 2"} {
		if m := got(t, seen); string(m.Body) != want || m.Attempt != n+1 {
			t.Errorf("attempt %d has body %q, want %q", m.Attempt, m.Body, want)
		}
	}
	until(t, "it is dead", func() bool { m := state(t, q, id); return m != nil && m.State == ebb.MessageDead })
	if m := state(t, q, id); m.Reason != "enough" || string(m.Body) != "after 2" {
		t.Errorf("dead letter %+v", m)
	}
}

func TestRefusedOutcomeComesAgain(t *testing.T) {
	s := openStore(t)
	seen := make(chan int, 10)
	q := queue.New(queue.Config{}, s, map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
		seen <- m.Attempt
		if m.Attempt == 1 {
			return queue.Done(func(*store.Tx) error { return errors.New("somebody was faster") })
		}
		return queue.Done(nil)
	}}, quiet())
	run(t, q)
	id := enqueue(t, s, q, queue.Enqueue{})
	got(t, seen)
	if got(t, seen) != 2 {
		t.Error("no second attempt")
	}
	until(t, "it is gone", func() bool { return state(t, q, id) == nil })
}

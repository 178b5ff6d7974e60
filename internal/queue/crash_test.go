package queue_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// A stale holder changes nothing, and its Tx fn is not run.
func TestStaleHolderChangesNothing(t *testing.T) { each(t, staleHolderChangesNothing) }

func staleHolderChangesNothing(t *testing.T, s *store.Store) {
	began, goOn := make(chan *queue.Message, 10), make(chan bool)
	var wrote atomic.Int32
	q := queue.New(queue.Config{}, s, map[string]queue.Handler{"work": func(ctx context.Context, m *queue.Message) queue.Outcome {
		began <- m
		<-goOn
		return queue.Done(func(*store.Tx) error { wrote.Add(1); return nil })
	}}, quiet())
	run(t, q)
	id := enqueue(t, s, q, queue.Enqueue{})
	m := got(t, began)
	key := ebb.MessageKey{Queue: "work", Service: service, ID: id}
	// Another process finds the lease run out, and takes it.
	if err := s.Tx(t.Context(), func(tx *store.Tx) error {
		for range 2 { // the first counts the crash
			if _, err := tx.ClaimMessages("work", string(service), time.Now().Add(time.Hour), time.Now().Add(2*time.Hour), 1); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	goOn <- true
	until(t, "the handler's end is known", func() bool { return len(goOn) == 0 })
	got := state(t, q, id)
	if got == nil || !got.Leased || got.Epoch != m.Epoch+2 || got.Crashes != 1 {
		t.Fatalf("the other's lease is %+v", got)
	}
	if err := s.Tx(t.Context(), func(tx *store.Tx) error {
		return tx.ReleaseMessage(key, m.Epoch, time.Now(), true, 0, nil)
	}); !errors.Is(err, store.ErrChanged) {
		t.Errorf("a stale release answered %v", err)
	}
	if wrote.Load() != 0 {
		t.Error("the stale holder's fn was run")
	}
}

// crasher, in the environment, makes this binary a process that handles the
// messages of the database named there, and dies of those named poison.
const crasher = "EBB_QUEUE_TEST_CRASHER"

func crash(database string) error {
	cfg, alone := store.Config{Path: database}, true
	if strings.HasPrefix(database, "postgres:") {
		cfg, alone = store.Config{URL: database}, false
	}
	s, err := store.Open(context.Background(), cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	q := queue.New(queue.Config{Exclusive: alone, Visibility: time.Second, Rescan: 50 * time.Millisecond}, s, map[string]queue.Handler{"work": func(_ context.Context, m *queue.Message) queue.Outcome {
		if m.Group == "poison" {
			os.Exit(9)
		}
		<-time.After(20 * time.Millisecond) // so that many are there when it dies
		return queue.Done(nil)
	}}, quiet())
	go func() {
		defer cancel()
		for left := 1; left > 0 && ctx.Err() == nil; {
			err := s.Read(ctx, func(tx *store.Tx) error {
				ms, _, err := tx.Messages(store.MessageFilter{Queue: "work", Service: service, State: new(ebb.MessageLive)}, 1000)
				left = len(ms)
				return err
			})
			if err != nil {
				return
			}
			<-time.After(5 * time.Millisecond)
		}
	}()
	return errors.Join(q.Run(ctx), s.Close())
}

// A message that kills whoever handles it becomes a dead letter, and those that
// happened to be there each time do not.
func TestPoisonIsIsolated(t *testing.T) {
	for name, cfg := range engines {
		t.Run(name, func(t *testing.T) { poisonIsIsolated(t, cfg(t)) })
	}
}

func poisonIsIsolated(t *testing.T, cfg store.Config) {
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	q := queue.New(queue.Config{}, s, nil, quiet())
	const innocent = 60
	var ids []ebb.MessageID
	for n := range innocent {
		if n == innocent/2 {
			enqueue(t, s, q, queue.Enqueue{ID: "poison", Group: "poison"})
		}
		ids = append(ids, enqueue(t, s, q, queue.Enqueue{Group: "innocent"}))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ends := 0
	for ; ends < 20; ends++ {
		cmd := exec.CommandContext(t.Context(), exe)
		cmd.Env = append(os.Environ(), crasher+"="+cmp.Or(cfg.URL, cfg.Path))
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err == nil {
			break
		}
		if !errors.As(err, &exit) || exit.ExitCode() != 9 {
			t.Fatalf("%v: %s", err, out)
		}
	}
	check(t, cfg, func(tx *store.Tx) error {
		m, err := tx.Message(ebb.MessageKey{Queue: "work", Service: service, ID: "poison"})
		if err != nil {
			return err
		}
		if m.State != ebb.MessageDead || m.Crashes != queue.DefaultMaxCrashes {
			return fmt.Errorf("the poison is %+v", m)
		}
		for _, id := range ids {
			if _, err := tx.Message(ebb.MessageKey{Queue: "work", Service: service, ID: id}); !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("an innocent message is still there: %w", err)
			}
		}
		return nil
	})
}

func check(t *testing.T, cfg store.Config, fn func(*store.Tx) error) {
	t.Helper()
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Read(t.Context(), fn), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// A handler that panics is tried again, and given up like one that crashes.
func TestPanicCountsLikeACrash(t *testing.T) {
	s := openStore(t)
	q := queue.New(queue.Config{MaxCrashes: 1}, s, map[string]queue.Handler{"work": func(context.Context, *queue.Message) queue.Outcome {
		panic("ouch")
	}}, quiet())
	run(t, q)
	id := enqueue(t, s, q, queue.Enqueue{})
	until(t, "it is dead", func() bool { m := state(t, q, id); return m != nil && m.State == ebb.MessageDead })
}

// What is not begun when the process stops is given back, and what runs ends.
func TestStopGivesBack(t *testing.T) { each(t, stopGivesBack) }

func stopGivesBack(t *testing.T, s *store.Store) {
	began, goOn := make(chan bool, 100), make(chan bool)
	cfg := queue.Config{Concurrency: 1, Exclusive: true, Drain: time.Minute}
	q := queue.New(cfg, s, map[string]queue.Handler{"work": func(context.Context, *queue.Message) queue.Outcome {
		began <- true
		<-goOn
		return queue.Done(nil)
	}}, quiet())
	stop := run(t, q)
	first := enqueue(t, s, q, queue.Enqueue{})
	got(t, began)
	second := enqueue(t, s, q, queue.Enqueue{})
	var wg sync.WaitGroup
	wg.Go(stop)
	until(t, "the second is given back", func() bool {
		m := state(t, q, second)
		return m != nil && !m.Leased && m.Attempt == 0 && m.Crashes == 0
	})
	goOn <- true
	wg.Wait()
	if m := state(t, q, first); m != nil {
		t.Errorf("what ran to its end is %+v", m)
	}
	if len(began) != 0 {
		t.Error("something was begun while stopping")
	}
}

// A handler that does not end is told to.
func TestStopEndsHandlersAtLast(t *testing.T) {
	s := openStore(t)
	began := make(chan bool, 10)
	q := queue.New(queue.Config{Drain: 10 * time.Millisecond}, s, map[string]queue.Handler{"work": func(ctx context.Context, _ *queue.Message) queue.Outcome {
		began <- true
		<-ctx.Done()
		return queue.Later(time.Now(), nil).Free()
	}}, quiet())
	stop := run(t, q)
	id := enqueue(t, s, q, queue.Enqueue{})
	got(t, began)
	stop()
	if m := state(t, q, id); m == nil || m.Leased || m.Attempt != 0 {
		t.Errorf("it is %+v", m)
	}
}

package queue_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
)

func TestMain(m *testing.M) {
	if database := os.Getenv(crasher); database != "" {
		if err := crash(database); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(postgrestest.Tests{M: m})
}

// engines are the databases that a queue may be in, by what makes a new one. Every
// fn runs twice, but where only speed counts.
var engines = map[string]func(t testing.TB) store.Config{
	"sqlite": func(t testing.TB) store.Config {
		return store.Config{Path: filepath.Join(t.TempDir(), "ebb.db"), Twice: !isBenchmark(t)}
	},
	"postgres": func(t testing.TB) store.Config {
		return store.Config{URL: postgrestest.Migrated(t), Twice: !isBenchmark(t)}
	},
}

// each runs a test with a new database of each engine.
func each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	for name, cfg := range engines {
		t.Run(name, func(t *testing.T) { test(t, openAt(t, cfg(t))) })
	}
}

const service = ebb.DefaultService

func openStore(t testing.TB) *store.Store {
	t.Helper()
	return openAt(t, engines["sqlite"](t))
}

func openAt(t testing.TB, cfg store.Config) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// run runs q until the test ends, or the func returned is called.
func run(t testing.TB, q *queue.Queue) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- q.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

func enqueue(t testing.TB, s *store.Store, q *queue.Queue, e queue.Enqueue) ebb.MessageID {
	t.Helper()
	if e.Queue == "" {
		e.Queue = "work"
	}
	if e.Service == "" {
		e.Service = service
	}
	var id ebb.MessageID
	if err := s.Tx(context.Background(), func(tx *store.Tx) (err error) {
		id, err = q.Enqueue(tx, e)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return id
}

// got waits for a value, with a deadline far beyond what a slow machine needs.
func got[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(time.Minute):
		t.Fatal("nothing came in a minute")
		panic("unreachable")
	}
}

// until waits for a condition that other goroutines bring about.
func until(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not in a minute: %s", what)
		}
	}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func state(t testing.TB, q *queue.Queue, id ebb.MessageID) *ebb.Message {
	t.Helper()
	m, err := q.Get(context.Background(), ebb.MessageKey{Queue: "work", Service: service, ID: id})
	if err != nil {
		return nil
	}
	return m
}

// isBenchmark: what runs a Tx's fn twice measures nothing.
func isBenchmark(t testing.TB) bool { _, is := t.(*testing.B); return is }

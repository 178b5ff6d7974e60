package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

// together has every fn wait for the writer before it goes on, so that they
// come in one group, behind a first fn that does nothing. It returns their
// errors.
func together(t *testing.T, s *store.Store, fns ...func(*store.Tx) error) []error {
	t.Helper()
	release := make(chan struct{})
	errs := make([]error, len(fns))
	var wg sync.WaitGroup
	wg.Go(func() {
		// It shares the group's fate, which is the test's to judge.
		_ = s.Tx(t.Context(), func(*store.Tx) error { <-release; return nil })
	})
	synctest.Wait()
	for i, fn := range fns {
		wg.Go(func() { errs[i] = s.Tx(t.Context(), fn) })
		synctest.Wait() // keeps their order
	}
	close(release)
	wg.Wait()
	return errs
}

// inBubble runs test with a store all of whose goroutines live in the bubble.
func inBubble(t *testing.T, test func(t *testing.T, s *store.Store)) {
	path := filepath.Join(t.TempDir(), "ebb.db")
	synctest.Test(t, func(t *testing.T) { test(t, openAt(t, path)) })
}

func insert(name string) func(*store.Tx) error {
	return func(tx *store.Tx) error { return storetest.Insert(tx, name) }
}

func there(t *testing.T, s *store.Store, name string) bool {
	t.Helper()
	var err error
	storetest.Read(t, s, func(tx *store.Tx) error {
		_, err = tx.Function(storetest.Key(name))
		return nil
	})
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

func TestCallersShareOneCommit(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		var fns []func(*store.Tx) error
		for i := range 20 {
			fns = append(fns, insert(fmt.Sprint("f", i)))
		}
		before := s.Stats()
		for i, err := range together(t, s, fns...) {
			if err != nil || !there(t, s, fmt.Sprint("f", i)) {
				t.Errorf("f%d: %v", i, err)
			}
		}
		after := s.Stats()
		if commits, ran := after.Commits-before.Commits, after.Fns-before.Fns; commits != 1 || ran != 21 {
			t.Fatalf("%d fns took %d commits, want 21 in 1", ran, commits)
		}
	})
}

// One group: neighbours of an error and of a panic are kept, and see each other.
func TestErrorInAGroup(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		refused := errors.New("refused")
		errs := together(t, s,
			insert("first"),
			func(tx *store.Tx) error { return errors.Join(storetest.Insert(tx, "refused"), refused) },
			func(tx *store.Tx) error { _ = storetest.Insert(tx, "panicked"); panic("ouch") },
			insert("first"),
			insert("refused"),
		)
		if errs[0] != nil || !errors.Is(errs[1], refused) || errs[2] == nil ||
			!errors.Is(errs[3], store.ErrExists) || errs[4] != nil {
			t.Fatalf("got %v", errs)
		}
		if !there(t, s, "first") || there(t, s, "panicked") || !there(t, s, "refused") {
			t.Fatal("wrong functions are there")
		}
	})
}

// The whole group falls with a full disk, and nobody after it.
func TestFullDiskInAGroup(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		var limit int64
		storetest.Must(t, s, func(tx *store.Tx) (err error) {
			if err = storetest.Insert(tx, "before"); err == nil {
				limit, err = tx.Count("PRAGMA page_count")
			}
			return err
		})
		storetest.Must(t, s, func(tx *store.Tx) error {
			return tx.Exec(fmt.Sprintf("PRAGMA max_page_count = %d", limit))
		})
		large := func(tx *store.Tx) error {
			f := &ebb.Function{FunctionKey: storetest.Key("large"), Tags: map[string]string{"x": string(make([]byte, 1<<16))}}
			_ = tx.InsertFunction(f) // a fn that does not look must not pass for committed
			_ = storetest.Insert(tx, "stray")
			return nil
		}
		for round := range 2 {
			for i, err := range together(t, s, insert("small"), large, insert("after")) {
				if i == 2 && err == nil {
					continue // came after the group that was lost
				}
				if ebb.KindOf(err) != ebb.Unavailable || ebb.TypeOf(err) != ebb.TypeServiceUnavailable {
					t.Fatalf("round %d: fn %d on a full disk: %v", round, i, err)
				}
			}
			for _, name := range []string{"small", "large", "stray"} {
				if there(t, s, name) {
					t.Fatalf("round %d: %s is there", round, name)
				}
			}
			storetest.Must(t, s, func(tx *store.Tx) error {
				if err := tx.DeleteFunction(storetest.Key("after")); err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
				return nil
			})
		}
		if s.Stats().Failed != 2 {
			t.Fatalf("%d transactions failed, want 2", s.Stats().Failed)
		}
		storetest.Must(t, s, func(tx *store.Tx) error { return tx.Exec("PRAGMA max_page_count = 100000") })
		storetest.Must(t, s, large)
		if !there(t, s, "large") || !there(t, s, "before") {
			t.Fatal("space is back, writing is not")
		}
	})
}

func TestLostConnection(t *testing.T) {
	s := open(t)
	err := s.Tx(t.Context(), func(tx *store.Tx) error {
		if err := storetest.Insert(tx, "gone"); err != nil {
			return err
		}
		if err := s.DropConnection(); err != nil {
			return err
		}
		return storetest.Insert(tx, "too")
	})
	if ebb.KindOf(err) != ebb.Unavailable {
		t.Fatalf("a lost connection came back as %v", err)
	}
	storetest.Must(t, s, insert("kept"))
	if there(t, s, "gone") || !there(t, s, "kept") {
		t.Fatal("wrong functions are there")
	}
}

// A fn that had the connection taken away at its very end must not pass.
func TestLostConnectionAtTheEnd(t *testing.T) {
	s := open(t)
	err := s.Tx(t.Context(), func(tx *store.Tx) error {
		return errors.Join(storetest.Insert(tx, "gone"), s.DropConnection())
	})
	if err == nil {
		t.Fatal("acknowledged")
	}
	storetest.Must(t, s, insert("kept"))
	if there(t, s, "gone") {
		t.Fatal("not acknowledged, but there")
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		release := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Tx(t.Context(), func(*store.Tx) error { <-release; return nil }); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		wg.Go(func() {
			err := s.Tx(ctx, insert("gone"))
			if !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrOutcomeUnknown) || ebb.KindOf(err) != ebb.Unavailable {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		cancel()
		synctest.Wait() // it left although the writer is busy
		close(release)
		wg.Wait()
		if there(t, s, "gone") {
			t.Fatal("ran although its caller had been told that it did not")
		}
	})
}

// asked tells whenever somebody asks for its Done: Tx does before it hands a fn
// over, and again after.
type asked struct {
	context.Context
	times chan struct{}
}

func (a asked) Done() <-chan struct{} {
	a.times <- struct{}{}
	return a.Context.Done()
}

// The writer has taken the request but waits for a lock that somebody else
// holds on the file: the caller can still withdraw.
func TestCancelledBeforeItBegan(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ebb.db")
	s := openAt(t, path)
	other, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	lock, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	times := make(chan struct{}, 8)
	outcome := make(chan error)
	go func() { outcome <- s.Tx(asked{ctx, times}, insert("gone")) }()
	<-times
	<-times
	cancel()
	if err := <-outcome; !errors.Is(err, context.Canceled) || errors.Is(err, store.ErrOutcomeUnknown) {
		t.Errorf("got %v", err)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	storetest.Must(t, s, insert("kept"))
	if there(t, s, "gone") || !there(t, s, "kept") {
		t.Fatal("wrong functions are there")
	}
}

// A fn that ends its goroutine, as t.Fatal does, ends neither writing nor reading.
func TestGoexit(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		errs := together(t, s,
			func(tx *store.Tx) error { _ = storetest.Insert(tx, "gone"); runtime.Goexit(); return nil },
			insert("after"))
		if errs[0] == nil || errs[1] != nil || there(t, s, "gone") || !there(t, s, "after") {
			t.Fatalf("got %v", errs)
		}
		for range 20 { // more than there are connections
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = s.Read(t.Context(), func(*store.Tx) error { runtime.Goexit(); return nil })
			}()
			<-ended
		}
	})
}

func TestCancelledWhileRunning(t *testing.T) {
	inBubble(t, func(t *testing.T, s *store.Store) {
		ctx, cancel := context.WithCancel(t.Context())
		release := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			err := s.Tx(ctx, func(tx *store.Tx) error { <-release; return storetest.Insert(tx, "f") })
			if !errors.Is(err, store.ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) || ebb.KindOf(err) != ebb.Unavailable {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		cancel()
		wg.Wait() // returns while the fn is still running
		close(release)
		storetest.Must(t, s, func(*store.Tx) error { return nil })
		if !there(t, s, "f") {
			t.Fatal("the fn was cut short")
		}
	})
}

func TestCloseFinishesWhatWasHandedOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ebb.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := store.Open(t.Context(), store.Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		release := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := s.Tx(t.Context(), func(tx *store.Tx) error { <-release; return storetest.Insert(tx, "f") }); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			if err := s.Read(t.Context(), func(tx *store.Tx) error {
				<-release
				_, err := tx.CountFunctions(storetest.Service)
				return err
			}); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		if err := s.Tx(t.Context(), insert("late")); ebb.KindOf(err) != ebb.Unavailable {
			t.Errorf("Tx while closing: %v", err)
		}
		close(release)
		wg.Wait()
	})
	s := openAt(t, path)
	if !there(t, s, "f") || there(t, s, "late") {
		t.Fatal("wrong functions are there")
	}
}

// More Reads than connections: all are served, and one that leaves does not
// take a connection with it.
func TestReadersAreShared(t *testing.T) {
	s, err := store.Open(t.Context(), store.Config{Path: filepath.Join(t.TempDir(), "ebb.db"), Readers: 2})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Must(t, s, insert("f"))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range 20 {
				ctx, cancel := context.WithCancel(t.Context())
				err := s.Read(ctx, func(tx *store.Tx) error {
					if i%4 == 0 {
						cancel()
					}
					_, err := tx.Version(storetest.Key("f"), 0)
					return err
				})
				cancel()
				if i%4 != 0 && err != nil || i%4 == 0 && ebb.KindOf(err) != ebb.Unavailable {
					t.Errorf("Read: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

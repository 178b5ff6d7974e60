package store_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
	"github.com/ebb-faas/ebb/internal/store/storetest"
)

// watch collects what s is told until the test ends.
func watch(t *testing.T, s *store.Store) <-chan store.Change {
	t.Helper()
	told := make(chan store.Change, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		s.Watch(ctx, slog.New(slog.DiscardHandler), func(c store.Change) { told <- c })
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
	return told
}

// hear waits for one change. The limit is generous because machines are busy;
// how quick it is, is logged.
func hear(t *testing.T, told <-chan store.Change, want string) {
	t.Helper()
	began := time.Now()
	for {
		select {
		case c := <-told:
			if c.ID == want {
				t.Logf("%s after %v", want, time.Since(began))
				return
			}
		case <-time.After(time.Minute):
			t.Fatalf("%s was not told", want)
		}
	}
}

func touch(t *testing.T, s *store.Store, id string) {
	t.Helper()
	storetest.Must(t, s, func(tx *store.Tx) error { return tx.Touch("thing", id) })
}

// Every process that watches hears of what another changes, also when a
// notification, its connection, or the whole network was lost.
func TestPostgresWatch(t *testing.T) {
	p, url := behindProxy(t)
	a, b := openURL(t, url), openURL(t, url)
	touch(t, a, "before anybody watched")
	told := watch(t, b)
	hear(t, told, "before anybody watched")
	touch(t, a, "second")
	hear(t, told, "second")
	query(t, url, "UPDATE change_counter SET last = last + 1",
		"INSERT INTO change (kind, id, seq) SELECT 'thing', 'no notification', last FROM change_counter")
	hear(t, told, "no notification")
	query(t, url, killOthers)
	touch(t, a, "listener killed")
	hear(t, told, "listener killed")
	p.setDown(true)
	if err := a.Tx(t.Context(), func(tx *store.Tx) error { return tx.Touch("thing", "lost") }); err == nil {
		t.Fatal("the network is down, yet")
	}
	p.setDown(false)
	touch(t, a, "network back")
	hear(t, told, "network back")
}

func TestPostgresWatchManyAtOnce(t *testing.T) {
	url := postgrestest.Database(t)
	a, b := openURL(t, url), openURL(t, url)
	told := watch(t, b)
	const n = 50
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := a.Tx(t.Context(), func(tx *store.Tx) error { return tx.TouchFunction(storetest.Key(string(rune('A' + i)))) }); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for len(seen) < n {
		select {
		case c := <-told:
			seen[c.ID] = true
		case <-time.After(time.Minute):
			t.Fatalf("told of %d of %d", len(seen), n)
		}
	}
}

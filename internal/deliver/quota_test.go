package deliver

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// TestRooms: what is counted, when, and that no more are let in than there is room for.
func TestRooms(t *testing.T) {
	at, waiting, counts, quota := time.Unix(1_790_000_000, 0), 3, 0, ebb.Quota{Events: 5}
	r := &rooms{
		most:  8,
		now:   func() time.Time { return at },
		quota: func(context.Context, ebb.ServiceID) (ebb.Quota, error) { return quota, nil },
		count: func(_ context.Context, _ ebb.ServiceID, most int) (int, error) {
			counts++
			return min(waiting, most), nil
		},
	}
	enter := func() *room {
		t.Helper()
		m, err := r.enter(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	full := func(want string) {
		t.Helper()
		_, err := r.enter(t.Context(), "a")
		e, ok := errors.AsType[*ebb.Error](err)
		if !ok || e.Kind != ebb.Throttled || e.Type != ebb.TypeTooManyRequests || e.Reason != ebb.ReasonCaller || e.RetryAfter <= 0 || e.Message != want {
			t.Fatalf("got %v, want %s", err, want)
		}
	}
	const five = "Rate Exceeded: the service's quota is 5 asynchronous events waiting"
	first, second := enter(), enter()
	full(five)
	first.leave(false) // it was not committed after all
	first = enter()
	full(five)
	if counts != 1 {
		t.Errorf("counted %d times", counts)
	}
	at = at.Add(fullFor + 1) // neither is committed: the count finds 3 still
	full(five)
	first.leave(true)
	second.leave(true)
	waiting = 4 // of five one is done
	at = at.Add(fullFor + 1)
	enter().leave(true)
	waiting++
	full(five)
	quota.Events = 0 // the node's own limit remains
	r.forget("a")
	for range 3 {
		enter().leave(true)
		waiting++
	}
	full("Rate Exceeded: the service's quota is 8 asynchronous events waiting")
	if _, err := r.enter(t.Context(), "b"); err == nil { // 8 wait there, too
		t.Error("another service has no limit")
	}
	before := counts
	waiting, at = 0, at.Add(fullFor+1)
	enter().leave(true)
	at = at.Add(roomFor)
	enter().leave(true)
	if counts != before+1 {
		t.Errorf("counted %d times more while there was room", counts-before)
	}
	at = at.Add(1) // what others accepted meanwhile counts
	waiting = 8
	full("Rate Exceeded: the service's quota is 8 asynchronous events waiting")
}

// TestRoomsOfMany: however many come at once.
func TestRoomsOfMany(t *testing.T) {
	const limit = 20
	var mu sync.Mutex
	committed := 0
	r := &rooms{
		most:  limit,
		now:   time.Now,
		quota: func(context.Context, ebb.ServiceID) (ebb.Quota, error) { return ebb.Quota{}, nil },
		count: func(context.Context, ebb.ServiceID, int) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return committed, nil
		},
	}
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			m, err := r.enter(t.Context(), "a")
			if err != nil {
				return
			}
			mu.Lock()
			committed++
			mu.Unlock()
			m.leave(true)
		})
	}
	all.Wait()
	if committed != limit {
		t.Errorf("%d of %d were let in", committed, limit)
	}
}

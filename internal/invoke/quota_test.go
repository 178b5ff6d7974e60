package invoke

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// ruler is quotas with a clock and a quota that the test sets.
type ruler struct {
	quotas
	quota ebb.Quota
	at    time.Time
	reads int
}

func newRuler(q ebb.Quota) *ruler {
	r := &ruler{quota: q, at: time.Unix(1_790_000_000, 0)}
	r.read = func(context.Context, ebb.ServiceID) (ebb.Quota, error) { r.reads++; return r.quota, nil }
	r.now = func() time.Time { return r.at }
	return r
}

var small = &ebb.Version{FunctionKey: key, MemoryMB: 128}

func wantReason(t *testing.T, err error, reason string) *ebb.Error {
	t.Helper()
	e, ok := errors.AsType[*ebb.Error](err)
	if !ok || e.Kind != ebb.Throttled || e.Type != ebb.TypeTooManyRequests || e.Reason != reason || e.RetryAfter <= 0 {
		t.Fatalf("got %v, want a throttle for %s", err, reason)
	}
	return e
}

func TestQuotaOfConcurrencyAndMemory(t *testing.T) {
	r := newRuler(ebb.Quota{Concurrency: 3, MemoryMB: 300})
	a, err := r.enter(t.Context(), small)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.enter(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	_, err = r.enter(t.Context(), small) // 384 MB
	_ = wantReason(t, err, ebb.ReasonConcurrency)
	// One of many places in an instance has its share of the memory only.
	many := &ebb.Version{FunctionKey: key, MemoryMB: 400, Env: map[string]string{ebb.EnvConcurrency: "10"}}
	if _, err := r.enter(t.Context(), many); err != nil {
		t.Fatal(err)
	}
	_, err = r.enter(t.Context(), many) // a fourth
	_ = wantReason(t, err, ebb.ReasonConcurrency)
	a.leave(small)
	if _, err := r.enter(t.Context(), many); err != nil {
		t.Error("what was given back is not there:", err)
	}
	if r.reads != 1 {
		t.Errorf("the quota was read %d times", r.reads)
	}
	r.quota = ebb.Quota{}
	r.forget(key.Service)
	for range 10 {
		if _, err := r.enter(t.Context(), small); err != nil {
			t.Fatal("without a quota:", err)
		}
	}
	// Another service has its own.
	r.quota = ebb.Quota{Concurrency: 1}
	other := &ebb.Version{FunctionKey: ebb.FunctionKey{Service: "123456789012", Name: "f"}}
	if _, err := r.enter(t.Context(), other); err != nil {
		t.Error(err)
	}
}

func TestQuotaOfRate(t *testing.T) {
	r := newRuler(ebb.Quota{Rate: 10})
	admitted := func() (n int) {
		for range 100 {
			g, err := r.enter(t.Context(), small)
			if err != nil {
				if e := wantReason(t, err, ebb.ReasonCaller); e.RetryAfter > 100*time.Millisecond {
					t.Errorf("retry after %v", e.RetryAfter)
				}
				return n
			}
			g.leave(small)
			n++
		}
		return n
	}
	if n := admitted(); n != 10 {
		t.Errorf("%d at once, want 10", n)
	}
	total := 0
	for range 50 {
		r.at = r.at.Add(100 * time.Millisecond)
		total += admitted()
	}
	if total != 50 {
		t.Errorf("%d in five seconds, want 50", total)
	}
	g := r.gate(key.Service)
	if g.inFlight.Load() != 0 || g.memory.Load() != 0 {
		t.Error("the refused ones are still counted")
	}
}

// The limit is never passed, and never left unused while callers ask.
func TestQuotaUnderContention(t *testing.T) {
	const limit, callers, each = 7, 32, 2000
	r := newRuler(ebb.Quota{Concurrency: limit})
	var now, most, refused atomic.Int64
	var all sync.WaitGroup
	if _, err := r.enter(t.Context(), small); err != nil { // the quota has been read
		t.Fatal(err)
	}
	for range callers {
		all.Go(func() {
			for range each {
				g, err := r.enter(context.Background(), small)
				if err != nil {
					refused.Add(1)
					continue
				}
				n := now.Add(1)
				for {
					m := most.Load()
					if n <= m || most.CompareAndSwap(m, n) {
						break
					}
				}
				now.Add(-1)
				g.leave(small)
			}
		})
	}
	all.Wait()
	if most.Load() > limit-1 {
		t.Errorf("%d at once, the limit is %d and one of it was taken", most.Load(), limit)
	}
	if n := r.gate(key.Service).inFlight.Load(); n != 1 {
		t.Errorf("%d are counted at the end", n)
	}
}

func TestQuotaThatCannotBeRead(t *testing.T) {
	r := newRuler(ebb.Quota{})
	fail := errors.New("database away")
	r.read = func(context.Context, ebb.ServiceID) (ebb.Quota, error) { return ebb.Quota{}, fail }
	if _, err := r.enter(t.Context(), small); !errors.Is(err, fail) {
		t.Errorf("got %v", err)
	}
	if n := r.gate(key.Service).inFlight.Load(); n != 0 {
		t.Errorf("%d are counted", n)
	}
	// What was read before a change is not kept after it.
	r.read = func(context.Context, ebb.ServiceID) (ebb.Quota, error) {
		r.forget(key.Service)
		return ebb.Quota{Concurrency: 1}, nil
	}
	if _, err := r.enter(t.Context(), small); err != nil {
		t.Fatal(err)
	}
	if r.gate(key.Service).quota.Load() != nil {
		t.Error("the old quota was kept")
	}
}

func BenchmarkQuota(b *testing.B) {
	for name, q := range map[string]ebb.Quota{"none": {}, "all": {Concurrency: 1 << 20, MemoryMB: 1 << 30, Rate: 1 << 29}} {
		r := newRuler(q)
		r.now = time.Now
		enter := func(b *testing.B) {
			g, err := r.enter(context.Background(), small)
			if err != nil {
				b.Fatal(err)
			}
			g.leave(small)
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				enter(b)
			}
		})
		b.Run(name+"-parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					enter(b)
				}
			})
		})
	}
}

package pool

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
)

// pass lets the bubble's time pass.
func pass(d time.Duration) { <-time.After(d) }

// inBubble runs a test on a pool whose clock is the test's.
func inBubble(t *testing.T, cfg Config, d *testDriver, test func(t *testing.T, r *rig)) {
	t.Helper()
	if _, err := hostRuntimes(); err != nil { // runs programs, outside
		t.Fatal(err)
	}
	d.bubble = true
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { pass(time.Second) }) // last words of processes
		test(t, newRig(t, cfg, d))
	})
}

// must calls a function that is well.
func (r *rig) must(v *ebb.Version) {
	r.t.Helper()
	if got, out, err := r.call(r.t.Context(), v, "x", long); err != nil || got != "x" || out.FunctionError != "" {
		r.t.Fatalf("%q, %+v, %v", got, out, err)
	}
	synctest.Wait()
}

func (r *rig) states() (list []string) {
	for _, in := range r.Snapshot() {
		list = append(list, in.State)
	}
	return list
}

func TestIdleInstanceIsFrozenAndThawed(t *testing.T) {
	inBubble(t, Config{FreezeAfter: 10 * time.Second}, &testDriver{handle: echo}, func(t *testing.T, r *rig) {
		v := r.version("f", 3)
		r.must(v)
		pass(9 * time.Second)
		if s := r.states(); s[0] != ebb.InstanceIdle || r.Counts().Frozen != 0 {
			t.Errorf("within the grace: %v", s)
		}
		pass(4 * time.Second)
		if s := r.states(); s[0] != ebb.InstanceFrozen || r.Counts().Frozen != 1 || r.Counts().Idle != 1 {
			t.Errorf("after the grace: %v, %+v", s, r.Counts())
		}
		lease, err := r.Acquire(t.Context(), v, "", time.Now().Add(long))
		if err != nil || r.Counts().Frozen != 0 {
			t.Fatalf("thawed: %v, %+v", err, r.Counts())
		}
		lease.Release()
		r.must(v)
		if n := r.driver.created.Load(); n != 1 {
			t.Errorf("%d instances", n)
		}
		pass(13 * time.Second) // and again
		if s := r.states(); s[0] != ebb.InstanceFrozen {
			t.Errorf("the second time: %v", s)
		}
	})
}

func TestAlwaysOnCPUIsNeverFrozen(t *testing.T) {
	inBubble(t, Config{FreezeAfter: time.Second}, &testDriver{handle: echo}, func(t *testing.T, r *rig) {
		v := r.version("f", 3)
		v.Env = map[string]string{ebb.EnvAlwaysOnCPU: "true"}
		r.must(v)
		pass(time.Minute)
		if s := r.states(); s[0] != ebb.InstanceIdle {
			t.Errorf("%v", s)
		}
	})
}

// TestLentWhileItFreezes: the freezing has begun when the request comes; the
// request gets an instance that goes.
func TestLentWhileItFreezes(t *testing.T) {
	begun, goOn := make(chan struct{}), make(chan struct{})
	var box atomic.Pointer[testBox]
	d := &testDriver{handle: echo}
	d.ice = func(b *testBox) error { box.Store(b); close(begun); <-goOn; return nil }
	r := newRig(t, Config{FreezeAfter: time.Millisecond}, d)
	v := r.version("f", 3)
	if _, _, err := r.call(t.Context(), v, "x", long); err != nil {
		t.Fatal(err)
	}
	<-begun
	d.ice = nil
	lent := make(chan *Lease)
	go func() {
		l, err := r.Acquire(context.Background(), v, "", time.Now().Add(long))
		if err != nil {
			t.Error(err)
		}
		lent <- l
	}()
	eventually(t, "it is lent", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.lru.Len() == 0 })
	close(goOn)
	l := <-lent
	if box.Load().frozen.Load() {
		t.Error("it was lent frozen")
	}
	l.Release()
}

func TestFailureToThawCostsNobodyTheirAnswer(t *testing.T) {
	d := &testDriver{handle: echo}
	inBubble(t, Config{FreezeAfter: time.Second}, d, func(t *testing.T, r *rig) {
		v := r.version("f", 3)
		r.must(v)
		pass(3 * time.Second)
		d.stuck.Store(true)
		r.must(v)
		if n := d.created.Load(); n != 2 {
			t.Errorf("%d instances, want a second", n)
		}
		d.stuck.Store(false)
	})
}

func TestDeathWhileFrozenIsNoticed(t *testing.T) {
	var last atomic.Pointer[testBox]
	d := &testDriver{handle: func(b *testBox, p []byte) ([]byte, error) { last.Store(b); return p, nil }}
	inBubble(t, Config{FreezeAfter: time.Second}, d, func(t *testing.T, r *rig) {
		v := r.version("f", 3)
		r.must(v)
		pass(3 * time.Second)
		last.Load().cancel()
		synctest.Wait()
		if c := r.Counts(); c != (Counts{}) {
			t.Errorf("%+v", c)
		}
		r.must(v)
	})
}

// hooked is the conversation with a process that has hooks.
type hooked struct {
	runtimeapi.Session
	mu   sync.Mutex
	ran  []ebb.Hook
	what func(ctx context.Context, h ebb.Hook) (*runtimeapi.Failure, error)
}

func (s *hooked) Hook(ctx context.Context, h ebb.Hook) (*runtimeapi.Failure, error) {
	s.mu.Lock()
	s.ran = append(s.ran, h)
	s.mu.Unlock()
	return s.what(ctx, h)
}

// hooks gives the one instance of v hooks.
func (r *rig) hooks(v *ebb.Version, what func(context.Context, ebb.Hook) (*runtimeapi.Failure, error)) *hooked {
	r.mu.Lock()
	defer r.mu.Unlock()
	in := r.functions[v.FunctionKey].shelves[shelfKey{revision: v.RevisionID}].idle[0]
	s := &hooked{Session: in.session, what: what}
	in.session = s
	return s
}

func hookable(r *rig) *ebb.Version {
	v := r.version("f", 3)
	v.Env = map[string]string{ebb.EnvPreFreeze: "h.freeze", ebb.EnvPreStop: "h.stop", ebb.EnvPreStopTimeout: "7"}
	return v
}

func TestHooksBeforeFreezingAndStopping(t *testing.T) {
	inBubble(t, Config{FreezeAfter: time.Second, IdleTimeout: time.Minute}, &testDriver{handle: echo}, func(t *testing.T, r *rig) {
		v := hookable(r)
		r.must(v)
		s := r.hooks(v, func(context.Context, ebb.Hook) (*runtimeapi.Failure, error) {
			return &runtimeapi.Failure{ErrorType: "Oops", Document: []byte("{}")}, nil
		})
		pass(3 * time.Second)
		if st := r.states(); st[0] != ebb.InstanceFrozen {
			t.Errorf("a failing hook keeps it from being frozen: %v", st)
		}
		r.must(v)
		pass(2 * time.Minute)
		if c := r.Counts(); c != (Counts{}) {
			t.Errorf("%+v", c)
		}
		want := []ebb.Hook{ebb.HookPreFreeze, ebb.HookPreFreeze, ebb.HookPreStop}
		if len(s.ran) != len(want) || s.ran[0] != want[0] || s.ran[1] != want[1] || s.ran[2] != want[2] {
			t.Errorf("ran %v, want %v", s.ran, want)
		}
		if n := r.stats.preFreezes.Load() + r.stats.preStops.Load(); n != 3 {
			t.Errorf("%d failures are counted", n)
		}
	})
}

// TestHookThatHangs: it has its time, its instance is ended, and requests get
// another meanwhile.
func TestHookThatHangs(t *testing.T) {
	d := &testDriver{handle: echo}
	inBubble(t, Config{FreezeAfter: time.Second}, d, func(t *testing.T, r *rig) {
		v := hookable(r)
		r.must(v)
		begin := time.Now()
		s := r.hooks(v, func(ctx context.Context, _ ebb.Hook) (*runtimeapi.Failure, error) {
			<-ctx.Done()
			return nil, errors.New("the socket timed out")
		})
		pass(2 * time.Second)
		r.must(v) // does not wait for the hook
		if n := d.created.Load(); n != 2 || time.Since(begin) > 3*time.Second {
			t.Errorf("%d instances after %v", n, time.Since(begin))
		}
		pass(4 * time.Second)
		if len(s.ran) != 1 || d.alive.Load() != 1 {
			t.Errorf("ran %v, %d alive: want it ended without another hook", s.ran, d.alive.Load())
		}
		r.hooks(v, func(context.Context, ebb.Hook) (*runtimeapi.Failure, error) { return nil, nil })
	})
}

func TestHooksEndWithThePool(t *testing.T) {
	inBubble(t, Config{FreezeOff: true}, &testDriver{handle: echo}, func(t *testing.T, r *rig) {
		v := hookable(r)
		r.must(v)
		r.hooks(v, func(ctx context.Context, _ ebb.Hook) (*runtimeapi.Failure, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		begin := time.Now()
		r.stop()
		if d := time.Since(begin); d > 5*time.Second { // the rig's drain time; the hook has 7 s
			t.Errorf("stopping took %v", d)
		}
	})
}

// TestIdleTimeLearns: a version used every four minutes is kept for so long, one
// used every hour is not kept for nothing, and one whose requests come in bursts
// is judged by the pauses between them.
func TestIdleTimeLearns(t *testing.T) {
	cfg := Config{IdleTimeout: time.Minute, IdleMin: 30 * time.Second, IdleMax: 10 * time.Minute, FreezeOff: true}
	for _, c := range []struct {
		name  string
		every time.Duration
		burst int
		alive bool // just before the next request comes
		soon  bool // and 45 s after it
	}{
		{"every four minutes", 4 * time.Minute, 1, true, true},
		{"every hour", time.Hour, 1, false, false},
		{"bursts", 4 * time.Minute, 30, true, true},
		{"all the time", 2 * time.Second, 1, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &testDriver{handle: echo}
			inBubble(t, cfg, d, func(t *testing.T, r *rig) {
				v := r.version("f", 3)
				for range 12 {
					for range c.burst {
						r.must(v)
					}
					pass(c.every)
				}
				if got := d.alive.Load() > 0; got != c.alive {
					t.Errorf("when the next request comes, an instance is there: %v", got)
				}
				r.must(v)
				pass(45 * time.Second)
				if got := d.alive.Load() > 0; got != c.soon {
					t.Errorf("45 s later an instance is there: %v", got)
				}
			})
		})
	}
}

func TestHabitsAreForgotten(t *testing.T) {
	inBubble(t, Config{IdleTimeout: time.Minute, FreezeOff: true}, &testDriver{handle: echo}, func(t *testing.T, r *rig) {
		r.must(r.version("f", 3))
		pass(7 * time.Hour)
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.habits)+len(r.functions) != 0 {
			t.Errorf("%d habits of %d functions are left", len(r.habits), len(r.functions))
		}
	})
}

func TestSlowInitialisationIsMadeAgain(t *testing.T) {
	var starts atomic.Int64
	d := &testDriver{handle: func(b *testBox, p []byte) ([]byte, error) {
		if string(p) == "hang" {
			<-b.ctx.Done()
			return nil, errCrash
		}
		return p, nil
	}}
	d.begin = func(ctx context.Context) error {
		starts.Add(1)
		select {
		case <-ctx.Done():
		case <-time.After(15 * time.Second): // longer than 10 s, shorter than the timeout
		}
		return ctx.Err()
	}
	inBubble(t, Config{FreezeOff: true}, d, func(t *testing.T, r *rig) {
		v := r.version("f", 20)
		begin := time.Now()
		// The caller's patience ends in the middle; its invocation has begun by then.
		got, out, err := r.call(t.Context(), v, "x", 12*time.Second)
		if err != nil || got != "x" || out.FunctionError != "" || starts.Load() != 2 || time.Since(begin) != 25*time.Second {
			t.Errorf("%q, %+v, %v after %d starts and %v", got, out, err, starts.Load(), time.Since(begin))
		}
		// The next one has the whole timeout again.
		begin = time.Now()
		_, out, err = r.call(t.Context(), v, "hang", long)
		if err != nil || out.ErrorType != ebb.ErrorTimeout || time.Since(begin).Round(time.Second) != 20*time.Second {
			t.Errorf("%+v, %v after %v", out, err, time.Since(begin))
		}
		// But what the second initialisation took is the invocation's.
		begin = time.Now()
		_, out, err = r.call(t.Context(), v, "hang", long)
		if took := time.Since(begin).Round(time.Second); err != nil || out.ErrorType != ebb.ErrorTimeout || took != 30*time.Second {
			t.Errorf("%+v, %v after %v, want 10 s of the first start and 20 s of timeout", out, err, took)
		}
	})
}

func TestNobodyWaitsForTheSecondInitialisation(t *testing.T) {
	d := &testDriver{handle: echo, begin: func(ctx context.Context) error { <-ctx.Done(); return errCrash }}
	inBubble(t, Config{FreezeOff: true}, d, func(t *testing.T, r *rig) {
		_, _, err := r.call(t.Context(), r.version("f", 20), "x", 5*time.Second)
		wantThrottle(t, err, "in time")
		pass(time.Minute)
		if n := d.created.Load(); n != 1 || d.alive.Load() != 0 {
			t.Errorf("%d starts for nobody", n)
		}
	})
}

// TestSnapshotShowsAllStates: instances that are coming, in a hook and going are seen
// as well, each in its state, and are gone from the list when they are gone.
func TestSnapshotShowsAllStates(t *testing.T) {
	d := &testDriver{handle: echo, linger: 5 * time.Second}
	d.begin = func(ctx context.Context) error { return sleep(ctx, 3*time.Second) }
	inBubble(t, Config{FreezeAfter: 10 * time.Second, IdleTimeout: time.Minute, IdleMin: time.Minute}, d, func(t *testing.T, r *rig) {
		v := r.version("f", 30)
		answered := make(chan error, 1)
		go func() {
			_, _, err := r.call(t.Context(), v, "x", long)
			answered <- err
		}()
		for _, step := range []struct {
			after time.Duration
			want  string
		}{
			{time.Second, "[starting]"}, {4 * time.Second, "[idle]"}, {12 * time.Second, "[frozen]"},
			{48 * time.Second, "[stopping]"}, {10 * time.Second, "[]"},
		} {
			pass(step.after)
			if got := fmt.Sprint(r.states()); got != step.want {
				t.Errorf("%v later: %s, want %s", step.after, got, step.want)
			}
		}
		if err := <-answered; err != nil {
			t.Error(err)
		}
		if c := r.Counts(); c.Instances != 0 {
			t.Errorf("%+v", c)
		}
	})
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

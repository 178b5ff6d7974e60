package pool

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
)

const long = time.Minute

// eventually waits for what happens in other goroutines.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("did not happen: " + what)
		}
	}
}

func TestBurstStartsNoMoreThanWaiting(t *testing.T) {
	gate := make(chan struct{})
	d := &testDriver{handle: echo, begin: func(context.Context) error { <-gate; return nil }}
	r := newRig(t, Config{}, d)
	v := r.version("f", 3)
	const burst = 50
	var all sync.WaitGroup
	var failed atomic.Int64
	for i := range burst {
		all.Go(func() {
			want := fmt.Sprint(i)
			if got, _, err := r.call(t.Context(), v, want, long); err != nil || got != want {
				failed.Add(1)
			}
		})
	}
	eventually(t, "50 waiting", func() bool { return r.Counts().Waiting == burst })
	close(gate)
	all.Wait()
	if n := failed.Load(); n != 0 {
		t.Errorf("%d of %d failed", n, burst)
	}
	if n := d.created.Load(); n > burst {
		t.Errorf("%d instances for %d requests", n, burst)
	}
}

func TestReuseIsLastInFirstOut(t *testing.T) {
	served := make(chan string, 1)
	hold := make(chan struct{})
	d := &testDriver{handle: func(b *testBox, p []byte) ([]byte, error) {
		if string(p) == "hold" {
			<-hold
		} else {
			served <- b.id
		}
		return p, nil
	}}
	r := newRig(t, Config{}, d)
	v := r.version("f", 30)
	a, err := r.Acquire(t.Context(), v, "", time.Now().Add(long))
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.Acquire(t.Context(), v, "", time.Now().Add(long))
	if err != nil {
		t.Fatal(err)
	}
	a.Release()
	b.Release() // b is on top now
	for range 5 {
		if _, _, err := r.call(t.Context(), v, "x", long); err != nil {
			t.Fatal(err)
		}
		if id := <-served; id != string(b.Instance()) {
			t.Fatalf("served by %s, want the one released last, %s", id, b.Instance())
		}
	}
	close(hold)
}

func TestIdleInstancesExpire(t *testing.T) {
	d := &testDriver{handle: echo}
	r := newRig(t, Config{IdleTimeout: 30 * time.Millisecond}, d)
	if _, _, err := r.call(t.Context(), r.version("f", 3), "x", long); err != nil {
		t.Fatal(err)
	}
	eventually(t, "expiry", func() bool { return d.alive.Load() == 0 && r.Counts() == Counts{} })
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.functions) != 0 {
		t.Errorf("%d functions are still remembered", len(r.functions))
	}
}

func TestCapPerFunctionHoldsAndQueues(t *testing.T) {
	d := &testDriver{handle: func(_ *testBox, p []byte) ([]byte, error) { return p, nil }}
	r := newRig(t, Config{MaxPerFunction: 3}, d)
	v := r.version("f", 3)
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			if _, _, err := r.call(t.Context(), v, "x", long); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := d.peak.Load(); n > 3 {
		t.Errorf("%d instances at once, the cap is 3", n)
	}
}

func TestQueueBoundAndPatience(t *testing.T) {
	hold := make(chan struct{})
	d := &testDriver{handle: func(_ *testBox, p []byte) ([]byte, error) { <-hold; return p, nil }}
	r := newRig(t, Config{MaxPerFunction: 1, MaxQueue: 1}, d)
	v := r.version("f", 30)
	var all sync.WaitGroup
	all.Go(func() { _, _, _ = r.call(t.Context(), v, "x", long) })
	eventually(t, "one busy", func() bool { return r.Counts().Instances == 1 && r.Counts().Waiting == 0 })
	all.Go(func() { _, _, _ = r.call(t.Context(), v, "x", long) })
	eventually(t, "one waiting", func() bool { return r.Counts().Waiting == 1 })

	_, _, err := r.call(t.Context(), v, "x", long)
	wantThrottle(t, err, "queue")
	close(hold)
	all.Wait()

	l, err := r.Acquire(t.Context(), v, "", time.Now().Add(long))
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = r.call(t.Context(), v, "x", 20*time.Millisecond)
	wantThrottle(t, err, "in time")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := r.call(ctx, v, "x", long); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled caller got %v", err)
	}
	l.Release()
}

func wantThrottle(t *testing.T, err error, why string) {
	t.Helper()
	e, ok := errors.AsType[*ebb.Error](err)
	if !ok || e.Kind != ebb.Throttled || e.Type != ebb.TypeTooManyRequests ||
		e.Reason != ebb.ReasonConcurrency || e.RetryAfter <= 0 || !strings.Contains(e.Message, why) {
		t.Errorf("got %#v, want a throttle because of %q", err, why)
	}
}

func TestNodeCapEvictsTheLongestIdle(t *testing.T) {
	d := &testDriver{handle: echo}
	r := newRig(t, Config{MaxInstances: 2}, d)
	a, b, c := r.version("a", 3), r.version("b", 3), r.version("c", 3)
	for _, v := range []*ebb.Version{a, b, c} {
		if _, _, err := r.call(t.Context(), v, v.Name, long); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.peak.Load(); n > 2 {
		t.Errorf("%d instances at once, the cap is 2", n)
	}
	names := map[string]bool{}
	for _, s := range r.Snapshot() {
		names[s.Function.Name] = names[s.Function.Name] || s.State != ebb.InstanceStopping
	}
	if names["a"] || !names["c"] {
		t.Errorf("after a, b, c on two places: %v are left, want a gone", names)
	}
}

func TestManyFunctionsOnFewPlaces(t *testing.T) {
	d := &testDriver{handle: echo}
	r := newRig(t, Config{MaxInstances: 4}, d)
	var all sync.WaitGroup
	for i := range 20 {
		v := r.version(fmt.Sprintf("f%d", i), 3)
		for range 5 {
			all.Go(func() {
				if got, _, err := r.call(t.Context(), v, "x", long); err != nil || got != "x" {
					t.Errorf("%s: %q, %v", v.Name, got, err)
				}
			})
		}
	}
	all.Wait()
	if n := d.peak.Load(); n > 4 {
		t.Errorf("%d instances at once, the cap is 4", n)
	}
}

func TestTimeoutKillsThatInstanceOnly(t *testing.T) {
	d := &testDriver{handle: func(b *testBox, p []byte) ([]byte, error) {
		if string(p) == "sleep" {
			<-b.ctx.Done()
		}
		return p, nil
	}}
	r := newRig(t, Config{}, d)
	v := r.version("f", 1)
	other, err := r.Acquire(t.Context(), v, "", time.Now().Add(long))
	if err != nil {
		t.Fatal(err)
	}
	got, out, err := r.call(t.Context(), v, "sleep", long)
	if err != nil {
		t.Fatal(err)
	}
	if out.ErrorType != ebb.ErrorTimeout || out.FunctionError != ebb.FunctionErrorUnhandled ||
		!strings.Contains(got, "Task timed out after 1.00 seconds") {
		t.Errorf("got %s, %+v", got, out)
	}
	other.Release()
	if got, _, err := r.call(t.Context(), v, "x", long); err != nil || got != "x" {
		t.Errorf("the other instance: %q, %v", got, err)
	}
	eventually(t, "one instance left", func() bool { return d.alive.Load() == 1 })
	if n := d.created.Load(); n != 2 {
		t.Errorf("%d instances were made, want 2", n)
	}
}

func TestCrashIsAnAnswer(t *testing.T) {
	d := &testDriver{handle: func(b *testBox, p []byte) ([]byte, error) {
		if string(p) == "crash" {
			_, _ = b.stdout.WriteString("last words, no newline")
			return nil, errCrash
		}
		return p, nil
	}}
	r := newRig(t, Config{}, d)
	v := r.version("f", 5)
	got, out, err := r.call(t.Context(), v, "crash", long)
	if err != nil || out.ErrorType != ebb.ErrorExit || !strings.Contains(got, "exit status 1") {
		t.Errorf("got %s, %+v, %v", got, out, err)
	}
	if got, _, err := r.call(t.Context(), v, "x", long); err != nil || got != "x" {
		t.Errorf("after the crash: %q, %v", got, err)
	}
	var lines []string
	err = r.logs.Query(t.Context(), logs.Query{FunctionKey: v.FunctionKey}, func(e logs.Entry) error {
		lines = append(lines, string(e.Text))
		return nil
	})
	if err != nil || !strings.Contains(strings.Join(lines, "\n"), "last words, no newline") {
		t.Errorf("log %q, %v", lines, err)
	}
}

func TestDeathWhileIdleIsNobodysAnswer(t *testing.T) {
	var last atomic.Pointer[testBox]
	d := &testDriver{handle: func(b *testBox, p []byte) ([]byte, error) { last.Store(b); return p, nil }}
	r := newRig(t, Config{}, d)
	v := r.version("f", 5)
	if _, _, err := r.call(t.Context(), v, "x", long); err != nil {
		t.Fatal(err)
	}
	last.Load().cancel()
	eventually(t, "the dead one is gone", func() bool { return r.Counts() == Counts{} })
	got, out, err := r.call(t.Context(), v, "y", long)
	if err != nil || got != "y" || out.FunctionError != "" {
		t.Errorf("the next one: %q, %+v, %v", got, out, err)
	}
}

func TestFailedStartAnswersEachWaiter(t *testing.T) {
	d := &testDriver{handle: echo, begin: func(context.Context) error { return errCrash }}
	r := newRig(t, Config{}, d)
	v := r.version("f", 3)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			_, _, err := r.call(t.Context(), v, "x", long)
			if f, ok := errors.AsType[*Failure](err); !ok || f.ErrorType != ebb.ErrorExit {
				t.Errorf("got %v", err)
			}
		})
	}
	all.Wait()
}

func TestOneBoxThatFailsIsNobodysAnswer(t *testing.T) {
	d := &testDriver{handle: echo}
	r := newRig(t, Config{PrewarmOff: true}, d)
	v := r.version("f", 3)
	d.fail.Store(1)
	if got, _, err := r.call(t.Context(), v, "x", long); err != nil || got != "x" {
		t.Errorf("one failed: %q, %v", got, err)
	}
	d.fail.Store(2)
	if _, _, err := r.call(t.Context(), r.version("g", 3), "x", long); ebb.TypeOf(err) != ebb.TypeSandboxUnavailable {
		t.Errorf("two failed: %v", err)
	}
}

func TestInitTimeout(t *testing.T) {
	d := &testDriver{handle: echo, begin: func(ctx context.Context) error { <-ctx.Done(); return errCrash }}
	r := newRig(t, Config{InitTimeout: 50 * time.Millisecond}, d)
	_, _, err := r.call(t.Context(), r.version("f", 1), "x", long)
	if f, ok := errors.AsType[*Failure](err); !ok || f.ErrorType != ebb.ErrorTimeout || !strings.Contains(string(f.Document), "timed out after 1.00 seconds") {
		t.Errorf("got %v", err)
	}
	if n := d.created.Load(); n != 2 {
		t.Errorf("%d starts, want one more, within the timeout", n)
	}
}

func TestRetainLetsOldVersionsGo(t *testing.T) {
	release := make(chan struct{})
	d := &testDriver{handle: func(_ *testBox, p []byte) ([]byte, error) {
		if string(p) == "hold" {
			<-release
		}
		return p, nil
	}}
	r := newRig(t, Config{}, d)
	old := r.version("f", 30)
	busy := make(chan string, 1)
	go func() {
		got, _, _ := r.call(context.Background(), old, "hold", long)
		busy <- got
	}()
	eventually(t, "busy", func() bool { return r.Counts().Instances == 1 && r.Counts().Waiting == 0 })
	if _, _, err := r.call(t.Context(), old, "x", long); err != nil { // leaves an idle one
		t.Fatal(err)
	}
	r.Retain(old.FunctionKey, map[string]bool{"new": true})
	eventually(t, "idle one gone", func() bool { return d.alive.Load() == 1 })
	close(release)
	if got := <-busy; got != "hold" {
		t.Errorf("work in flight was disturbed: %q", got)
	}
	eventually(t, "busy one gone", func() bool { return d.alive.Load() == 0 })
}

func TestDrainFinishesWorkInFlight(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	d := &testDriver{handle: func(_ *testBox, p []byte) ([]byte, error) {
		close(entered)
		<-release
		return p, nil
	}}
	r := newRig(t, Config{}, d)
	v := r.version("f", 30)
	answer := make(chan string, 1)
	go func() {
		got, _, _ := r.call(context.Background(), v, "work", long)
		answer <- got
	}()
	<-entered
	stopped := make(chan struct{})
	go func() { r.stop(); close(stopped) }()
	eventually(t, "closed", func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.closed })
	_, _, err := r.call(t.Context(), v, "late", long)
	if ebb.KindOf(err) != ebb.Unavailable {
		t.Errorf("a request while draining got %v", err)
	}
	close(release)
	if got := <-answer; got != "work" {
		t.Errorf("work in flight got %q", got)
	}
	<-stopped
}

func TestRandomUse(t *testing.T) {
	var n atomic.Int64
	d := &testDriver{handle: func(_ *testBox, p []byte) ([]byte, error) {
		if n.Add(1)%17 == 0 {
			return nil, errCrash
		}
		return p, nil
	}}
	r := newRig(t, Config{MaxInstances: 6, MaxPerFunction: 4, IdleTimeout: 20 * time.Millisecond}, d)
	var all sync.WaitGroup
	for i := range 8 {
		v := r.version(fmt.Sprintf("f%d", i%4), 5)
		all.Go(func() {
			for range 40 {
				_, out, err := r.call(t.Context(), v, "x", long)
				if err != nil || out.FunctionError != "" && out.ErrorType != ebb.ErrorExit {
					t.Errorf("%+v, %v", out, err)
				}
			}
		})
	}
	all.Wait()
	if p := d.peak.Load(); p > 6 {
		t.Errorf("%d instances at once, the cap is 6", p)
	}
}

// deadSession is the conversation with a process that died unnoticed.
type deadSession struct{ runtimeapi.Session }

func (deadSession) Invoke(context.Context, *runtimeapi.Call, ebb.Sink) (runtimeapi.Outcome, error) {
	return runtimeapi.Outcome{}, runtimeapi.ErrNotDelivered
}

func TestUndeliveredInvocationIsNotAnswered(t *testing.T) {
	d := &testDriver{handle: echo}
	r := newRig(t, Config{}, d)
	v := r.version("f", 5)
	if _, _, err := r.call(t.Context(), v, "x", long); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	in := r.functions[v.FunctionKey].shelves[shelfKey{revision: v.RevisionID}].idle[0]
	in.session = deadSession{in.session}
	r.mu.Unlock()
	got, out, err := r.call(t.Context(), v, "x", long)
	if err != nil || got != "" || !out.NotDelivered || out.FunctionError != "" {
		t.Errorf("got %q, %+v, %v; want no answer at all", got, out, err)
	}
	if got, out, err := r.call(t.Context(), v, "y", long); err != nil || got != "y" || out.NotDelivered {
		t.Errorf("the next instance: %q, %+v, %v", got, out, err)
	}
}

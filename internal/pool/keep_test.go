package pool

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestProvisionedInstancesAreKept(t *testing.T) {
	var last atomic.Pointer[testBox]
	d := &testDriver{handle: func(b *testBox, p []byte) ([]byte, error) { last.Store(b); return p, nil }}
	inBubble(t, Config{IdleTimeout: time.Minute, MaxInstances: 4}, d, func(t *testing.T, r *rig) {
		v := r.version("f", 3)
		want := []Provision{{Version: v, Executions: 3}}
		r.Provision(v.FunctionKey, want)
		synctest.Wait()
		if s := r.Provisioned(v); s != (ebb.ProvisionedState{Allocated: 3, Available: 3}) || s.Status(3) != ebb.ProvisionedReady {
			t.Fatalf("%+v", s)
		}
		lease, err := r.Acquire(t.Context(), v, "", time.Now().Add(long))
		if err != nil || lease.Phases().Cold() {
			t.Fatalf("%v, %+v", err, lease.Phases())
		}
		if s := r.Provisioned(v); s.Available != 2 || s.Allocated != 3 {
			t.Errorf("one is busy: %+v", s)
		}
		lease.Release()

		// They do not expire, and make no room for others.
		pass(time.Hour)
		other := r.version("g", 3)
		r.must(other)
		r.must(r.version("h", 3))
		if c := r.Counts(); c.Provisioned != 3 || d.peak.Load() > 4 {
			t.Errorf("%+v, at most %d at once", c, d.peak.Load())
		}

		// One that dies is replaced.
		r.must(v)
		last.Load().cancel()
		synctest.Wait()
		if s := r.Provisioned(v); s.Allocated != 3 {
			t.Errorf("after a death: %+v", s)
		}

		// Fewer: those too many expire like others. None: all.
		want[0].Executions = 1
		r.Provision(v.FunctionKey, want)
		if s := r.Provisioned(v); s.Allocated != 1 || r.Counts().Provisioned != 1 {
			t.Errorf("after lowering: %+v", s)
		}
		r.Provision(v.FunctionKey, nil)
		pass(10 * time.Minute)
		if c := r.Counts(); c != (Counts{}) {
			t.Errorf("after the end: %+v", c)
		}
	})
}

func TestProvisionedThatCannotStart(t *testing.T) {
	var healed atomic.Bool
	d := &testDriver{handle: echo, begin: func(context.Context) error {
		if healed.Load() {
			return nil
		}
		return errCrash
	}}
	inBubble(t, Config{}, d, func(t *testing.T, r *rig) {
		v := r.version("f", 3)
		r.Provision(v.FunctionKey, []Provision{{Version: v, Executions: 1}})
		pass(10 * time.Minute)
		s := r.Provisioned(v)
		if s.Status(1) != ebb.ProvisionedFailed || s.Failure != ebb.ErrorExit {
			t.Errorf("%+v", s)
		}
		if n := d.created.Load(); n < 10 || n > 20 { // 1, 2, 4 … 60 s apart
			t.Errorf("%d starts in ten minutes", n)
		}
		healed.Store(true)
		pass(time.Minute + 2*time.Second)
		if s := r.Provisioned(v); s.Status(1) != ebb.ProvisionedReady {
			t.Errorf("after the cause is gone: %+v", s)
		}
	})
}

// TestProvisionedStartIsNotHurried: nobody waits for it, so that it has more than
// the ten seconds of others.
func TestProvisionedStartIsNotHurried(t *testing.T) {
	d := &testDriver{handle: echo, begin: func(ctx context.Context) error {
		select {
		case <-ctx.Done():
		case <-time.After(time.Minute):
		}
		return ctx.Err()
	}}
	inBubble(t, Config{}, d, func(t *testing.T, r *rig) {
		v := r.version("f", 3)
		r.Provision(v.FunctionKey, []Provision{{Version: v, Executions: 1}})
		synctest.Wait()
		if s := r.Provisioned(v); s.Status(1) != ebb.ProvisionedInProgress {
			t.Errorf("meanwhile: %+v", s)
		}
		pass(time.Minute + time.Second)
		if s := r.Provisioned(v); s.Status(1) != ebb.ProvisionedReady || d.created.Load() != 1 {
			t.Errorf("%+v after %d starts", s, d.created.Load())
		}
	})
}

// TestReservedCapacityIsThere: functions without reservation leave what others
// have reserved, even if those do not use it; those never have more than theirs.
func TestReservedCapacityIsThere(t *testing.T) {
	hold := make(chan struct{})
	d := &testDriver{handle: func(_ *testBox, p []byte) ([]byte, error) { <-hold; return p, nil }}
	r := newRig(t, Config{MaxInstances: 10}, d)
	vip := r.version("vip", 30)
	r.Reserve(vip.FunctionKey, 4, true)
	var all sync.WaitGroup
	call := func(v *ebb.Version) {
		all.Go(func() {
			if _, _, err := r.call(context.Background(), v, "x", long); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range 20 {
		call(r.version(fmt.Sprintf("f%d", i), 30))
	}
	eventually(t, "the others have all they get", func() bool { c := r.Counts(); return c.Instances == 6 && c.Waiting == 14 })
	for range 6 {
		call(vip)
	}
	eventually(t, "the reserved ones are there", func() bool { c := r.Counts(); return c.Instances == 10 && c.Waiting == 16 })
	close(hold)
	all.Wait()
	if n := d.peak.Load(); n > 10 {
		t.Errorf("%d at once", n)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.common < 0 || r.common > 6 {
		t.Errorf("the common capacity in use is %d", r.common)
	}
}

func TestIdleTimeIsWithinItsBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{IdleTimeout: 5 * time.Minute, IdleMin: 30 * time.Second, IdleMax: 15 * time.Minute}
		var h habit
		for _, s := range rapid.SliceOf(rapid.IntRange(0, 20000)).Draw(t, "gaps") {
			h.note(time.Duration(s) * time.Second)
			sum := 0
			for _, n := range h.counts {
				sum += int(n)
			}
			if sum != h.total {
				t.Fatalf("total is %d, the counts come to %d", h.total, sum)
			}
			if keep := h.keep(&cfg); keep != cfg.IdleTimeout && h.total < habitEnough || keep < cfg.IdleMin || keep > cfg.IdleMax {
				t.Fatalf("keep %v after %+v", keep, h)
			}
		}
	})
	for i := range habitBuckets - 1 {
		if b := bucket(upper(i) - time.Millisecond); b != i {
			t.Errorf("what ends before %v is in bucket %d, want %d", upper(i), b, i)
		}
	}
}

// TestMemoryPressure: instances made ahead go first, then the longest idle, as
// many as are in the way, within a second; never one that works or is kept.
func TestMemoryPressure(t *testing.T) {
	d := &testDriver{handle: func(b *testBox, p []byte) ([]byte, error) {
		if string(p) == "hold" {
			<-b.ctx.Done()
		}
		return p, nil
	}}
	d.memory.Store(10 << 20)
	inBubble(t, Config{MemoryReserve: 1 << 30, PrewarmMin: 2, PrewarmMax: 2}, d, func(t *testing.T, r *rig) {
		const reserve, boxes = 1 << 30, 8 // 6 instances and 2 made ahead
		d.node.Store(reserve + 10<<20*boxes)
		var vs []*ebb.Version
		for i := range 5 {
			vs = append(vs, r.version(fmt.Sprintf("f%d", i), 300))
			r.must(vs[i])
			pass(time.Second)
		}
		kept := r.version("kept", 3)
		r.Provision(kept.FunctionKey, []Provision{{Version: kept, Executions: 1}})
		go func() { _, _, _ = r.call(context.Background(), vs[0], "hold", long) }()
		pass(time.Second)
		if c := r.Counts(); c.Instances != 6 || c.Spare != 2 {
			t.Fatalf("%+v", c)
		}
		names := func() (s string) {
			for _, in := range r.Snapshot() {
				s += in.Function.Name + " "
			}
			return s
		}
		d.node.Add(-35 << 20) // both made ahead, and two of the idle
		pass(time.Second)
		if c := r.Counts(); c.Spare != 0 || c.Instances != 4 {
			t.Errorf("35 MiB short: %+v, %s", c, names())
		}
		d.node.Store(1)
		pass(2 * time.Second)
		if c := r.Counts(); c.Instances != 2 || c.Provisioned != 1 { // the busy one, and the kept
			t.Errorf("nothing left: %+v, %s", c, names())
		}
		d.node.Store(1 << 40)
		pass(20 * time.Second)
		if c := r.Counts(); c.Spare == 0 {
			t.Errorf("nothing is made ahead again: %+v", c)
		}
	})
}

// TestStartsWaitForMemory: a node that is short of memory starts nothing more, unless
// it has nothing. Requests wait for it, and are told if it does not come.
func TestStartsWaitForMemory(t *testing.T) {
	const reserve, box = 1 << 30, 100 << 20
	var hold chan struct{}
	d := &testDriver{handle: func(_ *testBox, p []byte) ([]byte, error) {
		if string(p) == "hold" {
			<-hold
		}
		return p, nil
	}}
	d.memory.Store(box)
	inBubble(t, Config{MemoryReserve: reserve}, d, func(t *testing.T, r *rig) {
		hold = make(chan struct{}) // the bubble's
		d.node.Store(1)            // not even for one
		pass(time.Second)
		answers := make(chan error, 20)
		ask := func(v *ebb.Version, payload string, patience time.Duration) {
			go func() {
				_, _, err := r.call(context.Background(), v, payload, patience)
				answers <- err
			}()
			pass(time.Second)
		}
		f, g := r.version("f", 300), r.version("g", 300)
		ask(f, "hold", long)
		if c := r.Counts(); c.Instances != 1 || c.Waiting != 0 {
			t.Fatalf("a node without instances: %+v", c)
		}
		ask(g, "x", 5*time.Second)
		if c := r.Counts(); c.Instances != 1 || c.Waiting != 1 {
			t.Errorf("with another at work: %+v", c)
		}
		pass(5 * time.Second)
		wantThrottle(t, <-answers, "memory")

		ask(g, "x", long)
		d.node.Store(reserve + 2*box + 1)
		pass(time.Second)
		if err := <-answers; err != nil {
			t.Errorf("after there was memory again: %v", err)
		}
		// g is idle now, and in the way of the next.
		d.node.Store(reserve + 2*box)
		ask(r.version("h", 300), "x", long)
		pass(time.Second)
		if err := <-answers; err != nil {
			t.Errorf("where an idle instance can leave: %v", err)
		}
		// A burst between two looks does not take what is not there.
		d.node.Store(reserve + 3*box)
		pass(time.Second)
		before := d.created.Load()
		burst := r.version("burst", 300)
		for range 10 {
			go func() {
				_, _, err := r.call(context.Background(), burst, "hold", 30*time.Second)
				answers <- err
			}()
		}
		pass(10 * time.Second)
		if n := d.created.Load() - before; n == 0 || n > 5 {
			t.Errorf("%d instances were started with memory for 2", n)
		}
		close(hold)
		for range 11 {
			if err := <-answers; err != nil {
				t.Errorf("in the end: %v", err)
			}
		}
	})
}

func TestMemoryBudget(t *testing.T) {
	d := &testDriver{handle: echo}
	d.memory.Store(10 << 20)
	inBubble(t, Config{Memory: 25 << 20}, d, func(t *testing.T, r *rig) {
		for i := range 5 {
			r.must(r.version(fmt.Sprintf("f%d", i), 3))
		}
		pass(2 * time.Second)
		if c := r.Counts(); c.Instances != 2 {
			t.Errorf("%d instances of 10 MiB in 25", c.Instances)
		}
	})
}

// TestStartsThatComputeAreFew: of a burst, only so many start at once as can make
// use of it; starts that wait for something else do not hold each other up.
func TestStartsThatComputeAreFew(t *testing.T) {
	for _, c := range []struct {
		name      string
		burn      time.Duration
		most, min int64
	}{
		{"computing", paceCPU, 4 * firstShare, 1}, {"waiting", 0, 40, 40},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &testDriver{handle: echo, burn: c.burn, begin: func(ctx context.Context) error {
				select {
				case <-ctx.Done():
				case <-time.After(5 * time.Second):
				}
				return nil
			}}
			inBubble(t, Config{StartsAtOnce: 4}, d, func(t *testing.T, r *rig) {
				v := r.version("f", 3)
				var all sync.WaitGroup
				for range 40 {
					all.Go(func() {
						if _, _, err := r.call(t.Context(), v, "x", long); err != nil {
							t.Error(err)
						}
					})
				}
				pass(4 * time.Second)
				if n := d.created.Load(); n > c.most || n < c.min {
					t.Errorf("%d started", n)
				}
				all.Wait()
				pass(time.Minute) // for the starts that nobody needed any more
				r.mu.Lock()
				defer r.mu.Unlock()
				if r.launching != 0 {
					t.Errorf("%d slots are still held", r.launching)
				}
			})
		})
	}
}

// TestBurstDoesNotKeepOthersWaiting: a function that starts slowly, many times,
// leaves others their first instance.
func TestBurstDoesNotKeepOthersWaiting(t *testing.T) {
	d := &testDriver{handle: echo, burn: paceCPU, begin: func(ctx context.Context) error {
		select {
		case <-ctx.Done():
		case <-time.After(8 * time.Second):
		}
		return nil
	}}
	inBubble(t, Config{StartsAtOnce: 2}, d, func(t *testing.T, r *rig) {
		slow := r.version("slow", 3)
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() { _, _, _ = r.call(t.Context(), slow, "x", long) })
		}
		pass(time.Second)
		begin := time.Now()
		r.must(r.version("other", 3))
		if took := time.Since(begin); took > 8*time.Second {
			t.Errorf("the other one waited %v before its start", took-8*time.Second)
		}
		all.Wait()
	})
}

func TestRuntimesNobodyUsesCostNothing(t *testing.T) {
	inBubble(t, Config{PrewarmMin: 2, PrewarmMax: 4, PrewarmKeep: 10 * time.Minute}, &testDriver{handle: echo}, func(t *testing.T, r *rig) {
		r.Prewarm("provided", 128)
		pass(time.Minute)
		if c := r.Counts(); c.Spare != 2 {
			t.Fatalf("%+v", c)
		}
		pass(10 * time.Minute)
		if n := r.driver.alive.Load(); n != 0 {
			t.Errorf("%d boxes for nobody", n)
		}
		r.must(r.version("f", 3)) // and they come back
		pass(time.Second)
		if c := r.Counts(); c.Spare < 2 {
			t.Errorf("%+v", c)
		}
	})
}

// TestUnnamedVersionLeavesSoon: an alias has moved on.
func TestUnnamedVersionLeavesSoon(t *testing.T) {
	inBubble(t, Config{IdleTimeout: time.Hour, IdleMin: 30 * time.Second, FreezeOff: true}, &testDriver{handle: echo}, func(t *testing.T, r *rig) {
		old, now := r.version("f", 3), r.version("f", 3)
		old.Number, now.Number = 1, 2
		r.must(old)
		r.must(now)
		r.Retain(old.FunctionKey, map[string]bool{old.RevisionID: false, now.RevisionID: true})
		r.must(old) // somebody asks for it by its number: it is wanted
		pass(10 * time.Minute)
		if n := len(r.Snapshot()); n != 2 {
			t.Errorf("%d instances are left, want both", n)
		}
		r.Retain(old.FunctionKey, map[string]bool{old.RevisionID: false, now.RevisionID: true})
		pass(time.Minute)
		if s := r.Snapshot(); len(s) != 1 || s[0].Version != "2" {
			t.Errorf("left: %+v", s)
		}
	})
}

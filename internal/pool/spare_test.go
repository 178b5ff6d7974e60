package pool

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/runtimes"
)

func TestSparesAreUsedOnceAndReplaced(t *testing.T) {
	var attached atomic.Int64
	d := &testDriver{handle: func(b *testBox, p []byte) ([]byte, error) {
		if b.attached {
			attached.Add(1)
		}
		return p, nil
	}}
	r := newRig(t, Config{PrewarmMin: 2, PrewarmMax: 2}, d)
	r.Prewarm("provided", 128)
	eventually(t, "two spares", func() bool { return r.Counts().Spare == 2 })
	if c := r.Counts(); c.Instances != 0 {
		t.Errorf("spares count as instances: %+v", c)
	}
	for i := range 5 {
		eventually(t, "two spares again", func() bool { return r.Counts().Spare == 2 })
		if got, _, err := r.call(t.Context(), r.version("f", 3), "x", long); err != nil || got != "x" {
			t.Fatalf("call %d: %q, %v", i, got, err)
		}
	}
	if n := attached.Load(); n != 5 {
		t.Errorf("%d of 5 instances came from spares", n)
	}
}

// TestStartsGoFirst: no spare is made beside a start that a request waits for, unless
// that goes on and on.
func TestStartsGoFirst(t *testing.T) {
	d := &testDriver{handle: echo, burn: 50 * time.Millisecond} // a start that computes
	d.begin = func(context.Context) error { pass(time.Second); return nil }
	inBubble(t, Config{PrewarmMin: 1, PrewarmMax: 1}, d, func(t *testing.T, r *rig) {
		var call sync.WaitGroup
		call.Go(func() { r.must(r.version("f", 3)) })
		pass(holdLook*holdMost - holdLook/2)
		if n := r.Counts().Spare; n != 0 || d.created.Load() != 1 {
			t.Errorf("%d spares were made beside a start", n)
		}
		pass(holdLook)
		if n := r.Counts().Spare; n != 1 {
			t.Errorf("%d spares beside a start that takes long", n)
		}
		call.Wait()
		d.begin = nil
		r.must(r.version("g", 3)) // takes the spare
		pass(2 * holdLook)
		if n := r.Counts().Spare; n != 1 {
			t.Errorf("%d spares after a start", n)
		}
	})
}

func TestSpareThatDiedIsNotUsed(t *testing.T) {
	d := &testDriver{handle: echo}
	r := newRig(t, Config{PrewarmMin: 1, PrewarmMax: 1}, d)
	r.Prewarm("provided", 128)
	eventually(t, "a spare", func() bool { return r.Counts().Spare == 1 })
	r.spares.mu.Lock()
	for _, st := range r.spares.stocks {
		close(st.ready[0].box.(*testBox).done) // no process in it: only its end can be seen
	}
	r.spares.mu.Unlock()
	if got, _, err := r.call(t.Context(), r.version("f", 3), "x", long); err != nil || got != "x" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestSpareThatDiedIsReplaced(t *testing.T) {
	r := newRig(t, Config{PrewarmMin: 1, PrewarmMax: 1}, &testDriver{handle: echo})
	r.Prewarm("provided", 128)
	eventually(t, "a spare", func() bool { return r.Counts().Spare == 1 })
	spare := func() (in *instance) {
		r.spares.mu.Lock()
		defer r.spares.mu.Unlock()
		for _, st := range r.spares.stocks {
			if len(st.ready) > 0 {
				in = st.ready[0]
			}
		}
		return in
	}
	dead := spare()
	close(dead.box.(*testBox).done)
	r.spares.forget(time.Now())
	eventually(t, "another spare", func() bool { in := spare(); return in != nil && in != dead })
}

func TestVersionsThatAreNotGenericStartFresh(t *testing.T) {
	framed := &runtimes.Runtime{Protocol: runtimes.Framed, StartEnv: []string{"NODE_OPTIONS"}}
	plain := &ebb.Version{TmpMB: sandbox.DefaultTmpMB, Env: map[string]string{"A": "1"}}
	own := &ebb.Version{TmpMB: sandbox.DefaultTmpMB, Env: map[string]string{"NODE_OPTIONS": "--x"}}
	large := &ebb.Version{TmpMB: 2 * sandbox.DefaultTmpMB}
	custom := &runtimes.Runtime{Protocol: runtimes.HTTP, StartEnv: []string{"*"}}
	for _, c := range []struct {
		name string
		rt   *runtimes.Runtime
		v    *ebb.Version
		want bool
	}{
		{"plain", framed, plain, true}, {"start variable", framed, own, false}, {"large /tmp", framed, large, false},
		{"custom runtime with any variable", custom, own, true}, {"custom with large /tmp", custom, large, false},
	} {
		if got := fits(c.rt, c.v); got != c.want {
			t.Errorf("%s: fits is %v", c.name, got)
		}
	}
}

func TestDemandForSparesGrowsAndFades(t *testing.T) {
	p := New(Config{PrewarmMin: 1, PrewarmMax: 4, PrewarmKeep: time.Hour}, Deps{})
	s := p.spares
	rt := &runtimes.Runtime{Protocol: runtimes.HTTP}
	s.use(rt, 128)
	st := s.stocks[rt.Kind(128)]
	if n := s.target(st); n != 1 {
		t.Errorf("in use: %d, want the least", n)
	}
	for range 1000 {
		st.want(4)
	}
	if n := s.target(st); n != 4 {
		t.Errorf("after a burst: %d, want the most", n)
	}
	for range 4 {
		s.forget(st.used.Add(time.Minute))
	}
	if n := s.target(st); n != 1 {
		t.Errorf("after a while: %d, want the least", n)
	}
	s.forget(st.used.Add(2 * time.Hour))
	if len(s.stocks) != 0 {
		t.Error("a runtime that nobody uses still has a stock")
	}
}

func TestBurstWithSpares(t *testing.T) {
	d := &testDriver{handle: echo}
	r := newRig(t, Config{PrewarmMin: 3, PrewarmMax: 6, MaxPerFunction: 10}, d)
	r.Prewarm("provided", 128)
	v := r.version("f", 3)
	var all sync.WaitGroup
	for range 60 {
		all.Go(func() {
			if got, _, err := r.call(t.Context(), v, "x", long); err != nil || got != "x" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	all.Wait()
	if n := d.peak.Load(); n > 10+6+1 {
		t.Errorf("%d boxes at once, want at most 10 instances, 6 spares and one being made", n)
	}
}

func TestOnlyTheLastImagesHaveBoxesAhead(t *testing.T) {
	s := New(Config{PrewarmMin: 1}, Deps{}).spares
	image := func(i int, dir string) (*ebb.Version, *runtimes.Runtime) {
		v := &ebb.Version{PackageType: ebb.PackageImage, TmpMB: sandbox.DefaultTmpMB, Image: &ebb.Image{}, Code: ebb.Code{Digest: ebb.Digest(rune('a' + i))}}
		v.Image.Config.WorkingDirectory = dir
		return v, &runtimes.Runtime{Protocol: runtimes.HTTP, Literal: true, Root: string(v.Code.Digest), Dir: dir}
	}
	for i := range 3 * imageStocks {
		v, rt := image(i, "/")
		if _, known := s.runtime(v); known {
			t.Errorf("image %d is known before it was started", i)
		}
		s.started(v, rt)
		first, _ := image(0, "/")
		if rt, known := s.runtime(first); known {
			s.stocks[kind(rt, 0)].used = time.Now().Add(time.Hour) // used all the time
		} else {
			t.Fatal("the image in use was forgotten")
		}
	}
	if len(s.images) != imageStocks || len(s.stocks) != imageStocks {
		t.Errorf("%d images, %d stocks", len(s.images), len(s.stocks))
	}
	v, rt := image(0, "/other")
	if _, known := s.runtime(v); known {
		t.Error("a box with another working directory would be used")
	}
	s.started(v, rt)
	s.forget(time.Now().Add(3 * time.Hour))
	if len(s.images)+len(s.stocks) != 0 {
		t.Errorf("%d images, %d stocks after a while", len(s.images), len(s.stocks))
	}
}

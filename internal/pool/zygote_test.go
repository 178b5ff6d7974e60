package pool

import (
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/runtimes"
)

// forking is a runtime that has a zygote.
func forking() *runtimes.Runtime {
	return &runtimes.Runtime{ID: "forking", Protocol: runtimes.Framed, Argv: []string{"/usr/bin/x"},
		Zygote: []string{"/usr/bin/x", "zygote"}, StartEnv: []string{"LD_PRELOAD"}}
}

func ofService(service string) *ebb.Version {
	return &ebb.Version{FunctionKey: ebb.FunctionKey{Service: ebb.ServiceID(service), Name: "f"}, MemoryMB: 128}
}

// has waits for the zygote of a service, which the first to miss it goes without.
func (r *rig) has(t *testing.T, v *ebb.Version) *zygote {
	t.Helper()
	var z *zygote
	eventually(t, "a zygote", func() bool {
		z = r.copied(v)
		return z != nil
	})
	return z
}

// copied takes one for a copy that takes no time.
func (r *rig) copied(v *ebb.Version) *zygote {
	z := r.zygotes.take(forking(), v)
	if z != nil {
		r.zygotes.give(z)
	}
	return z
}

func ended(z *zygote) bool {
	select {
	case <-z.Done():
		return true
	default:
		return false
	}
}

func TestOneZygoteForAService(t *testing.T) {
	d := &testDriver{handle: echo}
	r := newRig(t, Config{}, d)
	if r.zygotes.count() != 0 || d.zygotes.Load() != 0 {
		t.Error("there is one before anybody missed it")
	}
	if r.zygotes.take(forking(), ofService("a")) != nil {
		t.Error("the first start waits for a zygote")
	}
	a, b := r.has(t, ofService("a")), r.has(t, ofService("b"))
	if a == b {
		t.Error("two services have one zygote")
	}
	if other := r.has(t, ofService("a")); other != a {
		t.Error("a service has two")
	}
	if n := d.zygotes.Load(); n != 2 {
		t.Errorf("%d were started", n)
	}
}

func TestZygoteIsRecycled(t *testing.T) {
	d := &testDriver{handle: echo}
	r := newRig(t, Config{ZygoteForks: 3}, d)
	v := ofService("a")
	first := r.has(t, v)
	if z := r.copied(v); z != first {
		t.Error("it was replaced too early")
	}
	last := r.zygotes.take(forking(), v)
	if last != first {
		t.Error("it was replaced too early")
	}
	if second := r.has(t, v); second == first {
		t.Error("it makes more copies than it may")
	}
	if ended(first) {
		t.Error("it ends while it makes its last copy")
	}
	r.zygotes.give(last)
	eventually(t, "the end of the first", func() bool { return ended(first) })
	if d.zygotes.Load() != 2 {
		t.Errorf("%d were started", d.zygotes.Load())
	}
}

// TestZygoteEndsWith: idleness, a change of the service's environment, want of memory.
func TestZygoteEndsWith(t *testing.T) {
	for name, c := range map[string]struct {
		cfg Config
		end func(r *rig, d *testDriver)
	}{
		"idleness": {Config{ZygoteKeep: 20 * time.Millisecond}, func(*rig, *testDriver) {}},
		"change": {Config{}, func(r *rig, _ *testDriver) {
			r.Recycle(func(v *ebb.Version) bool { return v.Service == "a" })
		}},
		"shortage": {Config{}, func(_ *rig, d *testDriver) {
			d.memory.Store(1 << 20)
			d.node.Store(1 << 20)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &testDriver{handle: echo}
			r := newRig(t, c.cfg, d)
			z := r.has(t, ofService("a"))
			c.end(r, d)
			eventually(t, "its end", func() bool { return ended(z) && r.zygotes.count() == 0 })
		})
	}
	d := &testDriver{handle: echo}
	r := newRig(t, Config{}, d)
	z := r.has(t, ofService("a"))
	r.Recycle(func(v *ebb.Version) bool { return v.Service == "b" })
	if ended(z) {
		t.Error("it ends with a change of another service")
	}
	r.Recycle(func(v *ebb.Version) bool { return v.Service == "a" })
	r.has(t, ofService("b"))
	if n := d.zygotes.Load(); n != 2 {
		t.Errorf("%d were started: one that nobody misses is there again", n)
	}
}

func TestNoZygoteFor(t *testing.T) {
	image := forking()
	image.Root = "/images/1"
	plain := forking()
	plain.Zygote = nil
	own := ofService("a")
	own.Env = map[string]string{"LD_PRELOAD": "x.so"}
	for name, c := range map[string]struct {
		cfg Config
		rt  *runtimes.Runtime
		v   *ebb.Version
	}{
		"a program of an image":      {rt: image, v: ofService("a")},
		"a runtime that has none":    {rt: plain, v: ofService("a")},
		"what counts at the start":   {rt: forking(), v: own},
		"a platform that wants none": {cfg: Config{ZygoteOff: true}, rt: forking(), v: ofService("a")},
	} {
		p := New(c.cfg, Deps{Driver: &testDriver{}})
		p.zygotes.take(c.rt, c.v)
		if len(p.zygotes.lines) != 0 {
			t.Errorf("%s: one is wanted", name)
		}
	}
}

func TestZygoteThatDoesNotStartIsLeftAlone(t *testing.T) {
	d := &testDriver{handle: echo}
	d.barren.Store(true)
	r := newRig(t, Config{}, d)
	r.zygotes.take(forking(), ofService("a"))
	eventually(t, "the attempt", func() bool { return d.zygotes.Load() == 1 })
	for range 20 {
		if r.zygotes.take(forking(), ofService("a")) != nil {
			t.Error("there is one")
		}
		r.zygotes.call()
	}
	eventually(t, "nothing to do", func() bool { return len(r.zygotes.wake) == 0 })
	if n := d.zygotes.Load(); n != 1 {
		t.Errorf("it was tried %d times", n)
	}
	if got, _, err := r.call(t.Context(), r.version("f", 3), "x", long); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

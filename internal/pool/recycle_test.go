package pool

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// After Recycle no request meets an instance from before it, also under load,
// and those of others stay.
func TestRecycle(t *testing.T) {
	hold := make(chan struct{})
	d := &testDriver{handle: func(b *testBox, p []byte) ([]byte, error) {
		if string(p) == "hold" {
			<-hold
		}
		return []byte(b.id), nil
	}}
	r := newRig(t, Config{}, d)
	v, other := r.version("f", 30), r.version("g", 30)
	call := func(v *ebb.Version, payload string) string {
		t.Helper()
		id, _, err := r.call(t.Context(), v, payload, long)
		if err != nil {
			t.Error(err)
		}
		return id
	}
	idle, stays := call(v, "x"), call(other, "x")
	var all sync.WaitGroup
	var busy string
	all.Go(func() { busy = call(v, "hold") })
	eventually(t, "one busy", func() bool { c := r.Counts(); return c.Instances == 2 && c.Idle == 1 })
	r.Recycle(func(version *ebb.Version) bool { return version.Name == "f" })
	fresh := call(v, "x")
	close(hold)
	all.Wait()
	if fresh == idle || fresh == busy || busy != idle {
		t.Errorf("idle %s, busy %s, after recycling %s", idle, busy, fresh)
	}
	eventually(t, "the old one left", func() bool { return r.Counts().Instances == 2 })
	if again := call(v, "x"); again != fresh {
		t.Error("the new instance did not stay")
	}
	if call(other, "x") != stays {
		t.Error("another function's instance left")
	}
}

// One that was starting meanwhile may have the old environment: it serves those
// who waited for it, and goes.
func TestRecycleWhileStarting(t *testing.T) {
	gate := make(chan struct{})
	d := &testDriver{handle: func(b *testBox, _ []byte) ([]byte, error) { return []byte(b.id), nil },
		begin: func(context.Context) error { <-gate; return nil }}
	r := newRig(t, Config{}, d)
	v := r.version("f", 30)
	var all sync.WaitGroup
	var first string
	all.Go(func() { first, _, _ = r.call(t.Context(), v, "x", long) })
	eventually(t, "starting", func() bool { return d.created.Load() == 1 })
	r.Recycle(func(*ebb.Version) bool { return true })
	close(gate)
	all.Wait()
	eventually(t, "gone", func() bool { return r.Counts().Instances == 0 })
	second, _, err := r.call(t.Context(), v, "x", long)
	if err != nil || first == "" || second == first {
		t.Errorf("%q then %q (%v)", first, second, err)
	}
}

// What stands for a secret that is not there is the function's failure, with a
// name; a database that is away is the platform's.
func TestEnvironmentThatCannotBeHad(t *testing.T) {
	r := newRig(t, Config{}, &testDriver{handle: echo})
	var fail atomic.Pointer[error]
	r.deps.Environment = func(_ context.Context, v *ebb.Version) (map[string]string, error) {
		if err := fail.Load(); err != nil {
			return nil, *err
		}
		return map[string]string{"SECRET": "x"}, nil
	}
	if _, _, err := r.call(t.Context(), r.version("f", 3), "x", long); err != nil {
		t.Fatal(err)
	}
	missing := error(ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, `Environment.Variables.SECRET: there is no secret "db"`))
	fail.Store(&missing)
	_, _, err := r.call(t.Context(), r.version("f", 3), "x", long)
	failure, ok := errors.AsType[*Failure](err)
	if !ok || failure.ErrorType != ebb.ErrorSecret || !strings.Contains(string(failure.Document), "Environment.Variables.SECRET") {
		t.Errorf("got %v", err)
	}
	away := error(ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "the database is away"))
	fail.Store(&away)
	if _, _, err := r.call(t.Context(), r.version("f", 3), "x", long); ebb.KindOf(err) != ebb.Unavailable {
		t.Errorf("got %v", err)
	}
}

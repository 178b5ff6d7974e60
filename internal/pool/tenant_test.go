package pool

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// TestInstanceServesOneTenant: whatever the order in which tenants come and go, an
// instance that has served one is never lent to another.
func TestInstanceServesOneTenant(t *testing.T) {
	r := newRig(t, Config{}, &testDriver{handle: echo})
	v := r.version("f", 30)
	v.PerTenant = true
	owner := map[ebb.InstanceID]string{}
	rapid.Check(t, func(rt *rapid.T) {
		var held []*Lease
		defer func() {
			for _, l := range held {
				l.Release()
			}
		}()
		for range rapid.IntRange(1, 6).Draw(rt, "requests") {
			tenant := rapid.SampledFrom([]string{"blue", "green", "red"}).Draw(rt, "tenant")
			lease, err := r.Acquire(t.Context(), v, tenant, time.Now().Add(long))
			if err != nil {
				rt.Fatal(err)
			}
			if had, ok := owner[lease.Instance()]; ok && had != tenant {
				rt.Fatalf("instance of %s lent to %s", had, tenant)
			}
			owner[lease.Instance()] = tenant
			if rapid.Bool().Draw(rt, "hold") {
				held = append(held, lease)
			} else {
				lease.Release()
			}
		}
	})
	r.Retain(v.FunctionKey, map[string]bool{v.RevisionID: true})
	if len(r.Snapshot()) == 0 {
		t.Error("instances of a version that stays were sent away")
	}
	r.Retain(v.FunctionKey, nil)
	for _, in := range r.Snapshot() {
		if in.State != ebb.InstanceStopping {
			t.Errorf("an instance of a version that is gone is %s", in.State)
		}
	}
}

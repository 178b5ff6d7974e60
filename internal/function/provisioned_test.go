package function_test

import (
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

// TestProvisionNoMoreThanThereWillBe: what the node would never give a function is
// refused at once, with what to do; and the others are left a tenth.
func TestProvisionNoMoreThanThereWillBe(t *testing.T) {
	f := open(t, function.Config{Concurrency: 100, InstancesPerFunction: 40})
	f.mustCreate("f")
	f.mustCreate("wide")
	ctx, plain, wide := t.Context(), ebb.FunctionKey{Service: ebb.DefaultService, Name: "f"}, ebb.FunctionKey{Service: ebb.DefaultService, Name: "wide"}
	if _, err := f.UpdateConfig(ctx, function.UpdateConfig{FunctionKey: wide, Runtime: &f.framed, Env: map[string]string{ebb.EnvConcurrency: "10"}}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []ebb.FunctionKey{plain, wide} {
		if _, err := f.Publish(ctx, function.Publish{FunctionKey: key}); err != nil {
			t.Fatal(err)
		}
	}
	put := func(key ebb.FunctionKey, n int, want string) {
		t.Helper()
		_, err := f.Provision(ctx, key, "1", n)
		if (err == nil) != (want == "") || err != nil && (ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d of %s: %v, want %q", n, key.Name, err, want)
		}
	}
	put(plain, 41, "41 would be 41 instances, and a function that has reserved no concurrency may have 40 on a node (pool.maxPerFunction)")
	put(plain, 40, "")
	put(wide, 51, "unreserved concurrency [90]") // 6 instances
	put(wide, 50, "")
	if err := f.Reserve(ctx, plain, 60); err != nil {
		t.Fatal(err)
	}
	put(plain, 60, "") // its own

	// Another service shares the node: it cannot take what is promised already.
	theirs := ebb.FunctionKey{Service: f.service("111111111111", "other").ID, Name: "g"}
	c := f.create(theirs.Name)
	c.Service = theirs.Service
	if _, err := f.Create(ctx, c); err != nil {
		t.Fatal(err)
	}
	if err := f.Reserve(ctx, theirs, 31); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), "below its minimum value of [10]") {
		t.Errorf("60 and 31 of 100: %v", err)
	}
	if err := f.Reserve(ctx, theirs, 30); err != nil {
		t.Error(err)
	}
}

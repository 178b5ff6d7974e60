package invoke

import (
	"context"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/metrics"
)

func uncounted(*ebb.Version) *metrics.Version { return nil }

func unreserved(context.Context, ebb.FunctionKey) (int, bool, error) { return 0, false, nil }

var key = ebb.FunctionKey{Service: ebb.DefaultService, Name: "f"}

func TestVersionsAreRememberedUntilForgotten(t *testing.T) {
	asked := 0
	c := versions{counts: uncounted, reserved: unreserved, resolve: func(context.Context, ebb.FunctionKey, string) (function.Route, error) {
		asked++
		return function.Route{Version: &ebb.Version{FunctionKey: key, Number: int64(asked)}}, nil
	}}
	get := func() int64 {
		t.Helper()
		v, err := c.get(t.Context(), key, "", nil)
		if err != nil {
			t.Fatal(err)
		}
		return v.Number
	}
	for range 2 {
		if got := get(); got != 1 || asked != 1 {
			t.Errorf("got version %d, asked %d times for one version", got, asked)
		}
	}
	c.forget(key)
	if get() != 2 {
		t.Error("the old version is still given after forget")
	}
}

func TestVersionFetchedBeforeAForgetIsNotKept(t *testing.T) {
	c := versions{counts: uncounted, reserved: unreserved}
	n := int64(0)
	c.resolve = func(context.Context, ebb.FunctionKey, string) (function.Route, error) {
		n++
		if n == 1 {
			c.forget(key) // the change lands while we read
		}
		return function.Route{Version: &ebb.Version{FunctionKey: key, Number: n}}, nil
	}
	if _, err := c.get(t.Context(), key, "", nil); err != nil {
		t.Fatal(err)
	}
	v, err := c.get(t.Context(), key, "", nil)
	if err != nil || v.Number != 2 {
		t.Errorf("got version %+v, %v: what was read before the change was kept", v, err)
	}
}

func TestFailureToResolveIsNotRemembered(t *testing.T) {
	fail := errors.New("database gone")
	c := versions{counts: uncounted, reserved: unreserved, resolve: func(context.Context, ebb.FunctionKey, string) (function.Route, error) {
		if fail != nil {
			return function.Route{}, fail
		}
		return function.Route{Version: &ebb.Version{FunctionKey: key}}, nil
	}}
	if _, err := c.get(t.Context(), key, "", nil); !errors.Is(err, fail) {
		t.Errorf("got %v", err)
	}
	fail = nil
	if _, err := c.get(t.Context(), key, "", nil); err != nil {
		t.Errorf("after recovery: %v", err)
	}
}

// routed is a cache that knows one alias of two versions.
func routed(weight float64) (c *versions, first, second *ebb.Version) {
	first, second = &ebb.Version{FunctionKey: key, Number: 1}, &ebb.Version{FunctionKey: key, Number: 2}
	return &versions{counts: uncounted, reserved: unreserved, resolve: func(context.Context, ebb.FunctionKey, string) (function.Route, error) {
		return function.Route{Version: first, Canary: second, Weight: weight}, nil
	}}, first, second
}

// TestAliasWeights: over many invocations each version gets its share, by a
// chi-square test with one degree of freedom at p = 1e-8; the first and the
// last share get none and all.
func TestAliasWeights(t *testing.T) {
	const n, critical = 20000, 32.84
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.OneOf(rapid.Just(0.0), rapid.Just(1.0), rapid.Float64Range(0.01, 0.99)).Draw(t, "weight")
		c, _, second := routed(weight)
		got := 0.0
		for range n {
			k, err := c.get(context.Background(), key, "live", nil)
			if err != nil {
				t.Fatal(err)
			}
			if k.Version == second {
				got++
			}
		}
		want := weight * n
		if want == 0 || want == n {
			if got != want {
				t.Fatalf("%v of %d with weight %v", got, n, weight)
			}
			return
		}
		chi := (got-want)*(got-want)/want + (got-want)*(got-want)/(n-want)
		if chi > critical {
			t.Fatalf("the second version got %v of %d with weight %v: chi-square %.2f", got, n, weight, chi)
		}
	})
}

// TestVersionOnceChosenStays: what Resolve chose is run, unless the alias has
// moved meanwhile.
func TestVersionOnceChosenStays(t *testing.T) {
	c, first, second := routed(0.5)
	for _, want := range []*ebb.Version{first, second} {
		for range 50 {
			if k, err := c.get(t.Context(), key, "live", want); err != nil || k.Version != want {
				t.Fatalf("got %+v, %v", k, err)
			}
		}
	}
	old := &ebb.Version{FunctionKey: key, Number: 7}
	if k, err := c.get(t.Context(), key, "live", old); err != nil || k.Version == old {
		t.Errorf("a version that the alias has left was run: %v", err)
	}
}

func BenchmarkAlias(b *testing.B) {
	c, _, _ := routed(0.5)
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := c.get(context.Background(), key, "live", nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

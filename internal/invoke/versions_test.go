package invoke

import (
	"context"
	"errors"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/metrics"
)

func uncounted(*ebb.Version) *metrics.Version { return nil }

var key = ebb.FunctionKey{Service: ebb.DefaultService, Name: "f"}

func TestVersionsAreRememberedUntilForgotten(t *testing.T) {
	asked := 0
	c := versions{counts: uncounted, resolve: func(context.Context, ebb.FunctionKey, string) (*ebb.Version, error) {
		asked++
		return &ebb.Version{FunctionKey: key, Number: int64(asked)}, nil
	}}
	get := func() int64 {
		t.Helper()
		v, err := c.get(t.Context(), key, "")
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
	c := versions{counts: uncounted}
	n := int64(0)
	c.resolve = func(context.Context, ebb.FunctionKey, string) (*ebb.Version, error) {
		n++
		if n == 1 {
			c.forget(key) // the change lands while we read
		}
		return &ebb.Version{FunctionKey: key, Number: n}, nil
	}
	if _, err := c.get(t.Context(), key, ""); err != nil {
		t.Fatal(err)
	}
	v, err := c.get(t.Context(), key, "")
	if err != nil || v.Number != 2 {
		t.Errorf("got version %+v, %v: what was read before the change was kept", v, err)
	}
}

func TestFailureToResolveIsNotRemembered(t *testing.T) {
	fail := errors.New("database gone")
	c := versions{counts: uncounted, resolve: func(context.Context, ebb.FunctionKey, string) (*ebb.Version, error) {
		if fail != nil {
			return nil, fail
		}
		return &ebb.Version{FunctionKey: key}, nil
	}}
	if _, err := c.get(t.Context(), key, ""); !errors.Is(err, fail) {
		t.Errorf("got %v", err)
	}
	fail = nil
	if _, err := c.get(t.Context(), key, ""); err != nil {
		t.Errorf("after recovery: %v", err)
	}
}

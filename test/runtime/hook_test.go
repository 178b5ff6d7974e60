package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/runtimeapi"
	"github.com/ebb-faas/ebb/runtimes"
)

// hooked is an instance whose version names these behaviours for its hooks.
func hooked(st start, f *family, names map[ebb.Hook]string) start {
	st.env = make(map[string]string)
	for h, name := range names {
		st.env[h.Env()] = fmt.Sprintf(f.Handler, name)
	}
	st.handler = fmt.Sprintf(f.Handler, "ran_so_far")
	return st
}

// eachFramed runs test for one runtime of each family that has a bootstrap.
func eachFramed(t *testing.T, test func(t *testing.T, st start)) {
	s := newSuite(t)
	for _, r := range s.distinct(t) {
		if r.Protocol != runtimes.Framed {
			continue
		}
		for _, k := range s.kinds {
			if k.has(r) && (s.primary(r) || !k.isolated) {
				t.Run(k.name+"/"+r.ID, func(t *testing.T) {
					t.Parallel()
					test(t, start{kind: k, runtime: r, family: s.families[r.Family]})
				})
			}
		}
	}
}

func TestHooks(t *testing.T) {
	eachFramed(t, func(t *testing.T, st start) {
		in := up(t, hooked(st, st.family, map[ebb.Hook]string{
			ebb.HookInitializer: "initialize", ebb.HookPreFreeze: "pre_freeze", ebb.HookPreStop: "pre_stop"}))
		hook := func(h ebb.Hook) *runtimeapi.Failure {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			failure, err := in.session.Hook(ctx, h)
			if err != nil {
				t.Fatalf("Hook %s: %v", h, err)
			}
			return failure
		}
		if f := hook(ebb.HookInitializer); f != nil {
			t.Errorf("initializer: %+v", f)
		}
		in.invoke("r", `{}`)
		if f := hook(ebb.HookPreFreeze); f != nil {
			t.Errorf("pre-freeze: %+v", f)
		}
		if got := in.lines("", 1); !slices.Equal(got, []string{"freezing"}) {
			t.Errorf("the lines of a hook are of no request: %q", got)
		}
		f := hook(ebb.HookPreStop)
		if f == nil || f.ErrorType != "CustomError" || f.Ending {
			t.Fatalf("pre-stop: %+v", f)
		}
		if doc, _ := decode(t, f.Document).(map[string]any); doc["errorMessage"] != "it broke: ü" {
			t.Errorf("%s", f.Document)
		}
		want := []any{"initializer of contract with time", "pre-freeze"}
		if d := cmp.Diff(want, decode(t, in.invoke("r", `{}`).body)); d != "" {
			t.Error(d)
		}
	})
}

// TestNoHooks: what the function does not name is done at once.
func TestNoHooks(t *testing.T) {
	eachFramed(t, func(t *testing.T, st start) {
		in := up(t, hooked(st, st.family, nil))
		for _, h := range ebb.Hooks() {
			if failure, err := in.session.Hook(t.Context(), h); failure != nil || err != nil {
				t.Errorf("%s: %+v, %v", h, failure, err)
			}
		}
	})
}

// TestHookTimeLimit: a hook that does not end in time ends the session.
func TestHookTimeLimit(t *testing.T) {
	eachFramed(t, func(t *testing.T, st start) {
		in := up(t, hooked(st, st.family, map[ebb.Hook]string{ebb.HookPreFreeze: "hang"}))
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := in.session.Hook(ctx, ebb.HookPreFreeze); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Hook: %v", err)
		}
		if _, err := in.try(runtimeapi.Call{ID: "r"}); !errors.Is(err, runtimeapi.ErrNotDelivered) {
			t.Errorf("Invoke after it: %v", err)
		}
	})
}

// TestMissingHook: a hook that is not there is told when the function is
// initialised.
func TestMissingHook(t *testing.T) {
	eachFramed(t, func(t *testing.T, st start) {
		initFails(t, hooked(st, st.family, map[ebb.Hook]string{ebb.HookPreStop: "nothing"}), "Runtime.HandlerNotFound")
	})
}

package pool

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/runtimes"
)

// TestCompilationIsGivenUp: with its version, whether it waits or is at work; the
// code of others is compiled all the same, and what was given up can be asked for again.
func TestCompilationIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, ended := []string{}, []string{}
		hold := true
		c := newCompiler(func(ctx context.Context, v *ebb.Version) error {
			begun = append(begun, v.RevisionID)
			if hold {
				<-ctx.Done()
			}
			ended = append(ended, v.RevisionID)
			return ctx.Err()
		}, func(_ context.Context, rt *runtimes.Runtime) { begun = append(begun, rt.ID) })
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { c.run(ctx); close(done) }()
		version := func(function, revision string) *ebb.Version {
			return &ebb.Version{FunctionKey: ebb.FunctionKey{Name: function}, RevisionID: revision}
		}
		seen := func(what string, list *[]string, want ...string) {
			t.Helper()
			synctest.Wait()
			if !slices.Equal(*list, want) {
				t.Fatalf("%s: %v, want %v", what, *list, want)
			}
		}
		c.want("first", version("f", "f1"))
		c.want("second", version("f", "f2"))
		c.want("other", version("g", "g1"))
		seen("begun", &begun, "f1")
		c.want("first", version("f", "f3")) // the same code again, of a later revision
		c.retain(ebb.FunctionKey{Name: "f"}, map[string]bool{"f3": true})
		seen("what is wanted goes on", &ended)
		c.retain(ebb.FunctionKey{Name: "h"}, nil)
		seen("somebody else's end", &ended)
		hold = false
		c.retain(ebb.FunctionKey{Name: "f"}, nil)
		seen("after the function", &begun, "f1", "g1")
		c.want("second", version("i", "i1"))
		seen("again", &begun, "f1", "g1", "i1")
		for range 2 { // it is prepared once
			c.use(&runtimes.Runtime{ID: "java", Prepare: &runtimes.Prepare{Key: "k"}})
		}
		c.use(&runtimes.Runtime{ID: "provided"})
		seen("a runtime", &begun, "f1", "g1", "i1", "java")
		cancel()
		<-done
		if len(c.asked)+len(c.queue) != 0 {
			t.Errorf("left behind: %v %v", c.asked, c.queue)
		}
	})
}

package function_test

import (
	"testing"

	"github.com/ebb-faas/ebb/internal/function"
)

// TestLoops: a function may run in a loop only if somebody said so, and whoever
// invokes learns of it.
func TestLoops(t *testing.T) {
	f := open(t, function.Config{})
	notFound(t, f.AllowLoops(t.Context(), key("f"), true))
	f.mustCreate("f")
	for _, want := range []bool{false, true, false} {
		if err := f.AllowLoops(t.Context(), key("f"), want); err != nil {
			t.Fatal(err)
		}
		same(t, must2(f.Loops(t.Context(), key("f")))(t), want)
		same(t, must2(f.Route(t.Context(), key("f"), ""))(t).Loops, want)
	}
}

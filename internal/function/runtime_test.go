package function_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/runtimes"
)

// TestRuntimeFromImage: an image becomes a runtime only if what runs functions
// is in it, functions can name it, and it stays while they do.
func TestRuntimeFromImage(t *testing.T) {
	reg := registry{"base:1": "one", "base:2": "two"}
	f := open(t, function.Config{Images: reg.find, Probe: func(context.Context, string, runtimes.Probe) ([]byte, error) {
		return nil, errors.New("nobody is asked: a process of its own needs no interpreter")
	}})
	add := func(id, family, image string) (*ebb.Runtime, error) {
		return f.AddRuntime(t.Context(), function.AddRuntime{ID: id, Family: family, ImageURI: image})
	}
	for _, bad := range []struct{ id, family, image, says string }{
		{"", "", "base:1", "id: "}, {"Upper", "", "base:1", "id: "}, {"a/b", "", "base:1", "id: "},
		{strings.Repeat("a", 65), "provided", "base:1", "id: "},
		{"risk", "", "base:1", "family: "}, {"risk", "cobol", "base:1", "family: "},
		{"provided.risk", "", "", "image"}, {"provided.risk", "", "base:9", "does not exist"},
		{"python3", "", "base:1", "image: base:1 cannot be python3: there is no python3"},
	} {
		if _, err := add(bad.id, bad.family, bad.image); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), bad.says) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if rs := must2(f.AddedRuntimes(t.Context()))(t); len(rs) != 0 {
		t.Errorf("refused, and there all the same: %+v", rs)
	}
	must2(add("provided.risk", "", "base:1"))(t)
	r := must2(add("provided.risk", "", "base:2"))(t) // replaces it
	same(t, r.Digest, sha("two"))
	same(t, must2(f.AddedRuntimes(t.Context()))(t), []*ebb.Runtime{r})
	if used := must2(f.Digests(t.Context()))(t); !used[sha("two")] || used[sha("one")] {
		t.Errorf("images in use: %v", used)
	}
	c := f.create("f")
	c.Runtime, c.Handler = "provided.risk", ""
	must2(f.Create(t.Context(), c))(t)
	if err := f.RemoveRuntime(t.Context(), "provided.risk"); ebb.KindOf(err) != ebb.Conflict || !strings.Contains(err.Error(), "used by f") {
		t.Errorf("a runtime in use: %v", err)
	}
	if err := f.Delete(t.Context(), key("f"), ""); err != nil {
		t.Fatal(err)
	}
	if err := f.RemoveRuntime(t.Context(), "provided.risk"); err != nil {
		t.Error(err)
	}
	if err := f.RemoveRuntime(t.Context(), "provided.risk"); ebb.KindOf(err) != ebb.NotFound {
		t.Errorf("twice: %v", err)
	}
	if _, err := f.Create(t.Context(), c); ebb.KindOf(err) != ebb.Invalid {
		t.Errorf("a function of a runtime that is gone: %v", err)
	}
}

// What functions run with is told exactly: the interpreter's version, not only
// the runtime's name.
func TestRuntimeVersion(t *testing.T) {
	f := open(t, function.Config{})
	rs := must2(catalog())(t)
	r, _ := rs.Lookup(f.framed)
	if r.Version == "" {
		t.Fatalf("%s has no version", f.framed)
	}
	same(t, f.RuntimeVersion(f.framed), f.framed+":"+r.Version)
	same(t, f.RuntimeVersion("none"), "none")
}

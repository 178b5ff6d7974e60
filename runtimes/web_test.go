package runtimes

import (
	"slices"
	"testing"
)

func TestWebKeepsTheInterpreterOnly(t *testing.T) {
	r := &Runtime{ID: "x1", Family: "x", Protocol: Framed, Argv: []string{"/opt/x/bin/x", "/var/runtime/boot"}, Dir: "/var/task",
		Env:      []string{"PATH=/opt/x/bin:/bin"},
		Mounts:   []Mount{{"/data/boot", "/var/runtime"}, {"/opt/x", "/opt/x"}},
		StartEnv: []string{"X"}, Prepare: &Prepare{}}
	w := r.Web("x serve.x --port $PORT")
	if w.Protocol != Web || !slices.Equal(w.Argv, shell[:]) || !slices.Equal(w.Mounts, []Mount{{"/opt/x", "/opt/x"}}) ||
		!slices.Equal(w.Env, r.Env) || w.Prepare != nil || w.Dir != "" {
		t.Errorf("%+v", w)
	}
	if got := w.Command(128, func(p string) string { return "/moved" + p }); !slices.Equal(got, shell[:]) {
		t.Errorf("command %q", got)
	}
	provided := &Runtime{Protocol: HTTP, Argv: []string{"/var/task/bootstrap"}}
	if w := provided.Web(""); w.Protocol != Web || !slices.Equal(w.Argv, provided.Argv) {
		t.Errorf("%+v", w)
	}
	image := &Runtime{Protocol: HTTP, Argv: []string{"serve"}, Root: "/img", Dir: "/app", Literal: true}
	if w := image.Web(""); !slices.Equal(w.Argv, image.Argv) || w.Root != "/img" || w.Dir != "/app" || !w.Literal {
		t.Errorf("%+v", w)
	}
}

// TestKindOfBoxes: before its process starts, a box is anybody's who needs the
// same of the host.
func TestKindOfBoxes(t *testing.T) {
	provided := &Runtime{Protocol: HTTP, Argv: []string{"/var/task/bootstrap"}}
	framed := &Runtime{Protocol: Framed, Argv: []string{"/usr/bin/x"}, Mounts: []Mount{{"/data/boot", "/var/runtime"}}}
	mounted := &Runtime{Protocol: Framed, Argv: []string{"/opt/x"}, Mounts: []Mount{{"/opt/x", "/opt/x"}}}
	if a, b, c := provided.Kind(128), framed.Web("a").Kind(256), mounted.Web("a").Kind(128); a != b || a == c || a == framed.Kind(128) {
		t.Errorf("%q, %q, %q", a, b, c)
	}
}

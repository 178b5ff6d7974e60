package pool

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/runtimes"
)

func TestImageRuntime(t *testing.T) {
	said := artifact.ImageConfig{Entrypoint: []string{"/entry", "{heapMB}"}, Cmd: []string{"cmd"}, WorkingDir: "srv/", Env: []string{"A=b"}, User: "app"}
	for _, c := range []struct {
		name     string
		override ebb.ImageConfig
		argv     []string
		dir      string
	}{
		{"as it is", ebb.ImageConfig{}, []string{"/entry", "{heapMB}", "cmd"}, "/srv"},
		{"entry point", ebb.ImageConfig{EntryPoint: []string{"x", "y"}}, []string{"x", "y", "cmd"}, "/srv"},
		{"command", ebb.ImageConfig{Command: []string{"{/a}"}}, []string{"/entry", "{heapMB}", "{/a}"}, "/srv"},
		{"directory", ebb.ImageConfig{WorkingDirectory: "/w"}, []string{"/entry", "{heapMB}", "cmd"}, "/w"},
	} {
		v := &ebb.Version{Image: &ebb.Image{URI: "app", Config: c.override}}
		rt := imageRuntime(v, &artifact.Image{Config: said}, "/root")
		want := &runtimes.Runtime{ID: "app", Protocol: runtimes.HTTP, Argv: c.argv, Dir: c.dir, Env: said.Env, Root: "/root", Literal: true}
		if d := cmp.Diff(want, rt); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if d := cmp.Diff(c.argv, rt.Command(128, func(p string) string { return "/box" + p })); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
	rt := imageRuntime(&ebb.Version{Image: &ebb.Image{}}, &artifact.Image{}, "/root")
	if len(rt.Argv) != 0 || rt.Dir != "/" {
		t.Errorf("%+v", rt)
	}
}

// A custom runtime may be a layer: the package's own program comes first.
func TestProgramOfALayer(t *testing.T) {
	code, opt := t.TempDir(), t.TempDir()
	rt := &runtimes.Runtime{Argv: []string{"/var/task/bootstrap", "x"}}
	same := func(what string, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, layered(rt, code, opt).Argv); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	same("nowhere", "/var/task/bootstrap", "x")
	write := func(dir string) {
		if err := os.WriteFile(filepath.Join(dir, "bootstrap"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(opt)
	same("in the layer", "/opt/bootstrap", "x")
	write(code)
	same("in both", "/var/task/bootstrap", "x")
}

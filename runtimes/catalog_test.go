package runtimes

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLoad: what the catalog says about this very host holds.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	c, err := Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ids := c.IDs()
	for _, id := range []string{"provided", "provided.al2", "provided.al2023"} {
		if !slices.Contains(ids, id) {
			t.Errorf("%s is not in %v: it needs nothing of the host", id, ids)
		}
	}
	for _, id := range ids {
		r, ok := c.Lookup(id)
		if !ok || r.ID != id || r.Family == "" || len(r.Argv) == 0 {
			t.Fatalf("%s: %+v", id, r)
		}
		if r.Protocol != Framed && r.Protocol != HTTP {
			t.Errorf("%s: protocol %q", id, r.Protocol)
		}
		for _, m := range r.Mounts {
			if _, err := os.Stat(m.Source); err != nil || !filepath.IsAbs(m.Target) || m.Source == "/" {
				t.Errorf("%s: mount %+v: %v", id, m, err)
			}
		}
		if r.Protocol == Framed {
			if !executable(r.Argv[0]) || script(r.Argv[0]) {
				t.Errorf("%s: %s is not a real interpreter", id, r.Argv[0])
			}
			paths := slices.DeleteFunc(slices.Clone(r.Argv), func(a string) bool { return !strings.HasPrefix(a, "/") })
			if len(paths) < 2 || slices.ContainsFunc(paths, func(p string) bool { return !covered(r, p) }) {
				t.Errorf("%s: %v is in no mount of %+v", id, r.Argv, r.Mounts)
			}
		}
	}
	if _, ok := c.Lookup("cobol85"); ok {
		t.Error("the catalog knows everything")
	}
	again, err := Load(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c.runtimes, again.runtimes); d != "" {
		t.Errorf("the second start found something else: %s", d)
	}
}

// covered reports whether the box has path.
func covered(r *Runtime, path string) bool {
	return provided(path) || slices.ContainsFunc(r.Mounts, func(m Mount) bool {
		return path == m.Target || strings.HasPrefix(path, m.Target+"/")
	})
}

func TestBuild(t *testing.T) {
	families := []family{
		{Name: "snake", Protocol: Framed, ID: "snake{major}.{minor}", Default: "snake3", Oldest: "3.6", Bootstrap: "snake",
			Argv: []string{"{interpreter}", "/var/runtime/b"}, Env: []string{"PATH={bin}:/bin"}, StartEnv: []string{"X"}},
		{Name: "own", Protocol: HTTP, IDs: []string{"own"}, Argv: []string{"/var/task/bootstrap"}},
	}
	found := map[string][]probed{"snake": {
		{Version: "3.5.9", Executable: "/opt/35/bin/snake", Mounts: []string{"/opt/35"}},
		{Version: "3.11.7", Executable: "/opt/311/bin/snake", Mounts: []string{"/opt/311"}},
		{Version: "3.11.9", Executable: "/usr/bin/snake", Mounts: []string{"/usr"}},
		{Version: "3.9.1", Executable: "/usr/bin/snake3.9", Mounts: []string{"/usr"}},
		{Version: "3.12.1", Executable: "/bin/snake", Mounts: []string{"/"}},
		{Version: "3.13.1", Executable: "relative", Mounts: nil},
	}}
	c := build(families, found, "/boot")
	if d := cmp.Diff([]string{"own", "snake3", "snake3.9", "snake3.11"}, c.IDs()); d != "" {
		t.Error(d)
	}
	want := &Runtime{
		ID: "snake3", Family: "snake", Version: "3.11.7", Protocol: Framed, StartEnv: []string{"X"},
		Argv: []string{"/opt/311/bin/snake", "/var/runtime/b"}, Env: []string{"PATH=/opt/311/bin:/bin"},
		Mounts: []Mount{{Source: "/boot/snake", Target: "/var/runtime"}, {Source: "/opt/311", Target: "/opt/311"}},
	}
	got, _ := c.Lookup("snake3")
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if r, _ := c.Lookup("snake3.9"); len(r.Mounts) != 1 {
		t.Errorf("/usr is mounted twice: %+v", r.Mounts)
	}
}

func TestOptionsOfVersions(t *testing.T) {
	f := &family{Name: "snake", Argv: []string{"{interpreter}", "{options}", "b"}, Prepare: &prepare{Since: "2", Argv: []string{"{options}", "c"}},
		Options: []options{{Since: "2", Argv: []string{"-two"}}, {Since: "3.11", Argv: []string{"-a", "{bin}/b"}}}}
	for version, want := range map[string][]string{"1.9": nil, "2.0": {"-two"}, "3.9": {"-two"}, "3.11": {"-a", "/bin/b"}, "4": {"-a", "/bin/b"}} {
		r := f.runtime("snake", probed{Version: version, Executable: "/bin/snake"}, "/boot")
		if d := cmp.Diff(append(append([]string{"/bin/snake"}, want...), "b"), r.Argv); d != "" {
			t.Errorf("%s: %s", version, d)
		}
		if want != nil && !cmp.Equal(append(want, "c"), r.Prepare.Argv) {
			t.Errorf("%s: prepared by %v", version, r.Prepare.Argv)
		}
	}
}

func TestIDsAreACopy(t *testing.T) {
	c := build([]family{{Name: "own", IDs: []string{"own"}}}, nil, "")
	c.IDs()[0] = "changed"
	if c.IDs()[0] != "own" {
		t.Error("the caller can change the catalog")
	}
}

func TestBootstraps(t *testing.T) {
	dir := t.TempDir()
	at, err := writeBootstraps(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"python/bootstrap.py", "python/ebb_runtime/instance.py", "nodejs/bootstrap.js"} {
		st, err := os.Stat(filepath.Join(at, name))
		if err != nil || st.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v %v: every uid must read it", name, st, err)
		}
	}
	for _, name := range []string{"catalog.json", "python/tests", "nodejs/test"} {
		if _, err := os.Stat(filepath.Join(at, name)); err == nil {
			t.Errorf("%s has no business in a box", name)
		}
	}
	broken := filepath.Join(at, "nodejs/bootstrap.js")
	if err := os.WriteFile(broken, []byte("half"), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := writeBootstraps(dir)
	if err != nil || again != at {
		t.Fatalf("%s, %v", again, err)
	}
	if text, _ := os.ReadFile(broken); string(text) == "half" {
		t.Error("a broken bootstrap stays broken")
	}
	if left, _ := filepath.Glob(filepath.Join(at, "*", ".new-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestCompareIDs(t *testing.T) {
	ids := []string{"python3.11", "nodejs20.x", "python3.9", "python3", "nodejs8.x", "nodejs", "provided.al2023", "provided", "provided.al2"}
	slices.SortFunc(ids, compareIDs)
	want := []string{"nodejs", "nodejs8.x", "nodejs20.x", "provided", "provided.al2", "provided.al2023", "python3", "python3.9", "python3.11"}
	if d := cmp.Diff(want, ids); d != "" {
		t.Error(d)
	}
}

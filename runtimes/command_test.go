package runtimes

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func same(inside string) string { return inside }

// moved is where a driver without mounts has the box's paths.
func moved(inside string) string { return "/host" + inside }

func TestCommand(t *testing.T) {
	r := &Runtime{
		Argv: []string{"/usr/bin/x", "-flags={/var/runtime/flags}", "-m{heapMB}m", "{prepared}", "{other}", "plain", "/var/runtime/b"},
		Heap: Heap{Percent: 85, ReserveMB: 64},
	}
	want := []string{"/host/usr/bin/x", "-flags=/host/var/runtime/flags", "-m434m", "{other}", "plain", "/host/var/runtime/b"}
	if d := cmp.Diff(want, r.Command(512, moved)); d != "" {
		t.Error(d)
	}
}

func TestHeap(t *testing.T) {
	h := Heap{Percent: 85, ReserveMB: 64}
	for memory, want := range map[int]int{64: 16, 128: 64, 256: 192, 512: 434, 1024: 870, 10240: 8704} {
		if got := h.of(memory); got != want {
			t.Errorf("%d MB: heap of %d, want %d", memory, got, want)
		}
	}
}

func TestKind(t *testing.T) {
	sized := &Runtime{ID: "a", Argv: []string{"/x", "-Xmx{heapMB}m"}, Heap: Heap{Percent: 50}}
	plain := &Runtime{ID: "b", Argv: []string{"/x"}}
	other := &Runtime{ID: "c", Argv: []string{"/x"}}
	if sized.Kind(256) == sized.Kind(512) {
		t.Error("a heap of one size serves versions of another")
	}
	if plain.Kind(256) != plain.Kind(512) || plain.Kind(256) != other.Kind(256) {
		t.Error("processes that are the same are kept apart")
	}
}

// TestPrepare: what was prepared is used once it is there, by whoever sees the
// box as it was made, and goes when nobody can use it any more.
func TestPrepare(t *testing.T) {
	dir := t.TempDir()
	f := family{Name: "x", Protocol: Framed, ID: "x{major}", Default: "x", Oldest: "1", Bootstrap: "x",
		Aliases: map[string]string{"x7.al2": "x7"},
		Argv:    []string{"{interpreter}", "{prepared}", "go"},
		Prepare: &prepare{Since: "5", Argv: []string{"{interpreter}", "-make={/var/cache/runtime/f}"}, Files: []string{"e", "f"},
			Adds: []string{"-use={/var/cache/runtime/f}"}}}
	found := map[string][]probed{"x": {
		{Version: "7.1", Executable: "/usr/bin/x7"}, {Version: "4.1", Executable: "/usr/bin/x4"},
	}}
	load := func() *Catalog {
		c := build([]family{f}, found, "/boot/1")
		c.prepared = dir
		if err := errors.Join(c.keepPrepared(), c.Tidy()); err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := load()
	r, _ := c.Lookup("x7")
	alias, _ := c.Lookup("x7.al2")
	plain := []string{"/usr/bin/x7", "go"}
	if d := cmp.Diff(plain, r.Command(128, same)); d != "" || r.Prepare.Done(same) {
		t.Errorf("before it was prepared: %s", d)
	}
	if old, _ := c.Lookup("x4"); old.Prepare != nil || len(old.Mounts) != 1 {
		t.Errorf("too old a version is prepared: %+v", old)
	}
	if d := cmp.Diff([]string{"/usr/bin/x7", "-make=/var/cache/runtime/f"}, r.Prepare.Command(same)); d != "" {
		t.Error(d)
	}
	made := func(keep bool) {
		m, err := r.Prepare.Begin()
		if err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(m.Source); err != nil || st.Mode().Perm() != 0o777 || m.Target != preparedDir {
			t.Errorf("%+v: %v, %v", m, st, err)
		}
		for _, file := range []string{"e", "f"} {
			if err := os.WriteFile(filepath.Join(m.Source, file), []byte("made"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Prepare.Finish(m, keep, same); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(m.Source); err == nil {
			t.Error("the directory stays")
		}
	}
	made(false)
	if r.Prepare.Done(same) {
		t.Error("what failed is done")
	}
	made(true)
	with := []string{"/usr/bin/x7", "-use=/var/cache/runtime/f", "go"}
	for _, r := range []*Runtime{r, alias} {
		if d := cmp.Diff(with, r.Command(128, same)); d != "" || !r.Prepare.Done(same) {
			t.Errorf("%s after it was prepared: %s", r.ID, d)
		}
	}
	if r.Command(128, moved)[1] != "go" || r.Prepare.Done(moved) {
		t.Error("it is used where the box looks different")
	}
	mount := r.Mounts[len(r.Mounts)-1]
	if text, err := os.ReadFile(filepath.Join(mount.Source, "f")); string(text) != "made" || mount.Target != preparedDir {
		t.Errorf("%+v: %q, %v", mount, text, err)
	}
	if r, _ = load().Lookup("x7"); !r.Prepare.Done(same) {
		t.Error("the next start has forgotten it")
	}
	found["x"][0].Version = "7.2"
	if r, _ = load().Lookup("x7"); r.Prepare.Done(same) {
		t.Error("another interpreter uses it")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

func TestFinishWithoutAFile(t *testing.T) {
	p := &Prepare{Files: []string{"e", "f"}, Dir: t.TempDir()}
	m, err := p.Begin()
	if err != nil {
		t.Fatal(err)
	}
	err = errors.Join(os.WriteFile(filepath.Join(m.Source, "e"), nil, 0o600), os.Symlink("/etc/passwd", filepath.Join(m.Source, "f")))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Finish(m, true, same); err == nil || p.Done(same) {
		t.Error("a link to somewhere was kept")
	}
}

// TestUnbuilt: a family of whose bootstrap a part was not built is not offered,
// and it is said what to do.
func TestUnbuilt(t *testing.T) {
	families, missing := complete([]family{{Name: "a", Needs: "java/dist/README.md"}, {Name: "b", Needs: "java/dist/none", How: "build it"}, {Name: "c"}})
	if len(families) != 2 || families[0].Name != "a" || families[1].Name != "c" {
		t.Errorf("%+v", families)
	}
	if d := cmp.Diff([]Missing{{Family: "b", Reason: "build it"}}, missing); d != "" {
		t.Error(d)
	}
	c := build(families, nil, "")
	c.missing = append(missing, c.absent([]family{{Name: "x", Commands: []string{"xx"}, Default: "x", Oldest: "3.0"}})...)
	if why := c.Why("b17"); why != "build it" {
		t.Errorf("b17: %q", why)
	}
	if why := c.Why("x3"); !strings.Contains(why, "no xx of version 3.0 or later") {
		t.Errorf("x3: %q", why)
	}
	if why := c.Why("cobol85"); why != "" {
		t.Errorf("cobol85: %q", why)
	}
	all, err := readFamilies()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if (f.Needs == "") != (f.How == "") || f.Needs != "" && !strings.HasPrefix(f.Needs, f.Bootstrap+"/") {
			t.Errorf("%s needs %q: %q", f.Name, f.Needs, f.How)
		}
	}
}

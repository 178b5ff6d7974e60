package runtimes

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// imageTree makes a tree with the files, some of them links.
func imageTree(t *testing.T, links map[string]string, files ...string) Image {
	t.Helper()
	root := t.TempDir()
	for _, f := range files {
		if err := os.MkdirAll(filepath.Dir(root+f), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+f, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range links {
		if err := os.Symlink(to, root+from); err != nil {
			t.Fatal(err)
		}
	}
	return Image{Root: root, Env: []string{"PATH=/opt/bin:/usr/bin", "LANG=C.UTF-8"}}
}

func imageCatalog(t *testing.T) *Catalog {
	t.Helper()
	c := build([]family{
		{Name: "snake", Protocol: Framed, ID: "snake{major}.{minor}", Default: "snake3", Oldest: "3.6", Bootstrap: "snake",
			Commands: []string{"snake3", "snake3.[0-9]*"}, Places: []string{"~/snake", "/srv/snake/bin/snake"},
			Probe: []string{"-I", "{bootstrap}/probe"}, Argv: []string{"{interpreter}", "{prepared}", "/var/runtime/b"}, Env: []string{"PATH={bin}:/bin"},
			Prepare: &prepare{Argv: []string{"{interpreter}", "-make"}, Files: []string{"f"}, Adds: []string{"-use"}}},
		{Name: "own", Protocol: HTTP, IDs: []string{"own"}, Argv: []string{"/var/task/bootstrap"}},
	}, map[string][]probed{"snake": {{Version: "3.11.1", Executable: "/usr/bin/snake3"}}}, "/boot")
	c.prepared = t.TempDir()
	return c
}

// answers are what interpreters say, by their path.
type answers map[string]string

func (a answers) ask(_ context.Context, p Probe) ([]byte, error) {
	if said, ok := a[p.Argv[0]]; ok {
		return []byte(said), nil
	}
	return nil, errors.New("ended with exit status 127")
}

// TestFind: the interpreter that the identifier speaks of is found, wherever in
// the image it is and whatever else is there.
func TestFind(t *testing.T) {
	c := imageCatalog(t)
	img := imageTree(t, map[string]string{"/usr/bin/snake3": "/etc/alternatives/snake"},
		"/opt/bin/snake3", "/usr/bin/snake3.13", "/srv/snake/bin/snake")
	says := answers{
		"/usr/bin/snake3":      `{"version":"3.12.4","executable":"/usr/bin/snake3.12"}`,
		"/usr/bin/snake3.13":   "a warning\n" + `{"version":"3.13.0","build":"b","executable":"/usr/bin/snake3.13"}` + "\n",
		"/srv/snake/bin/snake": `{"version":"3.2.0","executable":"/srv/snake/bin/snake"}`,
	}
	for _, test := range []struct {
		id   string
		want Interpreter
		err  string
	}{
		{"snake3.13", Interpreter{"3.13.0", "b", "/usr/bin/snake3.13"}, ""},
		{"snake3.12", Interpreter{"3.12.4", "", "/usr/bin/snake3.12"}, ""},
		{"snake3", Interpreter{"3.12.4", "", "/usr/bin/snake3.12"}, ""}, // the first that works
		{"risk", Interpreter{"3.12.4", "", "/usr/bin/snake3.12"}, ""},
		{"snake3.9", Interpreter{}, "version 3.13.0 is not snake3.9"},
	} {
		got, err := c.Find(t.Context(), test.id, "snake", img, says.ask)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: %+v, %v", test.id, got, err)
		}
	}
	_, err := c.Find(t.Context(), "snake3.9", "snake", img, says.ask)
	for _, reason := range []string{"/opt/bin/snake3: ended with", "/srv/snake/bin/snake: version 3.2.0 is older than 3.6"} {
		if err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%v: does not say %q", err, reason)
		}
	}
	if _, err := c.Find(t.Context(), "snake3", "snake", imageTree(t, nil), says.ask); err == nil || !strings.Contains(err.Error(), "there is no snake3") {
		t.Errorf("an empty image: %v", err)
	}
	if in, err := c.Find(t.Context(), "own", "own", img, nil); err != nil || in != (Interpreter{}) {
		t.Errorf("a family without interpreters: %+v, %v", in, err)
	}
	if _, err := c.Find(t.Context(), "x", "cobol", img, nil); err == nil {
		t.Error("a family that is none")
	}
}

// TestAdd: what is added comes before what the host has, which is there again
// afterwards; and it is prepared apart from the host's.
func TestAdd(t *testing.T) {
	c := imageCatalog(t)
	img := imageTree(t, nil)
	host, _ := c.Lookup("snake3.11")
	for _, id := range []string{"snake3.11", "risk"} {
		if err := c.Add(id, "snake", img, Interpreter{"3.11.9", "", "/usr/local/bin/snake"}); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{"own", "risk", "snake3", "snake3.11"}, c.IDs()); d != "" {
		t.Error(d)
	}
	got, _ := c.Lookup("snake3.11")
	want := &Runtime{
		ID: "snake3.11", Family: "snake", Version: "3.11.9", Protocol: Framed, Root: img.Root,
		Argv:    []string{"/usr/local/bin/snake", "{prepared}", "/var/runtime/b"},
		Env:     []string{"PATH=/opt/bin:/usr/bin", "LANG=C.UTF-8", "PATH=/usr/local/bin:/bin"},
		Mounts:  []Mount{{Source: "/boot/snake", Target: "/var/runtime"}, {Source: got.Prepare.Dir, Target: preparedDir}},
		Prepare: got.Prepare,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if host.Prepare.Key == got.Prepare.Key || got.Kind(128) == host.Kind(128) {
		t.Error("an image's interpreter and the host's are taken for one")
	}
	c.Remove("snake3.11")
	if again, ok := c.Lookup("snake3.11"); !ok || again != host {
		t.Errorf("the host's own is gone: %+v", again)
	}
	c.Remove("risk")
	if _, ok := c.Lookup("risk"); ok {
		t.Error("a removed runtime is still there")
	}
	if err := c.Tidy(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(got.Prepare.Dir); err == nil {
		t.Error("what was prepared for a removed runtime stays")
	}
}

func TestFamilyOf(t *testing.T) {
	c := imageCatalog(t)
	for id, want := range map[string]string{"snake3.13": "snake", "own.bank": "own", "risk": ""} {
		if got := c.FamilyOf(id); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}

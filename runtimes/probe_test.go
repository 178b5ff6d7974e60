package runtimes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// host is a made-up machine: directories with interpreters that are scripts.
type host struct {
	t    *testing.T
	root string
	env  map[string]string

	limit time.Duration // of asking one; long, since a machine may be busy
}

func newHost(t *testing.T) *host {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return &host{t: t, root: root, limit: 30 * time.Second, env: map[string]string{
		"PATH": strings.Join([]string{filepath.Join(root, "shims"), "relative", "", filepath.Join(root, "bin"), os.Getenv("PATH")}, ":"),
	}}
}

func (h *host) path(name string) string { return filepath.Join(h.root, name) }

// interpreter writes a command that tells version and notes that it was asked.
func (h *host) interpreter(name, version string) {
	h.command(name, fmt.Sprintf(`echo '{"version":%q,"executable":%q,"mounts":["/opt"]}'`, version, h.path(name)))
}

func (h *host) command(name, body string) {
	h.t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o755); err != nil {
		h.t.Fatal(err)
	}
	text := fmt.Sprintf("#!/bin/sh\necho %s >> %s\n%s\n", name, h.path("asked"), body)
	if err := os.WriteFile(h.path(name), []byte(text), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

// asked returns and forgets who was asked.
func (h *host) asked() int {
	text, _ := os.ReadFile(h.path("asked"))
	_ = os.Remove(h.path("asked"))
	return strings.Count(string(text), "\n")
}

func (h *host) search() map[string][]probed {
	s := newSearch(func(name string) string { return h.env[name] }, h.path("home"), h.path("memory.json"))
	s.limit = h.limit
	return s.run(h.t.Context(), []family{h.family()})
}

func (h *host) family() family {
	return family{
		Name: "snake", Commands: []string{"ebbsnake", "ebbsnake[0-9]"}, Probe: []string{"--tell"},
		Places:    []string{"$SNAKE_ROOT/*/ebbsnake", "~/versions/*/ebbsnake", h.path("opt/*/ebbsnake")},
		Redirects: []string{"~/chosen"}, Variables: []string{"SNAKE_ROOT", "SNAKE_VERSION"},
	}
}

func versions(found map[string][]probed) []string {
	var all []string
	for _, p := range found["snake"] {
		all = append(all, p.Version)
	}
	return all
}

func TestSearch(t *testing.T) {
	h := newHost(t)
	h.env["SNAKE_ROOT"] = h.path("root")
	h.interpreter("root/9/ebbsnake", "9.0")
	h.interpreter("home/versions/3.9.1/ebbsnake", "3.9.1")
	h.interpreter("home/versions/3.11.0/ebbsnake", "3.11.0")
	h.interpreter("opt/x/ebbsnake", "2.0")
	h.interpreter("bin/ebbsnake", "5.0")
	h.command("opt/broken/ebbsnake", "exit 1")
	h.command("opt/chatty/ebbsnake", "echo hello")
	// The shim in front runs a version that is found elsewhere too.
	h.command("shims/ebbsnake", "exec "+h.path("home/versions/3.9.1/ebbsnake"))
	h.command("shims/ebbsnake7", "exec "+h.path("opt/x/ebbsnake"))
	if err := os.Symlink(h.path("bin/ebbsnake"), h.path("bin/ebbsnake5")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.path("opt/x/other"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"3.9.1", "5.0", "9.0", "3.11.0", "2.0"}, versions(h.search())); d != "" {
		t.Error(d)
	}
}

// TestSearchIsBounded: one that does not answer is left out.
func TestSearchIsBounded(t *testing.T) {
	h := newHost(t)
	h.command("bin/ebbsnake", "exec sleep 60")
	h.limit = 100 * time.Millisecond
	if found := versions(h.search()); found != nil {
		t.Errorf("found %v", found)
	}
}

func TestSearchRemembers(t *testing.T) {
	h := newHost(t)
	h.interpreter("bin/ebbsnake", "1.0")
	h.command("opt/broken/ebbsnake", "exit 1")
	search := func(what string, asked int, want ...string) {
		t.Helper()
		if d := cmp.Diff(want, versions(h.search())); d != "" {
			t.Errorf("%s: %s", what, d)
		}
		if n := h.asked(); n != asked {
			t.Errorf("%s: %d were asked, want %d", what, n, asked)
		}
	}
	search("first", 2, "1.0")
	search("second", 0, "1.0")
	h.interpreter("bin/ebbsnake", "1.0.1")
	search("changed", 1, "1.0.1")
	if err := os.MkdirAll(h.path("home"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.path("home/chosen"), []byte("other"), 0o644); err != nil {
		t.Fatal(err)
	}
	search("another choice of the version manager", 2, "1.0.1")
	h.env["SNAKE_VERSION"] = "x"
	search("another choice by variable", 2, "1.0.1")
	if err := os.WriteFile(h.path("memory.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	search("broken memory", 2, "1.0.1")
	h.interpreter("opt/new/ebbsnake", "2.0")
	search("a new one", 1, "1.0.1", "2.0")
	if err := os.Remove(h.path("bin/ebbsnake")); err != nil {
		t.Fatal(err)
	}
	search("one is gone", 0, "2.0")
}

// TestSearchForgetsWhatMoved: a remembered command whose interpreter is gone is
// asked again.
func TestSearchForgetsWhatMoved(t *testing.T) {
	h := newHost(t)
	h.interpreter("opt/real/ebbsnake", "1.0")
	h.command("shims/ebbsnake", fmt.Sprintf(`[ -e %[1]s ] && exec %[1]s; exit 1`, h.path("opt/real/ebbsnake")))
	if d := cmp.Diff([]string{"1.0"}, versions(h.search())); d != "" {
		t.Error(d)
	}
	if err := os.Remove(h.path("opt/real/ebbsnake")); err != nil {
		t.Fatal(err)
	}
	if got := versions(h.search()); got != nil {
		t.Errorf("found %v", got)
	}
}

func TestUsable(t *testing.T) {
	home := homeDir()
	tests := []struct {
		p    probed
		want bool
	}{
		{probed{Version: "3.6.0", Executable: "/x", Mounts: []string{"/opt/x"}}, true},
		{probed{Version: "3.10.0", Executable: "/x"}, true},
		{probed{Version: "3.5.9", Executable: "/x"}, false},
		{probed{Version: "", Executable: "/x"}, false},
		{probed{Version: "4.0", Executable: "x"}, false},
		{probed{Version: "4.0", Executable: "/x", Mounts: []string{"/"}}, false},
		{probed{Version: "4.0", Executable: "/x", Mounts: []string{"opt"}}, false},
		{probed{Version: "4.0", Executable: "/x", Mounts: []string{home}}, false},
	}
	for _, tt := range tests {
		if got := tt.p.usable("3.6"); got != tt.want {
			t.Errorf("%+v: %v", tt.p, got)
		}
	}
}

// TestSearchComesLater: a catalog that does not remember all interpreters has
// those who ask for one wait until they were asked; one that does has nothing to
// wait for.
func TestSearchComesLater(t *testing.T) {
	dir := t.TempDir()
	c, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.Known() {
		t.Fatal("what the host has is known without asking")
	}
	asked := make(chan bool, 1)
	go func() {
		_, ok := c.Lookup("provided")
		asked <- ok && c.Known()
	}()
	if err := c.Search(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !<-asked {
		t.Error("who asked was answered before all was known")
	}
	again, err := Open(dir)
	if err != nil || !again.Known() {
		t.Fatalf("a second start searches again: %v", err)
	}
	if err := again.Search(t.Context()); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff(c.IDs(), again.IDs()); d != "" {
		t.Error(d)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	ended, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := ended.Search(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a search that was stopped: %v", err)
	}
	ended.IDs() // nobody waits for ever
}

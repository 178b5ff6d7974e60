package pool

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/sandbox/process"
	"github.com/ebb-faas/ebb/runtimes"
)

// TestPrepareRuntime runs preparations in real boxes.
func TestPrepareRuntime(t *testing.T) {
	dir := t.TempDir()
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	driver, err := process.Open(t.Context(), process.Config{Dir: dir}, log)
	if err != nil {
		t.Fatal(err)
	}
	p := New(Config{}, Deps{Driver: driver, Log: log})
	count := filepath.Join(dir, "count")
	prepare := func(script string) *runtimes.Runtime {
		rt := &runtimes.Runtime{ID: "x", Env: []string{"PATH=/usr/bin:/bin"}, Prepare: &runtimes.Prepare{
			Key: "k", Files: []string{"f"}, Dir: t.TempDir(), Argv: []string{"/bin/sh", "-c", script + " # {/var/cache/runtime/f}", "sh"},
		}}
		rt.Mounts = []runtimes.Mount{{Source: rt.Prepare.Dir, Target: "/var/cache/runtime"}}
		for range 2 {
			p.prepareRuntime(t.Context(), rt)
		}
		return rt
	}
	same := func(inside string) string { return inside }

	rt := prepare("echo run >>" + count + "; echo made >{/var/cache/runtime/f}")
	if text, err := os.ReadFile(filepath.Join(rt.Prepare.Dir, "f")); string(text) != "made\n" || !rt.Prepare.Done(same) {
		t.Errorf("%q, %v: %s", text, err, said.String())
	}
	if runs, _ := os.ReadFile(count); string(runs) != "run\n" {
		t.Errorf("it ran again: %q", runs)
	}

	said.Reset()
	rt = prepare("echo half >{/var/cache/runtime/f}; echo because; exit 3")
	if rt.Prepare.Done(same) || strings.Count(said.String(), "starts could not be made faster") != 2 || !strings.Contains(said.String(), "because") {
		t.Errorf("after a failure: %s", said.String())
	}
	if left, _ := os.ReadDir(rt.Prepare.Dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	// One that is given up ends its process, and leaves nothing either.
	ctx, cancel := context.WithCancel(t.Context())
	began := filepath.Join(dir, "began")
	hangs := &runtimes.Prepare{Key: "k", Files: []string{"f"}, Dir: t.TempDir(), Argv: []string{"/bin/sh", "-c", "echo >" + began + "; exec sleep 1000"}}
	ended := make(chan error)
	go func() {
		_, err := p.runPreparation(ctx, &runtimes.Runtime{ID: "x", Env: []string{"PATH=/usr/bin:/bin"}}, hangs, nil)
		ended <- err
	}()
	eventually(t, "it began", func() bool { _, err := os.Stat(began); return err == nil })
	cancel()
	if err := <-ended; err == nil {
		t.Error("what was given up succeeded")
	}
	if left, _ := os.ReadDir(hangs.Dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := driver.Close(); err != nil {
		t.Error(err)
	}
}

//go:build linux

package linux

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/internal/sandbox/sandboxtest"
)

// TestAhead: after the first box others are begun; one of them is as good as one
// that was not, is used once, and Sweep leaves the rest alone.
func TestAhead(t *testing.T) {
	b := opened(t)
	d := b.Driver.(*Driver)
	full := func() bool { return len(d.ahead.ready) == cap(d.ahead.ready) }
	b.Run(t, "first", sandbox.Limits{}, "exit", "0")
	sandboxtest.Eventually(t, "boxes are made ahead", full)
	if err := d.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		sandboxtest.Eventually(t, "there are more", full)
		box := b.Box(t, fmt.Sprintf("taken-%d", i), sandbox.Limits{MemoryMB: 200, PIDs: 50})
		inner := box.(*box_)
		if !strings.HasPrefix(inner.group.name, "ahead.") {
			t.Errorf("box %d was not made ahead: its group is %s", i, inner.group.name)
		}
		sandboxtest.Start(t, box, "hog", "400")
		sandboxtest.Wait(t, box)
		if exit := box.Exit(); !exit.OOM {
			t.Errorf("the limit of memory is not in force: %+v", exit)
		}
		box.Destroy()
	}
	// One that died waiting is not given to anybody.
	sandboxtest.Eventually(t, "there are more", full)
	dead := <-d.ahead.ready
	_ = dead.init.Kill()
	_, _ = dead.init.Wait()
	d.ahead.ready <- dead
	for i := range cap(d.ahead.ready) {
		b.Run(t, fmt.Sprintf("after-%d", i), sandbox.Limits{}, "exit", "0")
	}
}

// TestBoxIsNotReplacedAtOnce: what comes after a box does not compete with it.
func TestBoxIsNotReplacedAtOnce(t *testing.T) {
	b := opened(t)
	d := b.Driver.(*Driver)
	full := func() bool { return len(d.ahead.ready) == cap(d.ahead.ready) }
	b.Run(t, "first", sandbox.Limits{}, "exit", "0")
	sandboxtest.Eventually(t, "boxes are made ahead", full)
	began := time.Now()
	spare := d.ahead.take()
	defer d.ahead.drop(spare)
	sandboxtest.Eventually(t, "there are more", full)
	if took := time.Since(began); took < refillAfter {
		t.Errorf("another one was made after %s", took)
	}
}

// box_ is the box type, which many tests have a variable named like.
type box_ = box

// TestAheadLeavesNothing: closing gives up what was made ahead.
func TestAheadLeavesNothing(t *testing.T) {
	d := open(t, t.TempDir())
	box, err := d.Create(context.Background(), sandbox.Spec{ID: "one"})
	if err != nil {
		t.Fatal(err)
	}
	box.Destroy()
	sandboxtest.Eventually(t, "boxes are made ahead", func() bool { return len(d.ahead.ready) > 0 })
	parents := d.groups.parents()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for _, p := range parents {
		if _, err := os.Stat(p); !os.IsNotExist(err) {
			t.Errorf("%s is left (%v)", p, err)
		}
	}
}

// TestSweepElsewhere: an ebb that ran in another group left its boxes' groups
// below that. They are found by their names.
func TestSweepElsewhere(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	defer func() { _ = d.Close() }()
	var left []string
	for _, p := range d.groups.parents() {
		elsewhere := filepath.Join(filepath.Dir(p), "ebb-test-elsewhere-"+filepath.Base(p))
		old := filepath.Join(elsewhere, parentName(dir), "box-of-old")
		for _, made := range []string{elsewhere, filepath.Dir(old), old} {
			if err := os.Mkdir(made, 0o755); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = os.Remove(made) }()
		}
		left = append(left, filepath.Dir(old))
	}
	if err := d.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	for _, path := range left {
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Errorf("%s is still there (%v)", path, err)
		}
	}
}

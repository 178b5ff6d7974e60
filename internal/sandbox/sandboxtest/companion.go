package sandboxtest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

func spawnOne(t *testing.T, box sandbox.Box, args ...string) *sandbox.Companion {
	t.Helper()
	c, err := box.Spawn(context.Background(), Process(box, args...))
	if err != nil {
		t.Fatalf("Spawn: %v", err)
	}
	t.Cleanup(func() { _ = c.Output.Close() })
	return c
}

func companionEnds(t *testing.T, c *sandbox.Companion) sandbox.Exit {
	t.Helper()
	select {
	case <-c.Done:
	case <-time.After(Patience):
		t.Fatal("the companion does not end")
	}
	return c.Exit()
}

func readCompanion(t *testing.T, c *sandbox.Companion) string {
	t.Helper()
	_ = c.Output.SetReadDeadline(time.Now().Add(Patience))
	b, err := io.ReadAll(c.Output)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// spawn: companions have ends and outputs of their own, and the runtime process
// comes after them.
func spawn(t *testing.T, b Boxes) {
	box := b.Box(t, "spawn", sandbox.Limits{})
	one, two := spawnOne(t, box, "exit", "3"), spawnOne(t, box, "print", "companion")
	if exit := companionEnds(t, one); exit != (sandbox.Exit{Code: 3}) {
		t.Errorf("exit is %+v", exit)
	}
	if out := readCompanion(t, two); out != "out companion\nerr companion\n" {
		t.Errorf("output is %q", out)
	}
	companionEnds(t, two)
	stays := spawnOne(t, box, "sleep") // after all others ended
	Start(t, box, "print", "runtime")
	if out := ReadAll(t, box); out != "out runtime\nerr runtime\n" {
		t.Errorf("the runtime's output is %q", out)
	}
	Wait(t, box)
	select {
	case <-stays.Done:
		t.Errorf("the companion ended with the runtime: %+v", stays.Exit())
	default:
	}
	if _, err := box.Spawn(context.Background(), Process(box, "exit", "0")); err == nil {
		t.Error("a companion comes after the runtime")
	}
}

func spawnMissing(t *testing.T, b Boxes) {
	box := b.Box(t, "spawn-missing", sandbox.Limits{})
	p := Process(box, "exit", "0")
	p.Argv[0] = "/no/such/extension"
	c, err := box.Spawn(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	if exit := companionEnds(t, c); !errors.Is(exit.Err, fs.ErrNotExist) {
		t.Errorf("exit is %+v", exit)
	}
	_ = c.Output.Close()
	p.Framed = true
	if _, err := box.Spawn(context.Background(), p); err == nil {
		t.Error("a companion has a framed socket")
	}
	Start(t, box, "print", "runtime")
	Wait(t, box)
}

func spawnDestroyed(t *testing.T, b Boxes) {
	token := Token(t)
	box := b.Box(t, "spawn-destroyed", sandbox.Limits{})
	c := spawnOne(t, box, "stubborn", token)
	_ = c.Output.SetReadDeadline(time.Now().Add(Patience))
	if _, err := io.ReadFull(c.Output, make([]byte, 6)); err != nil {
		t.Fatal(err)
	}
	box.Destroy()
	if exit := companionEnds(t, c); exit.Code == 0 {
		t.Errorf("exit is %+v", exit)
	}
	Eventually(t, "nothing is left", func() bool { return Running(token) == 0 })
}

package sandboxtest

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// place is where the tests attach.
const place = "/var/task"

// ahead makes a box that belongs to nobody yet, and a directory to attach.
func (b Boxes) ahead(t *testing.T, id string) (sandbox.Box, []sandbox.Mount) {
	t.Helper()
	box, err := b.Driver.Create(context.Background(), sandbox.Spec{ID: id,
		Mounts: []sandbox.Mount{{Source: b.Probe, Target: ProbeDir}}, Places: []string{place},
		Limits: sandbox.Limits{MemoryMB: 10240}})
	if err != nil {
		t.Fatalf("Create: %v", err)
	}
	t.Cleanup(box.Destroy)
	code := t.TempDir()
	if err := os.Chmod(filepath.Dir(code), 0o755); err != nil { // the box's uid must get through
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(code, "code"), []byte("the code"), 0o644); err != nil {
		t.Fatal(err)
	}
	return box, []sandbox.Mount{{Source: code, Target: place}}
}

func attachRunning(t *testing.T, b Boxes) {
	box, code := b.ahead(t, "attach-running")
	p := Process(box, "catlater")
	p.Framed, p.AttachLater = true, true
	StartProcess(t, box, p)
	if err := box.Attach(context.Background(), code, sandbox.Limits{MemoryMB: 256}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(box.Conn(), box.Path(place+"/code")+"\n"); err != nil {
		t.Fatal(err)
	}
	Expect(t, box, "the code")
	if err := box.Attach(context.Background(), code, sandbox.Limits{}); err == nil {
		t.Error("a second Attach is accepted")
	}
}

// attachFollows: a process that began where the code was to be is in it, not
// under it.
func attachFollows(t *testing.T, b Boxes) {
	if !b.Driver.Level().Follows {
		t.Skip("this driver's processes stay where they are")
	}
	box, code := b.ahead(t, "attach-follows")
	p := Process(box, "catlater")
	p.Framed, p.AttachLater, p.Dir = true, true, place
	StartProcess(t, box, p)
	if err := box.Attach(context.Background(), code, sandbox.Limits{}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(box.Conn(), "code\n"); err != nil {
		t.Fatal(err)
	}
	Expect(t, box, "the code")
}

func attachEmpty(t *testing.T, b Boxes) {
	box, code := b.ahead(t, "attach-empty")
	if err := box.Attach(context.Background(), code, sandbox.Limits{}); err != nil {
		t.Fatal(err)
	}
	Start(t, box, "cat", box.Path(place+"/code"))
	Expect(t, box, "the code")
	Wait(t, box)
}

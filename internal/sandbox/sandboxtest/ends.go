package sandboxtest

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

func stopGraceful(t *testing.T, b Boxes) {
	box := b.Box(t, "stop", sandbox.Limits{})
	Start(t, box, "term")
	Expect(t, box, "ready\n")
	box.Stop(Patience)
	if exit := box.Exit(); exit != (sandbox.Exit{Code: 3}) {
		t.Errorf("exit is %+v, want the process's own 3", exit)
	}
	Expect(t, box, "asked to end\n")
}

func stopStubborn(t *testing.T, b Boxes) {
	box := b.Box(t, "stop-hard", sandbox.Limits{})
	token := Token(t)
	Start(t, box, "stubborn", token)
	Expect(t, box, "ready\n")
	box.Stop(20 * time.Millisecond)
	if exit := box.Exit(); exit != (sandbox.Exit{Code: -1, Signal: "killed"}) {
		t.Errorf("exit is %+v, want killed", exit)
	}
	box.Destroy()
	if n := Running(token); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}

func stopBeforeStart(t *testing.T, b Boxes) {
	box := b.Box(t, "stop-early", sandbox.Limits{})
	box.Stop(0)
	Wait(t, box)
	if err := box.Start(context.Background(), Process(box, "exit", "0")); err == nil {
		Wait(t, box)
		if box.Exit().Code == 0 {
			t.Error("a process ran in a box that was stopped")
		}
		_ = box.Output().Close()
	}
}

func destroyRunning(t *testing.T, b Boxes) {
	box := b.Box(t, "destroy", sandbox.Limits{})
	token := Token(t)
	p := Process(box, "sleep", token)
	p.Framed = true
	StartProcess(t, box, p)
	Expect(t, box, "ready\n")
	if n := Running(token); n != 1 && runtime.GOOS == "linux" {
		t.Fatalf("%d processes run, want 1", n)
	}
	var wg sync.WaitGroup
	for range 4 { // also at once, also again
		wg.Go(func() {
			box.Destroy()
			if n := Running(token); n != 0 {
				t.Errorf("%d processes are left", n)
			}
		})
	}
	wg.Wait()
	box.Destroy()
	Wait(t, box)
	if exit := box.Exit(); exit != (sandbox.Exit{Code: -1, Signal: "killed"}) {
		t.Errorf("exit is %+v, want killed", exit)
	}
	if out := ReadAll(t, box); out != "" {
		t.Errorf("output is %q", out)
	}
	if _, err := box.Conn().Write([]byte("x")); err == nil {
		t.Error("the framed socket still takes bytes")
	}
}

func destroyDaemons(t *testing.T, b Boxes) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux can find processes that left their group")
	}
	box := b.Box(t, "daemons", sandbox.Limits{})
	token := Token(t)
	Start(t, box, "daemon", token)
	Expect(t, box, "left behind\n")
	Wait(t, box)
	Eventually(t, "the daemon runs alone", func() bool { return Running(token) == 1 })
	box.Destroy()
	if n := Running(token); n != 0 {
		t.Errorf("%d processes are left", n)
	}
}

func destroyUnstarted(t *testing.T, b Boxes) {
	box := b.Box(t, "unstarted", sandbox.Limits{})
	box.Destroy()
	Wait(t, box)
	if err := box.Start(context.Background(), Process(box, "exit", "0")); ebb.KindOf(err) != ebb.Unavailable {
		t.Errorf("Start after Destroy gives %v", err)
	}
	if box.Output() != nil || box.Conn() != nil {
		t.Error("a box that never ran has an output")
	}
}

// closeDestroys: a driver that is closed leaves nothing of its boxes.
func closeDestroys(t *testing.T, probe string, open func(t *testing.T, dir string) sandbox.Driver) {
	b := Boxes{Driver: open(t, t.TempDir()), Probe: probe}
	box := b.Box(t, "closing", sandbox.Limits{})
	token := Token(t)
	Start(t, box, "sleep", token)
	Expect(t, box, "ready\n")
	if err := b.Driver.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if n := Running(token); n != 0 {
		t.Errorf("%d processes are left", n)
	}
	if box, err := b.Driver.Create(context.Background(), sandbox.Spec{ID: "late"}); err == nil {
		box.Destroy()
		t.Error("a closed driver makes boxes")
	}
}

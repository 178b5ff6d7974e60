package sandboxtest

import (
	"errors"
	"io"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// frozenFor is how long a frozen process is watched for a sign of life.
const frozenFor = 50 * time.Millisecond

// freezeStops: a frozen process does not answer, a thawed one does; again and again.
func freezeStops(t *testing.T, b Boxes) {
	if !b.Driver.Level().Freezes {
		t.Skip("this driver does not freeze")
	}
	box := b.Box(t, "freeze", sandbox.Limits{})
	p := Process(box, "echo")
	p.Framed = true
	StartProcess(t, box, p)
	echo := func(within time.Duration) error {
		if err := box.Conn().SetReadDeadline(time.Now().Add(within)); err != nil {
			t.Fatal(err)
		}
		_, err := io.ReadFull(box.Conn(), make([]byte, 1))
		return err
	}
	send := func() {
		if _, err := box.Conn().Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	send()
	if err := echo(Patience); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		for range 2 { // twice is no error
			if err := box.Freeze(); err != nil {
				t.Fatal(err)
			}
		}
		send()
		if err := echo(frozenFor); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("a frozen process answered (%v)", err)
		}
		for range 2 {
			if err := box.Thaw(); err != nil {
				t.Fatal(err)
			}
		}
		if err := echo(Patience); err != nil {
			t.Errorf("after Thaw: %v", err)
		}
	}
}

// freezeDeath: somebody else ends a frozen process; that is noticed at once.
func freezeDeath(t *testing.T, b Boxes) {
	if !b.Driver.Level().Freezes || runtime.GOOS != "linux" {
		t.Skip("needs a driver that freezes, and /proc")
	}
	box := b.Box(t, "freeze-death", sandbox.Limits{})
	token := Token(t)
	Start(t, box, "sleep", token)
	Expect(t, box, "ready\n")
	if err := box.Freeze(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range Found(token) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	Wait(t, box)
}

// freezeDestroy: a frozen box goes like any other, its children included.
func freezeDestroy(t *testing.T, b Boxes) {
	if !b.Driver.Level().Freezes {
		t.Skip("this driver does not freeze")
	}
	box := b.Box(t, "freeze-destroy", sandbox.Limits{})
	token := Token(t)
	Start(t, box, "sleep", token)
	Expect(t, box, "ready\n")
	if err := box.Freeze(); err != nil {
		t.Fatal(err)
	}
	box.Destroy()
	if n := Running(token); n != 0 {
		t.Errorf("%d processes are left", n)
	}
	if err := box.Freeze(); err == nil {
		t.Error("a box that is gone can be frozen")
	}
}

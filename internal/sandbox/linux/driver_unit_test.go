//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/sandbox"
)

func TestUIDs(t *testing.T) {
	u := newUIDs(1000, 3)
	var got []int
	for range 3 {
		uid, err := u.take()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, uid)
	}
	if fmt.Sprint(got) != "[1000 1001 1002]" {
		t.Errorf("took %v", got)
	}
	if _, err := u.take(); err == nil {
		t.Error("a fourth of three is given out")
	}
	u.release(1001)
	if uid, err := u.take(); uid != 1001 || err != nil {
		t.Errorf("took %d (%v), want the one that is free", uid, err)
	}
	u.release(1000)
	u.release(1002)
	if uid, _ := u.take(); uid != 1002 {
		t.Errorf("took %d, want the one that rested longest", uid)
	}
}

func TestBadConfig(t *testing.T) {
	for field, cfg := range map[string]Config{
		"Dir":          {Dir: "relative"},
		"UIDBase":      {Dir: "/x", UIDBase: 5},
		"UIDCount":     {Dir: "/x", UIDCount: 1 << 30},
		"TmpPool":      {Dir: "/x", TmpPool: 1000},
		"TmpMB":        {Dir: "/x", TmpMB: 1},
		"StartTimeout": {Dir: "/x", StartTimeout: -1},
	} {
		_, err := Open(context.Background(), cfg, slog.New(slog.DiscardHandler))
		if ebb.TypeOf(err) != ebb.TypeConfigInvalid || !strings.Contains(err.Error(), "sandbox."+field+":") {
			t.Errorf("%s: Open gives %v", field, err)
		}
	}
}

// TestTemplatesAreBounded: every size that was ever asked for must not stay.
func TestTemplatesAreBounded(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("loop devices need root")
	}
	dir := t.TempDir()
	leftover := filepath.Join(dir, "image-123")
	if err := os.WriteFile(leftover, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := openTmp(context.Background(), dir, minTmpMB, 1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer store.close()
	if exists(leftover) {
		t.Error("a half-made image survives the next start")
	}
	for i := range maxTemplates + 3 {
		mount, err := store.take(context.Background(), minTmpMB+1+i)
		if err != nil {
			t.Fatal(err)
		}
		_ = mount.Close()
	}
	paths, err := filepath.Glob(filepath.Join(dir, templatePrefix+"*"))
	if err != nil || len(paths) != maxTemplates {
		t.Errorf("%d templates are kept (%v)", len(paths), err)
	}
	if _, err := store.take(context.Background(), minTmpMB-1); err == nil {
		t.Error("a /tmp too small to format is made")
	}
}

// TestCheck leaves nothing in the directory and does not mind a driver there.
func TestCheck(t *testing.T) {
	dir := t.TempDir()
	d := open(t, dir)
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	level, err := Check(dir)
	if err != nil || level.Name != d.Level().Name {
		t.Errorf("Check gives %+v, %v", level, err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the directory holds %v", entries)
	}
	if _, err := Check(filepath.Join(dir, "not", "yet")); err != nil {
		t.Errorf("Check of a directory to be made: %v", err)
	}
}

// TestCreateGivesUp when the caller does, wherever it is by then.
func TestCreateGivesUp(t *testing.T) {
	d := open(t, t.TempDir())
	for i := range 20 {
		ctx, cancel := context.WithCancel(context.Background())
		go cancel()
		box, err := d.Create(ctx, sandbox.Spec{ID: fmt.Sprintf("give-up-%d", i)})
		if err == nil {
			box.Destroy()
		} else if ebb.KindOf(err) != ebb.Unavailable {
			t.Errorf("Create gives %v", err)
		}
	}
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	wantNothing(t, d.cfg.Dir)
}

// TestCloseWhileCreating: no box slips through.
func TestCloseWhileCreating(t *testing.T) {
	d := open(t, t.TempDir())
	created := make(chan error, 8)
	for i := range cap(created) {
		go func() {
			_, err := d.Create(context.Background(), sandbox.Spec{ID: fmt.Sprintf("late-%d", i)})
			created <- err
		}()
	}
	if err := d.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for range cap(created) {
		if err := <-created; err != nil && !strings.Contains(err.Error(), "closed") {
			t.Error(err)
		}
	}
	wantNothing(t, d.cfg.Dir)
}

// TestInitEnds: the death of PID 1 is the end of the box, and is told.
func TestInitEnds(t *testing.T) {
	b := opened(t)
	created := b.Box(t, "init-ends", sandbox.Limits{})
	if err := created.(*box).init.Kill(); err != nil {
		t.Fatal(err)
	}
	<-created.Done()
	if exit := created.Exit(); exit != (sandbox.Exit{Code: -1, Signal: "killed"}) {
		t.Errorf("exit is %+v", exit)
	}
}

// TestInitStartsWhateverIsOpen: the child that becomes ebb-init puts descriptors where
// ebb has others. None of them may be its program.
func TestInitStartsWhateverIsOpen(t *testing.T) {
	const number = 300 // where nothing else is
	d := opened(t).Driver.(*Driver)
	at := func(f *os.File, number int) *os.File {
		fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, number)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(fd), f.Name())
	}
	d.init = at(d.init, number)
	for socket := number - 4; socket < number+4; socket++ {
		ours, theirs, err := socketPair(unix.SOCK_SEQPACKET)
		if err != nil {
			t.Fatal(err)
		}
		theirs = at(theirs, socket)
		init, err := d.startInit(theirs, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID})
		if err != nil {
			t.Errorf("with its socket at %d and its program at %d: %v", theirs.Fd(), d.init.Fd(), err)
		}
		if err = errors.Join(theirs.Close(), ours.Close()); err != nil {
			t.Error(err)
		}
		if init != nil {
			_, _ = init.Wait() // it ends with its socket
		}
	}
}

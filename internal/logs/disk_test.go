package logs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// fullEnv makes the test binary run fullDiskChild in a small file system of its
// own.
const fullEnv = "EBB_LOGS_FULL"

func background() context.Context { return context.Background() }

// TestWritingFails lets the disk refuse half-way through each write for a
// while: nobody waits, what does not fit memory is counted, and a line tells of
// it when the disk takes writes again.
func TestWritingFails(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Dir: dir, MaxFunctionBuffered: 2000})
		var full atomic.Bool
		s.write = func(f *os.File, b []byte, off int64) error {
			if full.Load() {
				_, _ = f.WriteAt(b[:len(b)/2], off)
				return &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
			}
			return writeAt(f, b, off)
		}
		running(t, s)
		start := time.Now()
		step := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		appendLines(s, start, 0, 3)
		step(time.Second)
		full.Store(true)
		appendLines(s, start, 3, 6) // taken by the flusher, which fails
		step(time.Second)
		appendLines(s, start, 6, 1000)
		step(5 * time.Second)
		st := s.Stats()
		if st.Dropped == 0 || st.Failures < 2 || st.Buffered == 0 || st.Buffered > 2*2000+100 {
			t.Errorf("%+v", st)
		}
		kept := 1000 - int(st.Dropped)
		if diff := cmp.Diff(numbered(0, kept), texts(collect(t, s, Query{}))); diff != "" {
			t.Error(diff)
		}
		full.Store(false)
		step(2 * time.Second)
		appendLines(s, start, 2000, 2001)
		step(time.Second)
		told := fmt.Sprintf("%d log lines were dropped: no space left on device", st.Dropped)
		want := append(numbered(0, kept), told, "line 2000")
		s.Stream(key).Append(Entry{Time: time.Now(), Text: []byte("the end")})
		got := collect(t, s, Query{})
		have := map[string]bool{}
		for _, e := range got {
			have[string(e.Text)] = true
			if string(e.Text) == told && (e.Kind != Platform || e.Level != "WARN") {
				t.Errorf("%+v", e)
			}
		}
		for _, w := range want {
			if !have[w] {
				t.Errorf("no line %q", w)
			}
		}
		if len(got) != len(want)+1 {
			t.Errorf("%d lines, want %d", len(got), len(want)+1)
		}
	})
	// The bubble's clock began long ago.
	s := open(t, Config{Dir: dir, Retention: 100 * 365 * 24 * time.Hour})
	if got := collect(t, s, Query{Contains: "were dropped"}); len(got) != 1 {
		t.Errorf("%v", texts(got))
	}
	if s.Stats().Damaged != 0 {
		t.Error("half a frame was left in the file")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := open(t, Config{MaxBuffered: 5000})
	for i := range 100 {
		k := key
		k.Name = fmt.Sprintf("f%d", i)
		for range 10 {
			s.Stream(k).Append(line(time.Now(), "a line of some length"))
		}
	}
	st := s.Stats()
	if st.Buffered > 5000 || st.Dropped == 0 || st.Lines+st.Dropped != 1000 {
		t.Errorf("%+v", st)
	}
	s.flushDirty()
	told := 0
	for i := range 100 {
		k := key
		k.Name = fmt.Sprintf("f%d", i)
		told += len(collect(t, s, Query{FunctionKey: k, Contains: "log lines were dropped: the log buffer was full"}))
	}
	if told < 90 {
		t.Errorf("%d functions were told that lines were dropped", told)
	}
}

// TestFullDisk fills a real file system, in a mount namespace of its own.
func TestFullDisk(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("mounting needs root")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fullEnv+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "cannot mount") || strings.Contains(fmt.Sprint(err), "operation not permitted") {
		t.Skipf("%v: %s", err, out)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func fullDiskChild(dir string) int {
	fail := func(format string, args ...any) int {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
		return 1
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fail("cannot mount: %v", err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		return fail("cannot mount: %v", err)
	}
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 512<<10), 0o600); err != nil {
		return fail("%v", err)
	}
	s, err := Open(Config{Dir: filepath.Join(dir, "logs"), MaxFunctionBuffered: 64 << 10}, quiet())
	if err != nil {
		return fail("open: %v", err)
	}
	const batches, lines = 200, 100
	failed := 0
	for i := range batches {
		appendLines(s, time.Now(), i*lines, (i+1)*lines)
		if left := s.flushDirty(); len(left) > 0 {
			failed++
			s.requeue(left)
		}
	}
	st := s.Stats()
	if failed == 0 || st.Dropped == 0 {
		return fail("the disk did not fill up: %+v", st)
	}
	if err := os.Remove(filler); err != nil {
		return fail("%v", err)
	}
	if left := s.flushDirty(); len(left) > 0 {
		return fail("still failing with space: %s", left[0].reason)
	}
	s.sealAll(background())
	if s, err = Open(s.cfg, quiet()); err != nil {
		return fail("open: %v", err)
	}
	got, err := collectErr(background(), s, Query{})
	if err != nil || len(got) != batches*lines-int(st.Dropped)+1 || s.Stats().Damaged != 0 {
		return fail("%d lines, %v, %+v", len(got), err, s.Stats())
	}
	told, err := collectErr(background(), s, Query{Contains: fmt.Sprintf("%d log lines were dropped: no space left on device", st.Dropped)})
	if err != nil || len(told) != 1 {
		return fail("%v, %v", texts(told), err)
	}
	return 0
}

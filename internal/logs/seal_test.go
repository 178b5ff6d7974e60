package logs

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestSealedAtSizeAndAge(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Dir: dir, SegmentBytes: 4000, SegmentAge: time.Hour})
		running(t, s)
		step := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		for i := range 100 {
			appendLines(s, time.Now(), i, i+1)
			step(time.Second)
		}
		var plain, sealed int
		for _, name := range files(t, s) {
			if strings.HasSuffix(name, sealedExt) {
				sealed++
			} else {
				plain++
			}
		}
		if plain != 1 || sealed < 2 {
			t.Errorf("%v", files(t, s))
		}
		step(2 * time.Hour)
		for _, name := range files(t, s) {
			if !strings.HasSuffix(name, sealedExt) {
				t.Errorf("not sealed by its age: %v", files(t, s))
			}
		}
		if got := collect(t, s, Query{}); len(got) != 100 {
			t.Errorf("%d lines", len(got))
		}
		checkDisk(t, s)
		// The same again, for what an earlier process left open.
		appendLines(s, time.Now(), 100, 101)
		step(time.Second)
	})
	if got := texts(collect(t, open(t, Config{Dir: dir, Retention: 100 * 365 * 24 * time.Hour}), Query{})); len(got) != 101 {
		t.Errorf("%d lines", len(got))
	}
}

func TestSealingCompresses(t *testing.T) {
	s := open(t, Config{})
	appendLines(s, time.Now(), 0, 20000)
	s.flushDirty()
	before := s.Stats().Disk
	sealEverything(t, s)
	if after := s.Stats().Disk; after > before/5 {
		t.Errorf("%d bytes became %d", before, after)
	}
	checkDisk(t, s)
}

func TestSealingFailsAndIsTriedAgain(t *testing.T) {
	s := open(t, Config{})
	appendLines(s, time.Now(), 0, 100)
	s.flushDirty()
	if err := s.Stream(key).rotate(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	s.write = func(*os.File, []byte, int64) error { return syscall.ENOSPC }
	s.sealAll(t.Context())
	onlyFile(t, s, openExt)
	s.write = writeAt
	s.sealAll(t.Context())
	onlyFile(t, s, sealedExt)
	if got := collect(t, s, Query{}); len(got) != 100 {
		t.Errorf("%d lines", len(got))
	}
}

// TestSealingMeetsDelete removes the log while a segment of it is compressed.
func TestSealingMeetsDelete(t *testing.T) {
	s := open(t, Config{})
	appendLines(s, time.Now(), 0, 100)
	s.flushDirty()
	if err := s.Stream(key).rotate(time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	s.write = func(f *os.File, b []byte, off int64) error {
		return errors.Join(s.Delete(key), writeAt(f, b, off))
	}
	s.sealAll(t.Context())
	if got := files(t, s); len(got) != 0 {
		t.Errorf("left: %v", got)
	}
	checkDisk(t, s)
}

func TestRetentionByAge(t *testing.T) {
	s := open(t, Config{Retention: 24 * time.Hour})
	old := time.Now().Add(-23 * time.Hour)
	appendLines(s, old, 0, 10)
	sealEverything(t, s)
	appendLines(s, old.Add(2*time.Hour), 10, 20)
	sealEverything(t, s)
	appendLines(s, time.Now(), 20, 30)
	s.flushDirty()
	s.retain(time.Now())
	if n := len(collect(t, s, Query{})); n != 30 {
		t.Fatalf("%d lines", n)
	}
	s.retain(time.Now().Add(2 * time.Hour))
	if diff := cmp.Diff(numbered(10, 30), texts(collect(t, s, Query{}))); diff != "" {
		t.Error(diff)
	}
	// Lines past their age are not shown, though their segment is kept for others.
	s.Stream(key).Append(line(time.Now().Add(-25*time.Hour), "too old"))
	if got := collect(t, s, Query{Contains: "too old"}); len(got) > 0 {
		t.Error("a line past its age is shown")
	}
	s.flushDirty()
	s.retain(time.Now().Add(1000 * time.Hour)) // open segments go as well
	if got := files(t, s); len(got) != 0 || s.Stats().Disk != 0 {
		t.Errorf("left: %v, %+v", got, s.Stats())
	}
	appendLines(s, time.Now(), 0, 1)
	s.flushDirty()
	if got := texts(collect(t, s, Query{})); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestRetentionByBytes(t *testing.T) {
	noise := func(s *Store, k ebb.FunctionKey, at time.Time) {
		b := make([]byte, 10<<10)
		x := uint32(at.UnixNano())
		for i := range b {
			x = x*1664525 + 1013904223
			b[i] = byte(x >> 24)
		}
		s.Stream(k).Append(Entry{Time: at, Text: b})
		sealEverything(t, s)
	}
	loud := ebb.FunctionKey{Service: ebb.DefaultService, Name: "loud"}
	s := open(t, Config{MaxBytes: 150 << 10, MaxFunctionBytes: 100 << 10})
	start := time.Now().Add(-time.Hour)
	for i := range 5 {
		noise(s, key, start.Add(time.Duration(i)*time.Second))
	}
	for i := range 20 {
		noise(s, loud, start.Add(time.Duration(i)*time.Minute))
		s.retain(time.Now())
	}
	if st := s.Stats(); st.Disk > 150<<10 || st.Segments < 12 {
		t.Errorf("%+v", st)
	}
	// The loud function loses its own old lines before it costs the quiet one its.
	if n := len(collect(t, s, Query{})); n < 4 {
		t.Errorf("the quiet function has %d lines left", n)
	}
	if n := len(collect(t, s, Query{FunctionKey: loud})); n < 8 || n > 10 {
		t.Errorf("the loud function has %d lines left", n)
	}
	s.cfg.MaxBytes = 50 << 10
	s.retain(time.Now())
	if st := s.Stats(); st.Disk > 50<<10 || st.Segments == 0 {
		t.Errorf("%+v", st)
	}
	if n := len(collect(t, s, Query{})); n != 0 { // the oldest of all
		t.Errorf("%d of the oldest lines are left", n)
	}
	checkDisk(t, s)
}

package logs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestEntryComesBackWhole(t *testing.T) {
	s := open(t, Config{})
	want := Entry{
		Time: time.Now().UTC().Truncate(time.Nanosecond), Kind: Platform, Level: "ERROR", Request: "5c3f", Version: "7", Instance: "i-9",
		Text: []byte("two\nlines\x00 and \xff\r\n{\"not\":\"a record\"}"),
	}
	s.Stream(key).Append(want)
	s.Stream(key).Append(Entry{Text: nil, Kind: Extension})
	for _, step := range []func(){
		func() {},
		func() { s.flushDirty() },
		func() { sealEverything(t, s) },
		func() { s = open(t, s.cfg) },
	} {
		step()
		got := collect(t, s, Query{})
		if len(got) != 2 || !bytes.Equal(got[0].Text, want.Text) || !got[0].Time.Equal(want.Time) {
			t.Fatalf("%+v", got)
		}
		if diff := cmp.Diff(want, got[0]); diff != "" {
			t.Error(diff)
		}
		if got[1].Kind != Extension || len(got[1].Text) != 0 || time.Since(got[1].Time) > time.Minute {
			t.Errorf("%+v", got[1])
		}
	}
	for k, name := range map[Kind]string{Function: "function", Platform: "platform", Extension: "extension"} {
		if k.String() != name {
			t.Errorf("%d is %q", k, k)
		}
	}
}

func TestLongLinesAreCut(t *testing.T) {
	s := open(t, Config{MaxLine: 10})
	now := time.Now()
	for i, text := range []string{"0123456789", "0123456789x", "12345678é--", "123456789é"} {
		s.Stream(key).Append(line(now.Add(time.Duration(i)), text))
	}
	s.Stream(key).Append(Entry{Time: now.Add(9), Level: strings.Repeat("L", 300), Text: []byte("x")})
	got := collect(t, s, Query{})
	want := []string{"0123456789", "0123456789… [line cut: 11 bytes]", "12345678é… [line cut: 12 bytes]", "123456789… [line cut: 11 bytes]", "x"}
	if diff := cmp.Diff(want, texts(got)); diff != "" {
		t.Error(diff)
	}
	if len(got[4].Level) != maxField || s.Stats().Cut != 3 {
		t.Errorf("level of %d bytes, %d cut", len(got[4].Level), s.Stats().Cut)
	}
}

// TestSameAsModel appends, flushes, seals and reopens in any order and compares
// every query with a plain list.
func TestSameAsModel(t *testing.T) {
	base := time.Now().Add(-time.Hour).UTC()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			rt.Fatal(err)
		}
		cfg := Config{Dir: dir, SegmentBytes: int64(rapid.IntRange(200, 4000).Draw(rt, "segment bytes"))}
		s := open(t, cfg)
		var model []Entry
		step := rapid.IntRange(0, 50)
		word := rapid.SampledFrom([]string{"alpha", "beta", "alphabet", "", "\n", "γ\x00"})
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				for range rapid.IntRange(1, 30).Draw(rt, "lines") {
					at := base.Add(time.Duration(len(model)/3) * time.Second)
					if rapid.Bool().Draw(rt, "out of order") {
						at = base.Add(time.Duration(step.Draw(rt, "at")) * time.Second)
					}
					e := line(at, word.Draw(rt, "text"))
					e.Request = ebb.InvocationID(fmt.Sprintf("r-%d", rapid.IntRange(0, 3).Draw(rt, "request")))
					e.Instance = ebb.InstanceID(fmt.Sprint(len(model))) // tells equal ones apart
					model = append(model, e)
					s.Stream(key).Append(e)
				}
			},
			"flush":           func(*rapid.T) { s.flushDirty() },
			"seal":            func(*rapid.T) { s.sealAll(t.Context()) },
			"seal everything": func(*rapid.T) { sealEverything(t, s) },
			"reopen": func(*rapid.T) {
				s.flushDirty()
				s = open(t, cfg)
			},
			"": func(rt *rapid.T) {
				q := Query{FunctionKey: key, Contains: word.Draw(rt, "contains"), Limit: rapid.IntRange(0, 40).Draw(rt, "limit"), Newest: rapid.Bool().Draw(rt, "newest")}
				if rapid.Bool().Draw(rt, "bounded") {
					q.Since = base.Add(time.Duration(step.Draw(rt, "since")) * time.Second)
					q.Until = q.Since.Add(time.Duration(step.Draw(rt, "for")) * time.Second)
				}
				if rapid.Bool().Draw(rt, "one request") {
					q.Request = "r-1"
				}
				got, err := collectErr(t.Context(), s, q)
				if err != nil {
					rt.Fatal(err)
				}
				if diff := cmp.Diff(selected(model, q), got); diff != "" {
					rt.Fatal(diff)
				}
			},
		})
		if d := s.Stats(); d.Damaged != 0 || d.Dropped != 0 || d.Failures != 0 {
			rt.Fatalf("%+v", d)
		}
	})
}

func selected(model []Entry, q Query) (out []Entry) {
	for _, e := range model {
		if (q.Since.IsZero() || !e.Time.Before(q.Since)) && (q.Until.IsZero() || e.Time.Before(q.Until)) &&
			(q.Request == "" || e.Request == q.Request) && strings.Contains(string(e.Text), q.Contains) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b Entry) int { return a.Time.Compare(b.Time) })
	if n := q.Limit; n > 0 && len(out) > n {
		if q.Newest {
			return out[len(out)-n:]
		}
		return out[:n]
	}
	return out
}

func TestFlushedAfterInterval(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := open(t, Config{Dir: dir})
		running(t, s)
		synctest.Wait()
		s.Stream(key).Append(line(time.Now(), "x"))
		synctest.Wait()
		if s.Stats().Buffered == 0 {
			t.Error("flushed at once: lines are not gathered")
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if st := s.Stats(); st.Buffered != 0 || st.Disk == 0 {
			t.Errorf("not flushed after the interval: %+v", st)
		}
		// A large buffer does not wait.
		for range 3 {
			s.Stream(key).Append(Entry{Time: time.Now(), Text: make([]byte, 100<<10)})
		}
		synctest.Wait()
		if st := s.Stats(); st.Buffered != 0 {
			t.Errorf("a large buffer waits: %+v", st)
		}
	})
}

func TestRunDrainsAtTheEnd(t *testing.T) {
	s := open(t, Config{FlushInterval: time.Hour})
	stop := running(t, s)
	appendLines(s, time.Now(), 0, 100)
	stop()
	if err := s.Run(t.Context()); err == nil {
		t.Error("Run ran twice")
	}
	if len(s.files.byPath) != 0 {
		t.Error("files are still open")
	}
	again := open(t, s.cfg)
	if diff := cmp.Diff(numbered(0, 100), texts(collect(t, again, Query{}))); diff != "" {
		t.Error(diff)
	}
}

func TestManyWritersAndReaders(t *testing.T) {
	s := open(t, Config{SegmentBytes: 20 << 10, FlushInterval: time.Millisecond})
	stop := running(t, s)
	const functions, writers, lines = 5, 4, 500
	name := func(i int) ebb.FunctionKey {
		return ebb.FunctionKey{Service: ebb.DefaultService, Name: fmt.Sprintf("f%d", i%functions)}
	}
	var wg sync.WaitGroup
	for i := range functions * writers {
		wg.Go(func() {
			st := s.Stream(name(i))
			for n := range lines {
				st.Append(Entry{Text: fmt.Appendf(nil, "writer %d line %d", i, n), Request: "r"})
			}
		})
		wg.Go(func() {
			for range 5 {
				if _, err := collectErr(t.Context(), s, Query{FunctionKey: name(i), Contains: "7"}); err != nil {
					t.Error(err)
				}
				s.Stats()
			}
		})
	}
	wg.Wait()
	stop()
	for i := range functions {
		seen := make(map[string]bool)
		for _, e := range collect(t, s, Query{FunctionKey: name(i)}) {
			seen[string(e.Text)] = true
		}
		if len(seen) != writers*lines {
			t.Errorf("%v has %d lines, want %d", name(i), len(seen), writers*lines)
		}
	}
	if st := s.Stats(); st.Lines != functions*writers*lines || st.Dropped != 0 || st.Buffered != 0 || st.Damaged != 0 {
		t.Errorf("%+v", st)
	}
}

func TestManyFunctionsFewDescriptors(t *testing.T) {
	s := open(t, Config{MaxOpenFiles: 20})
	const functions = 1500
	for range 2 {
		for i := range functions {
			s.Stream(ebb.FunctionKey{Service: ebb.DefaultService, Name: fmt.Sprintf("f%d", i)}).Append(line(time.Now(), "x"))
		}
		s.flushDirty()
	}
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	if len(fds) > 100 || len(s.files.byPath) != 20 {
		t.Errorf("%d descriptors are open, %d of them segments", len(fds), len(s.files.byPath))
	}
	if again := open(t, s.cfg).Stats(); again.Functions != functions || again.Segments != functions {
		t.Errorf("%+v", again)
	}
}

func TestDelete(t *testing.T) {
	s := open(t, Config{})
	other := ebb.FunctionKey{Service: ebb.DefaultService, Name: "other"}
	s.Stream(other).Append(line(time.Now(), "stays"))
	appendLines(s, time.Now(), 0, 10)
	sealEverything(t, s)
	appendLines(s, time.Now(), 10, 20)
	s.flushDirty()
	appendLines(s, time.Now(), 20, 30)
	st := s.Stream(key)
	if err := s.Delete(key); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, s, Query{}); len(got) != 0 || len(files(t, s)) != 0 {
		t.Errorf("left: %v, %v", texts(got), files(t, s))
	}
	if err := s.Delete(ebb.FunctionKey{Service: ebb.DefaultService, Name: "never"}); err != nil {
		t.Error(err)
	}
	st.Append(line(time.Now(), "anew"))
	s.flushDirty()
	s = open(t, s.cfg)
	if diff := cmp.Diff([]string{"anew"}, texts(collect(t, s, Query{}))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"stays"}, texts(collect(t, s, Query{FunctionKey: other}))); diff != "" {
		t.Error(diff)
	}
	checkDisk(t, s)
}

func TestKeysThatNameNoFolder(t *testing.T) {
	s := open(t, Config{})
	for _, k := range []ebb.FunctionKey{{}, {Service: "..", Name: ".."}, {Service: ebb.DefaultService, Name: "../x"}} {
		s.Stream(k).Append(line(time.Now(), "x"))
		if got := collect(t, s, Query{FunctionKey: k}); k.Name != "" && len(got) > 0 {
			t.Errorf("%v: %v", k, got)
		}
		if err := s.Delete(k); err != nil {
			t.Error(err)
		}
	}
	s.flushDirty()
	if es, err := os.ReadDir(s.cfg.Dir); err != nil || len(es) > 0 || s.Stats().Dropped != 3 {
		t.Errorf("%v, %v, %+v", es, err, s.Stats())
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []Config{{}, {Dir: "x", Retention: -1}, {Dir: "x", MaxLine: 1 << 30}, {Dir: "x", MaxBytes: -1}} {
		if _, err := Open(c, quiet()); ebb.TypeOf(err) != ebb.TypeConfigInvalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestAppendAllocatesNothing(t *testing.T) {
	s := open(t, Config{MaxFunctionBuffered: 64 << 20, MaxBuffered: 64 << 20})
	st := s.Stream(key)
	e := line(time.Now(), strings.Repeat("x", 100))
	// The buffer grows now and then: far less than one allocation a line.
	if n := testing.AllocsPerRun(20000, func() { st.Append(e) }); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}

// checkDisk compares the running count of bytes with the files.
func checkDisk(t *testing.T, s *Store) {
	t.Helper()
	var want int64
	err := filepath.Walk(s.cfg.Dir, func(_ string, fi os.FileInfo, err error) error {
		if err == nil && fi.Mode().IsRegular() {
			want += fi.Size()
		}
		return err
	})
	if got := s.Stats().Disk; err != nil || got != want {
		t.Errorf("counted %d bytes on disk, there are %d (%v)", got, want, err)
	}
}

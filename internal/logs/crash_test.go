package logs

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// killedEnv makes the test binary append lines until it is killed.
const killedEnv = "EBB_LOGS_KILLED"

// TestTornTail cuts the open segment after every so many bytes, as a crash in
// the middle of a write does: whole frames stay, the rest is cut off, and
// writing goes on.
func TestTornTail(t *testing.T) {
	s := open(t, Config{})
	start := time.Now()
	for i := range 5 {
		appendLines(s, start, i*2, i*2+2)
		s.flushDirty()
	}
	whole, err := os.ReadFile(onlyFile(t, s, openExt))
	if err != nil {
		t.Fatal(err)
	}
	frame := len(whole) / 5
	for cut := 0; cut <= len(whole); cut += 7 {
		s := open(t, Config{})
		path := s.Stream(key).dir
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+"/"+openName(3), whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		s = open(t, s.cfg)
		kept := cut / frame * 2
		if diff := cmp.Diff(numbered(0, kept), texts(collect(t, s, Query{}))); diff != "" {
			t.Fatalf("cut at %d: %s", cut, diff)
		}
		appendLines(s, start, kept, 10)
		s.flushDirty()
		s = open(t, s.cfg)
		if diff := cmp.Diff(numbered(0, 10), texts(collect(t, s, Query{}))); diff != "" {
			t.Fatalf("cut at %d, then written: %s", cut, diff)
		}
		if st := s.Stats(); st.Damaged != 0 || st.Segments != 1 {
			t.Fatalf("cut at %d: %+v", cut, st)
		}
		checkDisk(t, s)
	}
}

// TestLeftOvers opens what is there when sealing was killed half-way.
func TestLeftOvers(t *testing.T) {
	s := open(t, Config{})
	appendLines(s, time.Now(), 0, 10)
	s.flushDirty()
	plain := onlyFile(t, s, openExt)
	b, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	sealEverything(t, s)
	sealed := onlyFile(t, s, sealedExt)
	for _, name := range []string{plain, plain + tmpExt} { // renamed, not yet removed; and written, not yet renamed
		if err := os.WriteFile(name, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(s.Stream(key).dir+"/README", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open(t, s.cfg)
	if diff := cmp.Diff(numbered(0, 10), texts(collect(t, s, Query{}))); diff != "" {
		t.Error(diff)
	}
	if got := files(t, s); len(got) != 2 || !strings.HasSuffix(sealed, got[0]) {
		t.Errorf("%v", got)
	}
}

func TestDamage(t *testing.T) {
	const n = 20000 // several frames
	start := time.Now()
	cases := map[string]struct {
		sealed bool
		at     float64 // where a byte is changed, as part of the file
		lost   bool
	}{
		"sealed, in the middle": {true, 0.5, true},
		"sealed, first byte":    {true, 0, true},
		"sealed, its index":     {true, 0.99999, false},
		"open, in the middle":   {false, 0.5, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := open(t, Config{})
			for i := range 10 {
				appendLines(s, start, i*n/10, (i+1)*n/10)
				s.flushDirty()
			}
			ext := openExt
			if c.sealed {
				sealEverything(t, s)
				ext = sealedExt
			}
			path := onlyFile(t, s, ext)
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[int(c.at*float64(len(b)))] ^= 0xff
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
			s = open(t, s.cfg)
			for range 2 {
				got := len(collect(t, s, Query{}))
				if c.lost && (got == n || got < n/2) || !c.lost && got != n {
					t.Errorf("%d of %d lines", got, n)
				}
			}
			if st := s.Stats(); st.Damaged != 1 {
				t.Errorf("%d damaged segments were counted", st.Damaged)
			}
			// A damaged file is no obstacle to going on.
			got := len(collect(t, s, Query{}))
			appendLines(s, start, n, n+1)
			sealEverything(t, s)
			if after := len(collect(t, s, Query{})); after != got+1 {
				t.Errorf("%d lines, then %d", got, after)
			}
		})
	}
}

// TestKilled kills a process that appends and seals as fast as it can. All that
// it knew to be flushed must be there, each line once, in order.
func TestKilled(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for round := range 3 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), killedEnv+"="+dir)
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		first, last := -1, -1
		for sc := bufio.NewScanner(out); sc.Scan(); {
			if _, err := fmt.Sscan(sc.Text(), &last); err != nil {
				t.Fatal(err)
			}
			if first < 0 {
				first = last
			}
			if last > first+20000 {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		_ = cmd.Wait() // killed
		s := open(t, Config{Dir: dir})
		got := texts(collect(t, s, Query{}))
		if len(got) < last {
			t.Fatalf("round %d: %d lines, %d were flushed", round, len(got), last)
		}
		if diff := cmp.Diff(numbered(0, len(got)), got); diff != "" {
			t.Fatal(diff[:min(len(diff), 2000)])
		}
		if s.Stats().Damaged != 0 {
			t.Error("a torn tail was taken for damage")
		}
		checkDisk(t, s)
	}
}

// killedChild goes on where the last one was killed and prints how many lines
// are flushed.
func killedChild(dir string) int {
	s, err := Open(Config{Dir: dir, SegmentBytes: 100 << 10}, quiet())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	n := 0
	err = s.Query(background(), Query{FunctionKey: key}, func(Entry) error { n++; return nil })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	start := time.Now().Add(-time.Hour)
	for {
		appendLines(s, start, n, n+100)
		n += 100
		if len(s.flushDirty()) > 0 {
			return 1
		}
		fmt.Println(n)
		s.sealAll(background())
	}
}

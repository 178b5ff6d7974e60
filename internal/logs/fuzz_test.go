package logs

import (
	"os"
	"testing"
	"time"
)

// FuzzSegment puts arbitrary bytes in the place of a segment. Reading must end,
// and a line appended afterwards must come back. It is a hundred times faster
// with TMPDIR on a memory file system and -fuzzminimizetime 20x.
func FuzzSegment(f *testing.F) {
	s := open(f, Config{})
	appendLines(s, time.Now(), 0, 20)
	s.flushDirty()
	for _, seal := range []bool{false, true} {
		ext := openExt
		if seal {
			sealEverything(f, s)
			ext = sealedExt
		}
		b, err := os.ReadFile(onlyFile(f, s, ext))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, seal)
	}
	f.Fuzz(func(t *testing.T, b []byte, sealed bool) {
		s := open(t, Config{})
		name := openName(1)
		if sealed {
			name = sealedName(1, extent{min: -1 << 62, max: 1 << 62})
		}
		dir := s.Stream(key).dir
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(dir+"/"+name, b, 0o600); err != nil {
			t.Fatal(err)
		}
		s = open(t, s.cfg)
		s.Stream(key).Append(line(time.Now(), "fresh"))
		s.flushDirty()
		for _, q := range []Query{{Contains: "fresh"}, {Contains: "fresh", Newest: true, Limit: 1000000}} {
			if got := collect(t, s, q); len(got) == 0 {
				t.Error("the new line is gone")
			}
		}
		sealEverything(t, s) // also what is damaged: it must not be tried for ever
	})
}

func FuzzRecord(f *testing.F) {
	e := line(time.Unix(1, 0), "text")
	f.Add(appendRecord(nil, &e, 1, 100))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, size, ok := parseRecord(b)
		if !ok {
			return
		}
		var rd reader
		back := rd.entry(&r)
		again := appendRecord(nil, &back, r.time, maxFrame)
		if string(again) != string(b[:size]) {
			t.Errorf("%x became %x", b[:size], again)
		}
	})
}

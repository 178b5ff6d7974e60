package logs

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(killedEnv) != "":
		os.Exit(killedChild(os.Getenv(killedEnv)))
	case os.Getenv(fullEnv) != "":
		os.Exit(fullDiskChild(os.Getenv(fullEnv)))
	}
	goleak.VerifyTestMain(m)
}

var key = ebb.FunctionKey{Service: ebb.DefaultService, Name: "hello"}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func open(t testing.TB, cfg Config) *Store {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	s, err := Open(cfg, quiet())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// line is an entry as a test writes it down.
func line(at time.Time, text string) Entry {
	return Entry{Time: at, Text: []byte(text), Request: "r-1", Version: "$LATEST", Instance: "i-1", Level: "INFO"}
}

func collect(t testing.TB, s *Store, q Query) []Entry {
	t.Helper()
	out, err := collectErr(t.Context(), s, q)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func collectErr(ctx context.Context, s *Store, q Query) (out []Entry, err error) {
	if q.FunctionKey == (ebb.FunctionKey{}) {
		q.FunctionKey = key
	}
	err = s.Query(ctx, q, func(e Entry) error {
		e.Text = slices.Clone(e.Text)
		out = append(out, e)
		return nil
	})
	return out, err
}

func texts(entries []Entry) []string {
	out := []string{}
	for _, e := range entries {
		out = append(out, string(e.Text))
	}
	return out
}

// sealEverything flushes, ends every active segment and seals it.
func sealEverything(t testing.TB, s *Store) {
	t.Helper()
	if failed := s.flushDirty(); len(failed) > 0 {
		t.Fatal("flush failed")
	}
	for _, st := range s.all() {
		if err := st.rotate(time.Unix(0, math.MaxInt64)); err != nil {
			t.Fatal(err)
		}
	}
	s.sealAll(t.Context())
	for _, st := range s.all() {
		if left := st.closed(); len(left) > 0 {
			t.Fatalf("%d segments were not sealed", len(left))
		}
	}
}

// files lists the names in the stream's folder.
func files(t testing.TB, s *Store) []string {
	t.Helper()
	es, err := os.ReadDir(s.Stream(key).dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	out := []string{}
	for _, e := range es {
		out = append(out, e.Name())
	}
	return out
}

func onlyFile(t testing.TB, s *Store, ext string) string {
	t.Helper()
	names := files(t, s)
	if len(names) != 1 || !strings.HasSuffix(names[0], ext) {
		t.Fatalf("files %v, want one %s", names, ext)
	}
	return filepath.Join(s.Stream(key).dir, names[0])
}

func numbered(from, to int) []string {
	out := []string{}
	for i := from; i < to; i++ {
		out = append(out, fmt.Sprintf("line %d", i))
	}
	return out
}

// appendLines appends lines from to to-1, a millisecond apart.
func appendLines(s *Store, start time.Time, from, to int) {
	st := s.Stream(key)
	for i := from; i < to; i++ {
		st.Append(line(start.Add(time.Duration(i)*time.Millisecond), fmt.Sprintf("line %d", i)))
	}
}

// running runs the store until the test ends, or stop is called.
func running(t testing.TB, s *Store) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(stop)
	return stop
}

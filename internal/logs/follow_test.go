package logs

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// follower starts a query that follows and returns its lines and its end.
func follower(ctx context.Context, s *Store, q Query) (lines chan string, end chan error) {
	lines, end = make(chan string, 100_000), make(chan error, 1)
	q.FunctionKey, q.Follow = key, true
	go func() {
		end <- s.Query(ctx, q, func(e Entry) error {
			lines <- string(e.Text)
			return nil
		})
	}()
	return lines, end
}

func receive(t *testing.T, lines chan string, n int) []string {
	t.Helper()
	out := []string{}
	late := time.After(30 * time.Second)
	for len(out) < n {
		select {
		case l := <-lines:
			out = append(out, l)
		case <-late:
			t.Fatalf("%d of %d lines came", len(out), n)
		}
	}
	return out
}

func TestFollow(t *testing.T) {
	s := open(t, Config{})
	start := time.Now()
	appendLines(s, start, 0, 5)
	s.flushDirty()
	s = open(t, s.cfg) // what an earlier process left in an open segment
	appendLines(s, start, 5, 10)
	ctx, cancel := context.WithCancel(t.Context())
	lines, end := follower(ctx, s, Query{Limit: 7, Newest: true})
	if diff := cmp.Diff(numbered(3, 10), receive(t, lines, 7)); diff != "" {
		t.Fatal(diff)
	}
	// New lines come from memory, from the open segment, from a sealed one.
	n := 10
	for _, after := range []func(){
		func() {}, func() { s.flushDirty() }, func() { sealEverything(t, s) }, func() { s.flushDirty() },
	} {
		appendLines(s, start, n, n+10)
		after()
		if diff := cmp.Diff(numbered(n, n+10), receive(t, lines, 10)); diff != "" {
			t.Fatal(diff)
		}
		n += 10
	}
	cancel()
	if err := <-end; err != nil || len(lines) > 0 {
		t.Errorf("%v, %d lines more", err, len(lines))
	}
	if st := s.Stream(key); len(st.followers) != 0 {
		t.Error("the follower is still listed")
	}
}

// TestFollowEverything follows while lines are written, flushed and sealed as
// fast as possible: each must come once and in order.
func TestFollowEverything(t *testing.T) {
	s := open(t, Config{SegmentBytes: 10 << 10, FlushInterval: time.Millisecond})
	stop := running(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	lines, end := follower(ctx, s, Query{})
	filtered, endFiltered := follower(ctx, s, Query{Contains: "00"})
	const n = 20000
	appendLines(s, time.Now(), 0, n)
	if diff := cmp.Diff(numbered(0, n), receive(t, lines, n)); diff != "" {
		t.Error(diff[:min(len(diff), 2000)])
	}
	got := receive(t, filtered, 1)
	if got[0] != "line 100" {
		t.Errorf("%q", got)
	}
	stop() // a store that has ended has nothing more to follow
	for _, c := range []chan error{end, endFiltered} {
		if err := <-c; err != nil {
			t.Error(err)
		}
	}
}

func TestQueryEndsWithErrors(t *testing.T) {
	s := open(t, Config{})
	appendLines(s, time.Now(), 0, 1000)
	full := errors.New("the reader went away")
	for _, q := range []Query{{}, {Follow: true}, {Newest: true, Limit: 10}} {
		q.FunctionKey = key
		if err := s.Query(t.Context(), q, func(Entry) error { return full }); !errors.Is(err, full) {
			t.Errorf("%+v: %v", q, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := s.Query(ctx, Query{FunctionKey: key}, func(Entry) error {
		if n++; n == 100 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n == 1000 {
		t.Errorf("%v after %d", err, n)
	}
}

// TestQuerySeesSealing lets the files of a view be replaced before it is read.
func TestQuerySeesSealing(t *testing.T) {
	s := open(t, Config{})
	start := time.Now()
	appendLines(s, start, 0, 20)
	s.flushDirty()
	appendLines(s, start, 20, 40)
	st := s.Stream(key)
	v, err := st.view(0)
	if err != nil {
		t.Fatal(err)
	}
	sealEverything(t, s) // holds lines that the view has in memory
	f := s.filter(&Query{})
	m := newMerge(t.Context(), st, &f, false)
	defer m.close()
	m.add(v)
	var got []string
	if err := m.yield(0, func(e Entry) error { got = append(got, string(e.Text)); return nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(numbered(0, 40), got); diff != "" {
		t.Error(diff)
	}
	if err := s.Delete(key); err != nil {
		t.Fatal(err)
	}
	m = newMerge(t.Context(), st, &f, false)
	m.add(&view{segments: v.segments, end: v.end})
	if err := m.yield(0, func(e Entry) error { return fmt.Errorf("got %q", e.Text) }); err != nil {
		t.Error(err)
	}
	if s.Stats().Damaged != 0 {
		t.Error("a removed segment was taken for a damaged one")
	}
}

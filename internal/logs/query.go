package logs

import (
	"bytes"
	"context"
	"math"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Query selects entries of one function's log.
type Query struct {
	ebb.FunctionKey
	Since    time.Time        // inclusive; zero = from the beginning
	Until    time.Time        // exclusive; zero = no end
	Request  ebb.InvocationID // only this invocation's; "" = all
	Contains string           // Text contains these bytes
	Limit    int              // at most so many; 0 = no limit
	Newest   bool             // with Limit: the newest rather than the oldest, held in memory, oldest first
	Follow   bool             // go on with what is appended until ctx ends; Limit holds for what was there before
}

// Query calls yield for each entry that matches, in order of time. Entry.Text is
// only valid during the call. A function without logs is no error.
//
// It ends with the first error of yield or of the disk, or with ctx's; a query
// that follows ends without error when ctx or the store's Run does, and gives
// new entries in the order in which they were appended, as soon as they are.
func (s *Store) Query(ctx context.Context, q Query, yield func(Entry) error) error {
	st := s.Stream(q.FunctionKey)
	f := s.filter(&q)
	if !q.Follow {
		_, err := st.query(ctx, &f, &q, math.MinInt64, yield)
		return err
	}
	wake := st.follow()
	defer st.unfollow(wake)
	after, err := st.query(ctx, &f, &q, math.MinInt64, yield)
	q.Limit = 0
	for last := false; err == nil && !last; {
		select {
		case <-ctx.Done():
			return nil
		case <-s.drained:
			last = true
		case <-wake:
		}
		after, err = st.query(ctx, &f, &q, after, yield)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// query runs over the entries from sequence number after on, and returns the
// number to go on from.
func (s *Stream) query(ctx context.Context, f *filter, q *Query, after int64, yield func(Entry) error) (int64, error) {
	v, err := s.view(after)
	if err != nil {
		return after, err
	}
	m := newMerge(ctx, s, f, q.Newest && q.Limit > 0)
	defer m.close()
	m.add(v)
	if m.newest {
		return v.end, m.yieldNewest(q.Limit, yield)
	}
	return v.end, m.yield(q.Limit, yield)
}

// follow returns a channel that is signalled after each Append.
func (s *Stream) follow() chan struct{} {
	c := make(chan struct{}, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.followers == nil {
		s.followers = make(map[chan struct{}]struct{})
	}
	s.followers[c] = struct{}{}
	return c
}

func (s *Stream) unfollow(c chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.followers, c)
}

// filter is a query in terms of records.
type filter struct {
	since, until int64 // ns; until is exclusive
	request      []byte
	contains     []byte
}

func (s *Store) filter(q *Query) filter {
	f := filter{
		since: math.MinInt64, until: math.MaxInt64,
		request: []byte(q.Request), contains: []byte(q.Contains),
	}
	if len(f.request) > maxField {
		f.request = f.request[:maxField] // as it was stored
	}
	// Lines past their age are gone, though their segment may be here still.
	f.since = time.Now().Add(-s.retention(q.Service)).UnixNano()
	if !q.Since.IsZero() {
		f.since = max(f.since, q.Since.UnixNano())
	}
	if !q.Until.IsZero() {
		f.until = q.Until.UnixNano()
	}
	return f
}

// overlaps reports whether anything of x may match.
func (f *filter) overlaps(x extent) bool {
	return x.count > 0 && x.max >= f.since && x.min < f.until
}

// anyIn reports whether any record of a block may match: searching the whole
// block for a word is many times faster than taking its records apart.
func (f *filter) anyIn(block []byte) bool {
	return bytes.Contains(block, f.request) && bytes.Contains(block, f.contains)
}

func (f *filter) match(r *record) bool {
	return r.time >= f.since && r.time < f.until &&
		(len(f.request) == 0 || bytes.Equal(r.request, f.request)) &&
		(len(f.contains) == 0 || bytes.Contains(r.text, f.contains))
}

// view is what a stream held at one moment: files and memory, each record once.
type view struct {
	segments []segment // copies; the index of one that may still grow is cloned
	memory   []batch
	after    int64 // sequence number of the first record that counts
	end      int64 // and of the next Append
}

// view looks at the records from sequence number after on.
func (s *Stream) view(after int64) (*view, error) {
	if !s.loaded.Load() {
		s.ioMu.Lock()
		err := s.load()
		s.ioMu.Unlock()
		if err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &view{after: after, end: s.seq}
	for _, g := range s.segments {
		if g.end <= after {
			continue
		}
		c := *g
		if g == s.active {
			c.index = append([]block(nil), g.index...)
		}
		v.segments = append(v.segments, c)
	}
	for _, b := range []*batch{s.flushing, &s.buf} {
		if b == nil || b.count == 0 || b.first+int64(b.count) <= after {
			continue
		}
		b.shared = true
		v.memory = append(v.memory, *b)
	}
	return v, nil
}

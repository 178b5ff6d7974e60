package logs

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const (
	// urgentBytes is when a buffer is flushed without waiting for the interval.
	urgentBytes = 256 << 10
	// firstBuffer is the capacity a buffer begins with, keptBuffer the largest
	// that is used again.
	firstBuffer = 8 << 10
	keptBuffer  = 1 << 20
)

// Stream is the log of one function. It lives as long as its store.
type Stream struct {
	store *Store
	key   ebb.FunctionKey
	dir   string
	valid bool // the key can name a folder

	// ioMu is held by whoever writes, seals, loads or removes the stream's files.
	// It is taken before mu.
	ioMu   sync.Mutex
	loaded atomic.Bool // the .log files of an earlier process were read
	next   uint64      // number of the next segment

	mu        sync.Mutex
	buf       batch  // appended, not yet taken by the flusher
	flushing  *batch // taken, not yet on disk
	segments  []*segment
	active    *segment // the last of segments if it is written to, else nil; set under both locks
	seq       int64    // records appended in this process
	queued    bool     // in the store's dirty list
	dropped   int64    // since the last line that told of it
	reason    string   // why writing failed; "" = the buffer was merely full
	followers map[chan struct{}]struct{}
	lines     int64
	bytes     int64
	cut       int64
}

// batch is records in memory. Its bytes begin with room for a frame's header, so
// that flushing is one write. What lies before their length never changes, so
// queries may read it without the mutex.
type batch struct {
	extent
	b      []byte
	first  int64 // sequence number of the first record
	shared bool  // a query may still read it: its memory is not used again
}

// size is the bytes of the records.
func (b *batch) size() int64 { return int64(max(len(b.b)-frameHeader, 0)) }

// Append adds one line. It waits for no disk and never fails: when the buffers
// are full the line is counted as dropped. e.Text is copied.
func (s *Stream) Append(e Entry) {
	if e.Time.IsZero() {
		e.Time = time.Now()
	}
	cfg := &s.store.cfg
	n := int64(recordSize(&e, cfg.MaxLine))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.valid || s.buf.size()+n > int64(cfg.MaxFunctionBuffered) || s.store.buffered.Load()+n > cfg.MaxBuffered {
		s.dropped++
		s.store.dropped.Add(1)
		s.enqueue()
		return
	}
	s.put(&e)
}

// put encodes an entry into the buffer and wakes who waits for it. The caller
// holds mu.
func (s *Stream) put(e *Entry) {
	st := s.store
	if s.buf.count == 0 {
		s.buf = batch{b: st.buffer(), first: s.seq}
	}
	before, t := len(s.buf.b), e.Time.UnixNano()
	s.buf.b = appendRecord(s.buf.b, e, t, st.cfg.MaxLine)
	s.buf.add(t)
	n := int64(len(s.buf.b) - before)
	st.buffered.Add(n)
	s.seq++
	s.lines++
	s.bytes += n
	if len(e.Text) > st.cfg.MaxLine {
		s.cut++
	}
	s.enqueue()
	if before < urgentBytes && len(s.buf.b) >= urgentBytes {
		signal(st.urgent)
	}
	for f := range s.followers {
		signal(f)
	}
}

// enqueue asks for a flush. The caller holds mu.
func (s *Stream) enqueue() {
	if s.queued || !s.valid {
		return
	}
	s.queued = true
	st := s.store
	st.dirtyMu.Lock()
	st.dirty = append(st.dirty, s)
	st.dirtyMu.Unlock()
	signal(st.kick)
}

// take hands the flusher what it is to write next: what failed before, or what
// was appended since, followed by a line about what was dropped. It returns nil
// if there is nothing, and whether there may be more after what failed before.
func (s *Stream) take() (b *batch, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queued = false
	if s.flushing != nil {
		return s.flushing, true
	}
	if s.dropped > 0 && s.valid {
		why := s.reason
		if why == "" {
			why = "the log buffer was full"
		}
		// Written although the buffer is full: it stands for all that was not.
		s.put(&Entry{
			Time: time.Now(), Kind: Platform, Level: "WARN",
			Text: fmt.Appendf(nil, "%d log lines were dropped: %s", s.dropped, why),
		})
		s.dropped, s.queued = 0, false
	}
	s.reason = ""
	if s.buf.count == 0 {
		return nil, false
	}
	taken := s.buf
	s.buf, s.flushing = batch{}, &taken
	return &taken, false
}

// failed notes why a batch could not be written; it stays in memory.
func (s *Stream) failed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reason = err.Error()
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		s.reason = errno.Error()
		switch errno {
		case syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG:
			s.reason = syscall.ENOSPC.Error()
		}
	}
}

// forget drops a batch. The caller holds mu.
func (s *Stream) forget(b *batch) {
	if b == nil {
		return
	}
	s.store.buffered.Add(-b.size())
	if !b.shared && cap(b.b) <= keptBuffer && cap(b.b) > 0 {
		memory := b.b // not &b.b: b may be the stream's own buffer
		s.store.buffers.Put(&memory)
	}
}

// buffer returns an empty buffer with room for a header.
func (s *Store) buffer() []byte {
	if p, ok := s.buffers.Get().(*[]byte); ok {
		return (*p)[:frameHeader]
	}
	return make([]byte, frameHeader, firstBuffer)
}

// signal wakes the one who waits on c, now or when it next looks.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// retryAfter is how long a write that failed waits before it is tried again.
const retryAfter = time.Second

// Run writes what is appended, seals segments and removes old ones until ctx
// ends; then it writes what is left and returns. It may run once.
func (s *Store) Run(ctx context.Context) error {
	if !s.running.CompareAndSwap(false, true) {
		return errors.New("logs: Run was called twice")
	}
	defer close(s.drained)
	var g errgroup.Group
	g.Go(func() error { s.sealLoop(ctx); return nil })
	s.flushLoop(ctx)
	err := g.Wait()
	if left := s.flushDirty(); len(left) > 0 {
		s.log.Warn("log lines are lost: they could not be written before the end", "functions", len(left))
	}
	s.files.forgetAll()
	return err
}

// flushLoop sleeps until something is appended, waits for more of it, and writes
// all of it at once. An idle store costs nothing.
func (s *Store) flushLoop(ctx context.Context) {
	var failed []*Stream
	var retry <-chan time.Time
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			s.requeue(failed)
			return
		case <-retry:
			s.requeue(failed)
			failed, retry = nil, nil
		case <-s.kick:
			wait.Reset(s.cfg.FlushInterval)
			select {
			case <-ctx.Done():
			case <-wait.C:
			case <-s.urgent:
			}
		}
		failed = append(failed, s.flushDirty()...)
		if len(failed) > 0 && retry == nil {
			retry = time.After(retryAfter)
		}
	}
}

func (s *Store) requeue(streams []*Stream) {
	for _, st := range streams {
		st.mu.Lock()
		st.enqueue()
		st.mu.Unlock()
	}
}

// flushDirty writes every stream that asked for it and returns those that could
// not be written.
func (s *Store) flushDirty() (failed []*Stream) {
	s.dirtyMu.Lock()
	dirty := s.dirty
	s.dirty = nil
	s.dirtyMu.Unlock()
	var last error
	for _, st := range dirty {
		if err := st.flush(); err != nil {
			s.failures.Add(1)
			st.failed(err)
			failed, last = append(failed, st), err
		}
	}
	switch {
	case last != nil && !s.failing.Swap(true):
		s.log.Warn("logs cannot be written; lines are kept in memory, then dropped", "error", last)
	case last == nil && len(dirty) > 0 && s.failing.Swap(false):
		s.log.Info("logs can be written again")
	}
	return failed
}

// flush writes the batch that failed last time and the one after it.
func (s *Stream) flush() error {
	s.ioMu.Lock()
	defer s.ioMu.Unlock()
	if err := s.load(); err != nil {
		return err
	}
	for again := true; again; {
		var b *batch
		if b, again = s.take(); b == nil {
			return nil
		}
		if err := s.writeBatch(b); err != nil {
			return err
		}
	}
	return nil
}

// load reads the segments that an earlier process left open. The last goes on
// being written, the others wait to be sealed. The caller holds ioMu.
func (s *Stream) load() error {
	if s.loaded.Load() {
		return nil
	}
	var segments []*segment
	for _, g := range s.segments { // only changed under ioMu
		if g.sealed {
			segments = append(segments, g)
			continue
		}
		fresh := &segment{number: g.number, path: g.path, end: longAgo}
		damaged, err := fresh.load()
		if err != nil {
			return fmt.Errorf("load %s: %w", g.path, err)
		}
		if damaged {
			s.store.tell(g.path, errDamaged)
		}
		s.store.disk.Add(fresh.size - g.size)
		g.size = fresh.size
		if fresh.count > 0 {
			segments = append(segments, fresh)
		} else if err := s.store.removeFile(fresh); err != nil {
			return fmt.Errorf("load %s: %w", g.path, err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments = segments
	if n := len(segments); n > 0 && !segments[n-1].sealed && segments[n-1].size < s.store.cfg.SegmentBytes {
		s.active = segments[n-1]
		s.active.end = 0 // its records lie just before this process's first
	}
	s.loaded.Store(true)
	return nil
}

// writeBatch appends a batch to the active segment, or to a new one, and takes
// it out of memory. If that fails the file is as before. The caller holds ioMu.
func (s *Stream) writeBatch(b *batch) error {
	g := s.active
	fresh := g == nil
	if fresh {
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return err
		}
		g = &segment{
			number: s.next, path: filepath.Join(s.dir, openName(s.next)),
			end: b.first, started: time.Now(),
		}
	}
	putHeader(b.b, codecPlain, len(b.b)-frameHeader, b.extent)
	if err := s.store.files.write(g.path, b.b, g.size, s.store.write); err != nil {
		if fresh {
			_ = os.Remove(g.path) // it may not even be there
		}
		return err
	}
	s.store.disk.Add(int64(len(b.b)))
	if s.written(g, b, fresh) {
		s.store.files.forget(g.path)
		signal(s.store.sealReady)
	}
	return nil
}

// written moves a batch from memory to the index of the segment it is in now,
// and reports whether that is full.
func (s *Stream) written(g *segment, b *batch, fresh bool) (full bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if fresh {
		s.segments = append(s.segments, g)
		s.active = g
		s.next++
	}
	g.grow(block{extent: b.extent, off: g.size, size: int64(len(b.b))})
	g.end = b.first + int64(b.count)
	s.flushing = nil
	s.forget(b)
	if full = g.size >= s.store.cfg.SegmentBytes; full {
		s.active = nil
	}
	return full
}

func writeAt(f *os.File, b []byte, off int64) error {
	_, err := f.WriteAt(b, off)
	return err
}

package logs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	sweepEvery = time.Minute
	// sealedBlock is how much a frame of a sealed segment holds before
	// compression: queries decompress whole frames.
	sealedBlock = 128 << 10
)

// sealLoop seals and removes segments beside the flusher, which must not wait
// for a compressor or a sync.
func (s *Store) sealLoop(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	s.sweep(ctx, time.Now())
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.sweep(ctx, time.Now())
		case <-s.sealReady:
			s.sealAll(ctx)
			s.retain(time.Now())
		}
	}
}

// sweep does everything that time makes necessary.
func (s *Store) sweep(ctx context.Context, now time.Time) {
	for _, st := range s.all() {
		if err := st.rotate(now.Add(-s.cfg.SegmentAge)); err != nil {
			s.log.Warn("log segments cannot be read", "function", st.key.String(), "error", err)
		}
	}
	s.retain(now) // first: what goes need not be sealed
	s.sealAll(ctx)
	s.retain(now)
}

// rotate ends the active segment if it was begun before the given time.
func (s *Stream) rotate(before time.Time) error {
	s.ioMu.Lock()
	defer s.ioMu.Unlock()
	if err := s.load(); err != nil {
		return err
	}
	if g := s.active; g != nil && g.started.Before(before) {
		s.mu.Lock()
		s.active = nil
		s.mu.Unlock()
		s.store.files.forget(g.path)
	}
	return nil
}

// sealAll seals every segment that is no longer written to. What fails, for
// want of space perhaps, is tried again by the next sweep.
func (s *Store) sealAll(ctx context.Context) {
	var errs []error
	for _, st := range s.all() {
		for _, g := range st.closed() {
			if ctx.Err() != nil {
				return
			}
			if err := st.seal(g); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", g.path, err))
			}
		}
	}
	if len(errs) > 0 {
		s.log.Warn("log segments cannot be sealed", "count", len(errs), "error", errs[0])
	}
}

// closed lists the segments that wait to be sealed.
func (s *Stream) closed() (out []*segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.segments {
		if !g.sealed && g != s.active && g.index != nil {
			out = append(out, g)
		}
	}
	return out
}

// seal replaces a closed segment by a compressed one. The slow part runs without
// a lock, for the file no longer changes.
func (s *Stream) seal(g *segment) error {
	tmp := g.path + tmpExt
	sealed, err := s.compress(g, tmp)
	if err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	if listed, err := s.replace(g, sealed, tmp); err != nil || !listed {
		return errors.Join(err, os.Remove(tmp))
	}
	if err := syncFolder(s.dir); err != nil {
		return err // the plain file stays beside it until Open
	}
	return os.Remove(g.path)
}

// replace gives the sealed file its name and puts it in the place of g, unless g
// was removed meanwhile.
func (s *Stream) replace(g, sealed *segment, tmp string) (listed bool, err error) {
	s.ioMu.Lock()
	defer s.ioMu.Unlock()
	s.mu.Lock()
	listed = slices.Contains(s.segments, g)
	s.mu.Unlock()
	if !listed {
		return false, nil
	}
	if err := os.Rename(tmp, sealed.path); err != nil {
		return true, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.segments[slices.Index(s.segments, g)] = sealed
	s.store.disk.Add(sealed.size - g.size)
	return true, nil
}

// compress writes g's records to tmp as a sealed segment.
func (s *Stream) compress(g *segment, tmp string) (_ *segment, err error) {
	src, err := os.Open(g.path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	dst, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	w := &sealer{store: s.store, f: dst}
	var stored, plain []byte
	for _, bl := range g.index {
		stored, plain, err = readBlock(src, bl, stored, plain, s.store.dec)
		if errors.Is(err, errDamaged) {
			s.store.tell(g.path, err)
		} else if err != nil {
			return nil, err
		}
		if err := w.add(plain); errors.Is(err, errDamaged) {
			s.store.tell(g.path, err)
		} else if err != nil {
			return nil, err
		}
	}
	if err := w.finish(); err != nil {
		return nil, err
	}
	path := filepath.Join(s.dir, sealedName(g.number, w.all))
	return &segment{number: g.number, extent: w.all, path: path, sealed: true, size: w.off, end: g.end, started: g.started}, nil
}

// sealer writes a sealed segment frame by frame.
type sealer struct {
	store *Store
	f     *os.File
	chunk []byte
	out   []byte
	cur   extent // of chunk
	all   extent
	index []block
	off   int64
}

// add takes a block's records; errDamaged means that it took those before the
// one that makes no sense.
func (w *sealer) add(records []byte) error {
	for len(records) > 0 {
		r, n, ok := parseRecord(records)
		if !ok {
			return errDamaged
		}
		w.chunk = append(w.chunk, records[:n]...)
		w.cur.add(r.time)
		records = records[n:]
		if len(w.chunk) >= sealedBlock {
			if err := w.frame(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *sealer) frame() error {
	if w.cur.count == 0 {
		return nil
	}
	if w.out == nil {
		w.out = make([]byte, frameHeader, sealedBlock)
	}
	w.out = w.store.enc.EncodeAll(w.chunk, w.out[:frameHeader])
	putHeader(w.out, codecZstd, len(w.chunk), w.cur)
	if err := w.store.write(w.f, w.out, w.off); err != nil {
		return err
	}
	w.index = append(w.index, block{extent: w.cur, off: w.off, size: int64(len(w.out))})
	w.off += int64(len(w.out))
	w.all.join(w.cur)
	w.chunk, w.cur = w.chunk[:0], extent{}
	return nil
}

func (w *sealer) finish() error {
	if err := w.frame(); err != nil {
		return err
	}
	foot := footer(w.index)
	if err := w.store.write(w.f, foot, w.off); err != nil {
		return err
	}
	w.off += int64(len(foot))
	return w.f.Sync()
}

// retain removes whole segments, oldest first: those past their age, those over
// a function's bytes, those over all bytes.
func (s *Store) retain(now time.Time) {
	var rest []remains
	var errs []error
	for _, st := range s.all() {
		gone, kept := st.expire(now.Add(-s.retention(st.key.Service)), s.cfg.MaxFunctionBytes)
		for _, g := range gone {
			errs = append(errs, st.drop(g))
		}
		rest = append(rest, kept...)
	}
	if s.disk.Load() > s.cfg.MaxBytes {
		slices.SortFunc(rest, func(a, b remains) int { return cmp.Compare(a.newest, b.newest) })
		for _, r := range rest {
			if s.disk.Load() <= s.cfg.MaxBytes {
				break
			}
			errs = append(errs, r.stream.drop(r.segment))
		}
	}
	if err := errors.Join(errs...); err != nil {
		s.log.Warn("old log segments cannot be removed", "error", err)
	}
}

// remains is a segment that may stay unless all bytes together are too many.
type remains struct {
	stream  *Stream
	segment *segment
	newest  int64 // time of its last line when it was looked at
}

// expire says which segments are past their age or beyond the function's bytes.
func (s *Stream) expire(cutoff time.Time, maxBytes int64) (gone []*segment, kept []remains) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var total int64
	for _, g := range slices.Backward(s.segments) {
		total += g.size
		if g.expired(cutoff) || total > maxBytes && g != s.active {
			gone = append(gone, g)
		} else {
			kept = append(kept, remains{s, g, g.max})
		}
	}
	return gone, kept
}

// drop removes a segment, and the folder with the last one.
func (s *Stream) drop(g *segment) error {
	s.ioMu.Lock()
	defer s.ioMu.Unlock()
	s.mu.Lock()
	i := slices.Index(s.segments, g)
	if i >= 0 {
		s.segments = slices.Delete(slices.Clone(s.segments), i, i+1)
	}
	if s.active == g {
		s.active = nil
	}
	empty := len(s.segments) == 0
	s.mu.Unlock()
	if i < 0 {
		return nil // sealed or removed meanwhile
	}
	err := s.store.removeFile(g)
	if empty {
		_ = os.Remove(s.dir)
	}
	return err
}

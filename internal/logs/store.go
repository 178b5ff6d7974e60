package logs

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Config says where logs live, how long and how much of them. Zero values mean
// the defaults in brackets.
type Config struct {
	Dir                 string        `yaml:"-"`                   // created if missing
	Retention           time.Duration `yaml:"retention"`           // lines older than this are gone [14 days]
	MaxBytes            int64         `yaml:"maxBytes"`            // on disk, all functions together [10 GiB]
	MaxFunctionBytes    int64         `yaml:"maxFunctionBytes"`    // on disk, one function [1 GiB]
	SegmentBytes        int64         `yaml:"segmentBytes"`        // a segment is sealed at this size, before compression [8 MiB]
	SegmentAge          time.Duration `yaml:"segmentAge"`          // or at this age [1 day, at most an eighth of Retention]
	FlushInterval       time.Duration `yaml:"flushInterval"`       // how long a line may stay in memory only [100 ms]
	MaxOpenFiles        int           `yaml:"maxOpenFiles"`        // files kept open between writes [128]
	MaxBuffered         int64         `yaml:"maxBuffered"`         // bytes in memory, all functions together [32 MiB]
	MaxFunctionBuffered int           `yaml:"maxFunctionBuffered"` // bytes in memory, one function [4 MiB]
	MaxLine             int           `yaml:"maxLine"`             // bytes of one line, the rest is cut [256 KiB]
}

func (c Config) withDefaults() Config {
	def(&c.Retention, 14*24*time.Hour)
	def(&c.MaxBytes, 10<<30)
	def(&c.MaxFunctionBytes, 1<<30)
	c.MaxFunctionBytes = min(c.MaxFunctionBytes, c.MaxBytes)
	def(&c.SegmentBytes, 8<<20)
	// A limit is kept by removing whole segments, so they must be small beside it.
	c.SegmentBytes = max(min(c.SegmentBytes, c.MaxFunctionBytes/4), 1)
	def(&c.SegmentAge, 24*time.Hour)
	c.SegmentAge = min(c.SegmentAge, c.Retention/8)
	def(&c.FlushInterval, 100*time.Millisecond)
	def(&c.MaxOpenFiles, 128)
	def(&c.MaxBuffered, 32<<20)
	def(&c.MaxFunctionBuffered, 4<<20)
	def(&c.MaxLine, 256<<10)
	return c
}

func def[T int | int64 | time.Duration](p *T, v T) {
	if *p == 0 {
		*p = v
	}
}

// Validate reports the first field that makes no sense.
func (c Config) Validate() error {
	if c.Dir == "" {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "Dir: must not be empty")
	}
	for _, f := range []struct {
		name string
		v    int64
	}{
		{"Retention", int64(c.Retention)}, {"MaxBytes", c.MaxBytes}, {"MaxFunctionBytes", c.MaxFunctionBytes},
		{"SegmentBytes", c.SegmentBytes}, {"SegmentAge", int64(c.SegmentAge)}, {"FlushInterval", int64(c.FlushInterval)},
		{"MaxOpenFiles", int64(c.MaxOpenFiles)},
		{"MaxBuffered", c.MaxBuffered}, {"MaxFunctionBuffered", int64(c.MaxFunctionBuffered)}, {"MaxLine", int64(c.MaxLine)},
	} {
		if f.v < 0 {
			return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "%s: must not be negative", f.name)
		}
	}
	if c.MaxLine > maxFrame/2 {
		return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "MaxLine: must be at most %d", maxFrame/2)
	}
	return nil
}

// Store keeps the logs of all functions. Its methods may be called concurrently.
type Store struct {
	cfg Config
	log *slog.Logger
	enc *zstd.Encoder
	dec *zstd.Decoder
	// files are the active segments that are open.
	files *handles
	// write is how frames reach the disk; tests make it fail.
	write func(f *os.File, b []byte, off int64) error

	streams sync.Map // ebb.FunctionKey → *Stream
	// retentions are those of services that have their own.
	retentions sync.Map // ebb.ServiceID → time.Duration
	buffers    sync.Pool

	buffered  atomic.Int64 // bytes of all unflushed records
	disk      atomic.Int64 // bytes of all segments
	damaged   atomic.Int64
	dropped   atomic.Int64
	failures  atomic.Int64
	failing   atomic.Bool // the last write failed
	told      sync.Map    // paths of damaged segments that were told of
	running   atomic.Bool
	drained   chan struct{} // closed when Run returned
	dirtyMu   sync.Mutex
	dirty     []*Stream     // have something to flush
	kick      chan struct{} // dirty is no longer empty
	urgent    chan struct{} // some buffer has grown large
	sealReady chan struct{} // some segment waits to be sealed
}

// Open opens or creates cfg.Dir. It lists files and reads none of them: a stream
// is loaded when it is first used. Nothing reaches the disk before Run.
func Open(cfg Config, log *slog.Logger) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("logs: %w", err)
	}
	// Of lines of a log the fastest makes no more than the default, in two thirds of the time.
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(512<<10), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("logs: %w", err)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxFrame))
	if err != nil {
		return nil, fmt.Errorf("logs: %w", err)
	}
	s := &Store{
		cfg: cfg, log: log, enc: enc, dec: dec,
		files: newHandles(cfg.MaxOpenFiles), write: writeAt,
		drained: make(chan struct{}),
		kick:    make(chan struct{}, 1), urgent: make(chan struct{}, 1), sealReady: make(chan struct{}, 1),
	}
	if err := s.list(); err != nil {
		return nil, fmt.Errorf("logs: %w", err)
	}
	return s, nil
}

// list finds the streams that are on disk.
func (s *Store) list() error {
	services, err := os.ReadDir(s.cfg.Dir)
	if err != nil {
		return err
	}
	for _, service := range services {
		if !ebb.ServiceID(service.Name()).Valid() {
			continue
		}
		functions, err := os.ReadDir(filepath.Join(s.cfg.Dir, service.Name()))
		if err != nil {
			return err
		}
		for _, fn := range functions {
			key := ebb.FunctionKey{Service: ebb.ServiceID(service.Name()), Name: fn.Name()}
			if !valid(key) {
				continue
			}
			if err := s.Stream(key).list(); err != nil {
				return err
			}
		}
	}
	return nil
}

// list finds the segments of a stream, oldest first, and removes what a crash
// left half-done.
func (s *Stream) list() error {
	files, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	sealed := make(map[uint64]bool)
	for _, f := range files {
		path := filepath.Join(s.dir, f.Name())
		if strings.HasSuffix(f.Name(), tmpExt) {
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		g, ok := parseName(f.Name())
		if !ok {
			continue
		}
		fi, err := f.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		g.path, g.size = path, fi.Size()
		sealed[g.number] = sealed[g.number] || g.sealed
		s.segments = append(s.segments, g)
		s.next = max(s.next, g.number+1)
	}
	keep := s.segments[:0]
	for _, g := range s.segments {
		if !g.sealed && sealed[g.number] { // killed between sealing it and removing it
			if err := os.Remove(g.path); err != nil {
				return err
			}
			continue
		}
		s.store.disk.Add(g.size)
		keep = append(keep, g)
	}
	s.segments = keep
	slices.SortFunc(s.segments, func(a, b *segment) int { return int(int64(a.number) - int64(b.number)) })
	return nil
}

// Stream returns the function's stream, the same one every time. It costs one
// look-up and touches no disk.
func (s *Store) Stream(key ebb.FunctionKey) *Stream {
	if st, ok := s.streams.Load(key); ok {
		return st.(*Stream)
	}
	st, _ := s.streams.LoadOrStore(key, &Stream{
		store: s, key: key,
		dir:   filepath.Join(s.cfg.Dir, string(key.Service), key.Name),
		valid: valid(key),
	})
	return st.(*Stream)
}

// valid reports whether something of that name can have a log: a function, or a
// state machine.
func valid(key ebb.FunctionKey) bool {
	return key.Service.Valid() && (ebb.ValidFunctionName(key.Name) || ebb.IsWorkflowLog(key.Name))
}

// all lists the streams there are.
func (s *Store) all() []*Stream {
	var out []*Stream
	s.streams.Range(func(_, v any) bool {
		out = append(out, v.(*Stream))
		return true
	})
	return out
}

// Delete removes a function's log: files, buffers and what was dropped. Lines
// appended later begin a new one.
func (s *Store) Delete(key ebb.FunctionKey) error {
	v, ok := s.streams.Load(key)
	if !ok {
		return nil
	}
	st := v.(*Stream)
	st.ioMu.Lock()
	defer st.ioMu.Unlock()
	st.mu.Lock()
	gone := st.segments
	st.segments, st.active = nil, nil
	st.forget(st.flushing)
	st.forget(&st.buf)
	st.buf, st.flushing, st.dropped = batch{}, nil, 0
	st.mu.Unlock()
	var errs []error
	for _, g := range gone {
		errs = append(errs, s.removeFile(g))
	}
	if st.valid {
		_ = os.Remove(st.dir) // not when a file of somebody else's is in it
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("delete logs of %s: %w", key, err)
	}
	return nil
}

// removeFile removes a segment that is no longer listed.
func (s *Store) removeFile(g *segment) error {
	s.disk.Add(-g.size)
	s.told.Delete(g.path)
	s.files.forget(g.path)
	if err := os.Remove(g.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// tell counts damage and logs it once per file.
func (s *Store) tell(path string, err error) {
	if _, again := s.told.LoadOrStore(path, true); again {
		return
	}
	s.damaged.Add(1)
	s.log.Warn("log segment is damaged; what cannot be read is skipped", "file", path, "error", err)
}

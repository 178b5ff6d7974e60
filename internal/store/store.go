package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	cfg     Config
	dialect *dialect

	requests chan *request // unbuffered: a request is either with the writer or still the caller's
	closing  chan struct{}
	writer   *writer
	readers  *readers

	closeOnce sync.Once
	closeErr  error
}

// Open opens the database at cfg.Path, making or migrating it as needed, and
// starts the writer. Before anything is changed the file is inspected:
// a file that is damaged or not a database of ebb's is refused with
// ebb.TypeDatabaseBroken, one written by a later ebb with ebb.TypeDatabaseNewer;
// both are left byte for byte as they were. A disk that cannot be read or
// written is ebb.Unavailable. ctx bounds opening only.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	d := sqliteDialect()
	if err := inspect(ctx, cfg, d); err != nil {
		return nil, err
	}
	if err := makeFile(cfg.Path); err != nil {
		return nil, unavailable(err, "the database file cannot be made")
	}
	wdb, err := sql.Open("sqlite", sqliteName(cfg.Path, writerSettings()))
	if err != nil {
		return nil, err
	}
	wdb.SetMaxOpenConns(1)
	if err := migrate(ctx, wdb, d); err != nil {
		return nil, errors.Join(d.classified(err), wdb.Close())
	}
	rdb, err := sql.Open("sqlite", sqliteName(cfg.Path, readerSettings()))
	if err != nil {
		return nil, errors.Join(err, wdb.Close())
	}
	rdb.SetMaxOpenConns(cfg.Readers)
	rdb.SetMaxIdleConns(cfg.Readers)

	s := &Store{
		cfg: cfg, dialect: d,
		requests: make(chan *request),
		closing:  make(chan struct{}),
		readers:  newReaders(rdb, d, cfg.Readers),
	}
	s.writer = &writer{
		db: wdb, dialect: d, max: cfg.MaxGroup,
		requests: s.requests, closing: s.closing, stopped: make(chan struct{}),
	}
	go s.writer.run()
	// One reader is open from the start: while any connection is, SQLite keeps
	// its shared memory, so that reading goes on when a full disk has the
	// writer without one.
	if err := s.Read(ctx, func(tx *Tx) error { return tx.rows("SELECT count(*) FROM function", nil, discard) }); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func discard(func(...any) error) error { return nil }

// Close refuses new calls, lets those handed over finish, and closes the file.
// It may be called more than once.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		close(s.closing)
		<-s.writer.stopped
		// The writer's connection goes last: the last one out makes the
		// checkpoint, and readers may not write.
		s.closeErr = errors.Join(s.readers.close(), s.writer.close())
	})
	return s.closeErr
}

// Tx runs fn in a transaction and returns once it is durable. Fns of concurrent
// callers share one commit; each has its own savepoint, so an error or panic of
// one undoes that one alone and is returned to its caller alone.
//
// fn does SQL and nothing else: it may run again and must not block. It sees
// what fns before it in the same group wrote. Its statements are not cut short
// by ctx. A fn that ends its goroutine (t.Fatal) costs its whole group.
//
// When ctx ends before fn began, nothing was done. When it ends later, Tx
// returns at once with ErrOutcomeUnknown in the chain: fn may still be running
// and may yet be committed, and what it captured must not be touched.
// A full disk or failing I/O is ebb.Unavailable to every caller of the group;
// later calls work again as soon as the disk does.
func (s *Store) Tx(ctx context.Context, fn func(*Tx) error) error {
	if ctx.Err() != nil {
		return errCancelled(ctx)
	}
	r := &request{fn: fn, done: make(chan error, 1)}
	select {
	case s.requests <- r:
	case <-s.closing:
		return errClosed()
	case <-ctx.Done():
		return errCancelled(ctx)
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
	}
	if r.claim() {
		return errCancelled(ctx)
	}
	select {
	case err := <-r.done:
		return err
	default:
		return errUnknown(context.Cause(ctx))
	}
}

// Read runs fn on a snapshot of what is committed. It waits for one of
// Config.Readers connections, and ends early with ctx.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error {
	ss, err := s.readers.take(ctx)
	if err != nil {
		return err
	}
	return s.readers.run(ctx, ss, fn)
}

// Stats counts what the writer did since Open.
type Stats struct {
	Commits int64 // transactions committed, each one sync of the disk
	Fns     int64 // fns in them
	Failed  int64 // transactions lost to the disk or the engine
}

// Stats returns the writer's counters.
func (s *Store) Stats() Stats {
	return Stats{
		Commits: s.writer.commits.Load(),
		Fns:     s.writer.fns.Load(),
		Failed:  s.writer.failed.Load(),
	}
}

// request is one call of Tx. Whoever claims it first has it: the writer to run
// it, or the caller to withdraw it.
type request struct {
	fn      func(*Tx) error
	claimed atomic.Bool
	done    chan error // one value, never blocks
	err     error      // fn's own outcome, the writer's until the group ends
	after   []func()   // to be called once it is committed
}

func (r *request) claim() bool { return r.claimed.CompareAndSwap(false, true) }

// call runs fn and turns a panic into an error.
func call(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		tx.ended = true
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	// A fn that ignored a lost transaction did not succeed.
	return tx.lost
}

func panicked(p any) error {
	return fmt.Errorf("store: a transaction's fn panicked: %v\n%s", p, stack())
}

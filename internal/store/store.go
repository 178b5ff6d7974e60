package store

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	engine engine
	seen   int64 // the last change when it was opened
	twice  bool  // see Config

	closeOnce sync.Once
	closeErr  error
}

// engine is one of the databases that a Store may be.
type engine interface {
	tx(ctx context.Context, fn func(*Tx) error) error
	read(ctx context.Context, fn func(*Tx) error) error
	// snapshot writes a copy of what is committed to the empty file at path.
	snapshot(ctx context.Context, path string) error
	// watch calls wake whenever another process may have changed something,
	// and hint with what others told it, until ctx ends.
	watch(ctx context.Context, hint func(string), wake func())
	shared() bool
	stats() Stats
	close() error
}

// Open opens the database that cfg names, making or migrating it as needed.
// Before anything is changed it is inspected: one that is damaged or not ebb's
// is refused with ebb.TypeDatabaseBroken, one that only a later ebb can use with
// ebb.TypeDatabaseNewer; both are left as they were. A disk that cannot be read
// or written, and a server that cannot be reached, are ebb.Unavailable. ctx
// bounds opening only.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	var e engine
	if cfg.URL != "" {
		e, err = openPostgresEngine(ctx, cfg)
	} else {
		e, err = openSQLiteEngine(ctx, cfg)
	}
	if err != nil {
		return nil, err
	}
	s := &Store{engine: e, twice: cfg.Twice}
	// This also opens one reader: while any connection is, SQLite keeps its
	// shared memory, so that reading goes on when a full disk has the writer
	// without one.
	if err := s.Read(ctx, func(tx *Tx) (err error) { s.seen, err = tx.LastChange(); return err }); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close refuses new calls, lets those handed over finish, and closes the
// database. It may be called more than once.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { s.closeErr = s.engine.close() })
	return s.closeErr
}

// Tx runs fn in a transaction and returns once it is durable. An error or panic
// of fn undoes what it did and is returned to its caller alone. Fns behave as if
// they ran one after the other, also those of other processes.
//
// fn does SQL and nothing else: it may run again and must not block. It must
// return after a statement failed. Its statements are not cut short by ctx. A
// fn that ends its goroutine (t.Fatal) fails, and whoever shares its commit.
//
// When ctx ends before fn began, nothing was done. When it ends later, Tx
// returns at once with ErrOutcomeUnknown in the chain: fn may still be running
// and may yet be committed, and what it captured must not be touched.
// A full disk, failing I/O, a server that is gone are ebb.Unavailable; later
// calls work again as soon as the database does.
func (s *Store) Tx(ctx context.Context, fn func(*Tx) error) error {
	if s.twice {
		once := fn
		fn = func(tx *Tx) error { return tx.twice(once) }
	}
	return s.engine.tx(ctx, fn)
}

// Read runs fn on a snapshot of what is committed. It waits for one of
// Config.Readers connections, and ends early with ctx.
func (s *Store) Read(ctx context.Context, fn func(*Tx) error) error { return s.engine.read(ctx, fn) }

// Shared reports whether other processes may have the same database open.
func (s *Store) Shared() bool { return s.engine.shared() }

// Stats counts what was done since Open.
type Stats struct {
	Commits int64 // transactions committed; with SQLite each one sync of the disk
	Fns     int64 // fns in them
	Failed  int64 // transactions lost to the disk, the engine or the network
	Retried int64 // fns run again because of another transaction or a lost connection
}

// Stats returns the counters.
func (s *Store) Stats() Stats { return s.engine.stats() }

// Mark names what has been committed so far: while it stays the same, a Read finds
// what the one before found. It has moved before Tx returns. alone is false where
// other processes write, too: then it says nothing.
func (s *Store) Mark() (mark int64, alone bool) {
	st := s.engine.stats()
	return st.Commits + st.Failed, !s.engine.shared() // one that failed may have reached the disk after all
}

// request is one call of Tx. Whoever claims it first has it: the engine to run
// it, or the caller to withdraw it.
type request struct {
	fn      func(*Tx) error
	claimed atomic.Bool
	done    chan error // one value, never blocks
	err     error      // fn's own outcome, the engine's until it is answered
	after   []func()   // to be called once it is committed
}

func (r *request) claim() bool { return r.claimed.CompareAndSwap(false, true) }

// answer tells the caller, after a commit unless r.err says otherwise.
func (r *request) answer() {
	if r.err == nil {
		for _, fn := range r.after {
			fn()
		}
	}
	r.done <- r.err
}

// wait is the caller's side, once the engine has the request.
func (r *request) wait(ctx context.Context) error {
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

// call runs fn and turns a panic into an error.
func call(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
		tx.ended = true
	}()
	if err := fn(tx); err != nil {
		return err
	}
	// A fn that ignored a lost transaction, or a statement that failed, did not
	// succeed.
	return tx.usable()
}

func panicked(p any) error {
	return fmt.Errorf("store: a transaction's fn panicked: %v\n%s", p, debug.Stack())
}

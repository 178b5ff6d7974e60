package store

import (
	"context"
	"database/sql"
	"errors"
)

// sqliteEngine is a file with one writer and several readers.
type sqliteEngine struct {
	cfg     Config
	dialect *dialect

	requests chan *request // unbuffered: a request is either with the writer or still the caller's
	closing  chan struct{}
	writer   *writer
	readers  *sessions
	rdb      *sql.DB
}

// openSQLiteEngine opens the file at cfg.Path and starts the writer.
func openSQLiteEngine(ctx context.Context, cfg Config) (*sqliteEngine, error) {
	d := sqliteDialect()
	if err := inspectFile(ctx, cfg, d); err != nil {
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

	s := &sqliteEngine{
		cfg: cfg, dialect: d, rdb: rdb,
		requests: make(chan *request),
		closing:  make(chan struct{}),
		readers: newSessions(d, cfg.Readers, func(ctx context.Context) (session, error) {
			return openSQLite(ctx, rdb)
		}),
	}
	s.writer = &writer{
		db: wdb, dialect: d, max: cfg.MaxGroup,
		requests: s.requests, closing: s.closing, stopped: make(chan struct{}),
	}
	go s.writer.run()
	return s, nil
}

func discard(func(...any) error) error { return nil }

func (s *sqliteEngine) tx(ctx context.Context, fn func(*Tx) error) error {
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
	return r.wait(ctx)
}

func (s *sqliteEngine) read(ctx context.Context, fn func(*Tx) error) error {
	return s.readers.read(ctx, "BEGIN", fn)
}

// watch has nothing to tell: no other process has the file.
func (s *sqliteEngine) watch(ctx context.Context, _ func(string), _ func()) { <-ctx.Done() }

func (s *sqliteEngine) shared() bool { return false }

func (s *sqliteEngine) stats() Stats {
	return Stats{
		Commits: s.writer.commits.Load(),
		Fns:     s.writer.fns.Load(),
		Failed:  s.writer.failed.Load(),
	}
}

func (s *sqliteEngine) close() error {
	close(s.closing)
	<-s.writer.stopped
	// The writer's connection goes last: the last one out makes the
	// checkpoint, and readers may not write.
	return errors.Join(s.readers.close(), s.rdb.Close(), s.writer.close())
}

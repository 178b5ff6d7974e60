package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// session is one connection and the statements prepared on it. It is used by
// one goroutine at a time. Every query text is a constant of this package, so
// the cache is as small as the source.
type session struct {
	conn    *sql.Conn
	dialect *dialect
	stmts   map[string]*sql.Stmt // nil once closed
}

func openSession(ctx context.Context, db *sql.DB, d *dialect) (*session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &session{conn: conn, dialect: d, stmts: make(map[string]*sql.Stmt)}, nil
}

func (s *session) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := s.stmts[query]; ok {
		return st, nil
	}
	if s.stmts == nil {
		return nil, sql.ErrConnDone
	}
	st, err := s.conn.PrepareContext(ctx, s.dialect.rebind(query))
	if err != nil {
		return nil, err
	}
	s.stmts[query] = st
	return st, nil
}

func (s *session) exec(ctx context.Context, query string, args ...any) (int64, error) {
	st, err := s.prepare(ctx, query)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (s *session) rows(ctx context.Context, query string, args []any, each func(scan func(...any) error) error) (err error) {
	st, err := s.prepare(ctx, query)
	if err != nil {
		return err
	}
	rows, err := st.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	// The statement is shared by later callers: it must be reset however each leaves.
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// close gives the connection up for good. Its statements go first: once the
// engine has closed a connection they must not be touched any more.
func (s *session) close() error {
	if s.stmts == nil {
		return nil
	}
	errs := make([]error, 0, len(s.stmts)+1)
	for _, st := range s.stmts {
		errs = append(errs, st.Close())
	}
	s.stmts = nil
	// ErrBadConn makes database/sql close the connection instead of pooling it:
	// its transaction state is not known.
	err := s.conn.Raw(func(any) error { return driver.ErrBadConn })
	if !errors.Is(err, driver.ErrBadConn) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

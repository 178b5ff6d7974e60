package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// sqliteSession keeps its own prepared statements.
type sqliteSession struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt // nil once closed
}

func openSQLite(ctx context.Context, db *sql.DB) (session, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &sqliteSession{conn: conn, stmts: make(map[string]*sql.Stmt)}, nil
}

func (s *sqliteSession) prepare(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := s.stmts[query]; ok {
		return st, nil
	}
	if s.stmts == nil {
		return nil, sql.ErrConnDone
	}
	st, err := s.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	s.stmts[query] = st
	return st, nil
}

func (s *sqliteSession) exec(ctx context.Context, query string, args ...any) (int64, error) {
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

func (s *sqliteSession) rows(ctx context.Context, query string, args []any, each func(scan func(...any) error) error) (err error) {
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
func (s *sqliteSession) close() error {
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

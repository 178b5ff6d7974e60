package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	connectTimeout = 5 * time.Second
	closeTimeout   = 5 * time.Second
)

// sessionSettings hold for every connection: a commit is on disk before it is
// acknowledged; whoever hangs does not hold locks for ever; and the server
// notices a node that vanished. Every statement has an index that serves it; a
// scan of a small table instead would read, as SERIALIZABLE sees it, all of it,
// and be in the way of everybody who writes there.
const sessionSettings = `SET application_name = 'ebb'; SET timezone = 'UTC';
	SET lock_timeout = '10s'; SET enable_seqscan = off; SET idle_in_transaction_session_timeout = '60s';
	SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3;
	SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`

// postgresSession is a connection of pgx's, which keeps what it prepared.
type postgresSession struct {
	conn  *pgx.Conn
	bound map[string]string // query with ? → query with $n
}

// connectable is what connections are made with. The password file is read each
// time, so that it may change.
func (c Config) connectable() (*pgx.ConnConfig, error) {
	pc, err := c.parse()
	if err != nil {
		return nil, err
	}
	if c.Password != "" {
		pc.Password = c.Password
	}
	if c.PasswordFile != "" {
		text, err := os.ReadFile(c.PasswordFile)
		if err != nil {
			if pe, ok := errors.AsType[*fs.PathError](err); ok {
				err = pe.Err
			}
			return nil, unavailable(err, "database.passwordFile: %s cannot be read", c.PasswordFile)
		}
		pc.Password = strings.TrimRight(string(text), "\r\n")
	}
	if pc.ConnectTimeout == 0 {
		pc.ConnectTimeout = min(connectTimeout, c.Timeout)
	}
	if pc.ValidateConnect == nil { // after a failover the old primary may still answer
		pc.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	pc.AfterConnect = func(ctx context.Context, conn *pgconn.PgConn) error {
		return conn.Exec(ctx, sessionSettings).Close()
	}
	return pc, nil
}

func openPostgres(ctx context.Context, c Config) (session, error) {
	pc, err := c.connectable()
	if err != nil {
		return nil, err
	}
	conn, err := pgx.ConnectConfig(ctx, pc)
	if err != nil {
		return nil, err
	}
	return &postgresSession{conn: conn, bound: make(map[string]string)}, nil
}

// rebind is remembered: queries are constants.
func (s *postgresSession) rebind(query string) string {
	q, ok := s.bound[query]
	if !ok {
		q = rebind(query)
		s.bound[query] = q
	}
	return q
}

// mark tells an error that took the connection with it from others.
func (s *postgresSession) mark(err error) error {
	if err != nil && s.conn.IsClosed() {
		return &errConnection{err}
	}
	return err
}

func (s *postgresSession) exec(ctx context.Context, query string, args ...any) (int64, error) {
	tag, err := s.conn.Exec(ctx, s.rebind(query), args...)
	return tag.RowsAffected(), s.mark(err)
}

func (s *postgresSession) rows(ctx context.Context, query string, args []any, each func(scan func(...any) error) error) error {
	rows, err := s.conn.Query(ctx, s.rebind(query), args...)
	if err != nil {
		return s.mark(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	rows.Close()
	return s.mark(rows.Err())
}

func (s *postgresSession) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return s.conn.Close(ctx)
}

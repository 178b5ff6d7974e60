package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// migrationLock keeps processes that start together from migrating together.
// Advisory locks belong to one database.
const migrationLock = 0x656262 // "ebb"

// minPostgres is the oldest server, as server_version_num says it.
const minPostgres = 150000

// preparePostgres looks at the database, refuses what must not be touched, and
// migrates it, one process at a time.
func preparePostgres(ctx context.Context, cfg Config, d *dialect) error {
	pc, err := cfg.connectable()
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*pc)
	name := fmt.Sprintf("database %s at %s", pc.Database, pc.Host)
	err = withMigrationLock(ctx, db, func() error {
		if err := inspectPostgres(ctx, db, d, name); err != nil {
			return err
		}
		return migrate(ctx, db, d)
	})
	return errors.Join(openFault(d, name, err), db.Close())
}

// withMigrationLock runs fn while no other process does the like. The lock goes
// with its connection, whatever happens to this process.
func withMigrationLock(ctx context.Context, db *sql.DB, fn func() error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	// Migrating may take longer than others are to wait for an ordinary lock.
	if _, err := conn.ExecContext(ctx, "SET lock_timeout = 0"); err != nil {
		return errors.Join(err, conn.Close())
	}
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", migrationLock); err != nil {
		return errors.Join(err, conn.Close())
	}
	err = fn()
	_, unlock := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", migrationLock)
	return errors.Join(err, unlock, conn.Close())
}

func inspectPostgres(ctx context.Context, db *sql.DB, d *dialect, name string) error {
	var version, tables, known int
	var encoding, fsync string
	err := db.QueryRowContext(ctx, `SELECT CAST(current_setting('server_version_num') AS INTEGER),
		current_setting('server_encoding'), current_setting('fsync'),
		(SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()),
		(SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'goose_db_version')`).
		Scan(&version, &encoding, &fsync, &tables, &known)
	switch {
	case err != nil:
		return err
	case version < minPostgres:
		return refused(name, "the server is PostgreSQL %d, ebb needs 15 or later", version/10000)
	case encoding != "UTF8":
		return refused(name, "its encoding is %s, ebb needs UTF8", encoding)
	case fsync != "on":
		return refused(name, "the server runs with fsync = off, so nothing it acknowledges is safe")
	case tables == 0:
		return nil
	case known == 0:
		return broken(nil, "%s holds tables of another program; it was left as it is: make a database for ebb", name)
	}
	return usableSchema(ctx, db, d, name)
}

func refused(name, format string, args ...any) error {
	return ebb.Errorf(ebb.Invalid, ebb.TypeConfigInvalid, "database.url: %s: %s", name, fmt.Sprintf(format, args...))
}

// openFault words what the server says to whoever starts ebb.
func openFault(d *dialect, name string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*ebb.Error](err); ok {
		return err
	}
	e, told := errors.AsType[*pgconn.PgError](err)
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	switch {
	case told && (e.Code[:2] == "28" || e.Code == "3D000" || e.Code == "42501"):
		return refused(name, "the server says: %s", e.Message)
	case connecting, d.fault(err) == faultLost:
		return unavailable(err, "%s cannot be reached", name)
	}
	return d.classified(err)
}

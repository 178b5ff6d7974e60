package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"github.com/ebb-faas/ebb/internal/ebb"
)

//go:embed migrations
var migrations embed.FS

// usableSchema refuses a database that only a later ebb can use. One that is
// merely newer is fine as long as its schema only grew: schema_floor says from
// which schema on an ebb must know it.
func usableSchema(ctx context.Context, db *sql.DB, d *dialect, name string) error {
	have, err := schemaVersion(ctx, db)
	if err != nil {
		return err
	}
	want, err := latestMigration(d)
	if err != nil || have <= want {
		return err
	}
	floor, err := schemaFloor(ctx, db, have)
	if err != nil {
		return err
	}
	if floor > want {
		return ebb.Errorf(ebb.Internal, ebb.TypeDatabaseNewer,
			"%s has schema %d, which an ebb must know up to %d to use; this one knows up to %d. It was left as it is: "+
				"start the later ebb, or restore a backup made before it", name, have, floor, want)
	}
	return nil
}

func schemaVersion(ctx context.Context, db *sql.DB) (int64, error) {
	var v int64
	err := db.QueryRowContext(ctx,
		"SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&v)
	return v, err
}

// schemaFloor is the oldest schema that an ebb may know to use this database;
// without a table that says so, the schema it has.
func schemaFloor(ctx context.Context, db *sql.DB, have int64) (floor int64, err error) {
	var n int
	if err := db.QueryRowContext(ctx,
		"SELECT count(*) FROM goose_db_version WHERE version_id = 10 AND is_applied").Scan(&n); err != nil {
		return 0, err
	}
	if n == 0 {
		return have, nil
	}
	err = db.QueryRowContext(ctx, "SELECT floor FROM schema_floor").Scan(&floor)
	if errors.Is(err, sql.ErrNoRows) {
		return have, nil
	}
	return floor, err
}

func migrationFS(d *dialect) (fs.FS, error) { return fs.Sub(migrations, "migrations/"+d.migrations) }

func latestMigration(d *dialect) (int64, error) {
	fsys, err := migrationFS(d)
	if err != nil {
		return 0, err
	}
	files, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return 0, err
	}
	var last int64
	for _, f := range files {
		n, err := goose.NumericComponent(f)
		if err != nil {
			return 0, fmt.Errorf("store: migration %s: %w", f, err)
		}
		last = max(last, n)
	}
	return last, nil
}

// migrate brings the schema up to this binary's; a newer one stays. A database
// without one gets all of it in one transaction. Otherwise each step is one of its
// own: after a crash the next start goes on where it ended.
func migrate(ctx context.Context, db *sql.DB, d *dialect) error {
	fsys, err := migrationFS(d)
	if err != nil {
		return err
	}
	var known int
	if err := db.QueryRowContext(ctx, d.migrated).Scan(&known); err != nil {
		return err
	}
	if known == 0 {
		return migrateNew(ctx, db, d, fsys)
	}
	if done, err := migrated(ctx, db, fsys); err != nil || done {
		return err
	}
	p, err := goose.NewProvider(d.goose, db, fsys, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// migrated reports whether all migrations are made: goose finds that out only with
// many statements, and most starts change nothing.
func migrated(ctx context.Context, db *sql.DB, fsys fs.FS) (bool, error) {
	files, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return false, err
	}
	versions := make([]string, len(files))
	for i, name := range files {
		n, err := goose.NumericComponent(name)
		if err != nil {
			return false, err
		}
		versions[i] = strconv.FormatInt(n, 10)
	}
	var made int
	err = db.QueryRowContext(ctx, "SELECT count(DISTINCT version_id) FROM goose_db_version WHERE is_applied AND version_id IN ("+
		strings.Join(versions, ", ")+")").Scan(&made)
	return made == len(files), err
}

// migrateNew makes the whole schema of a database that has none.
func migrateNew(ctx context.Context, db *sql.DB, d *dialect, fsys fs.FS) (err error) {
	versions, err := database.NewStore(d.goose, goose.DefaultTablename)
	if err != nil {
		return err
	}
	files, err := fs.Glob(fsys, "*.sql") // in order
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, tx.Rollback())
		}
	}()
	if err := versions.CreateVersionTable(ctx, tx); err != nil {
		return err
	}
	if err := versions.Insert(ctx, tx, database.InsertRequest{Version: 0}); err != nil { // as goose begins
		return err
	}
	for _, name := range files {
		if err := migrateFile(ctx, tx, versions, fsys, name); err != nil {
			return fmt.Errorf("store: migration %s: %w", name, err)
		}
	}
	return tx.Commit()
}

// migrateFile runs what of a migration leads up.
func migrateFile(ctx context.Context, tx *sql.Tx, versions database.Store, fsys fs.FS, name string) error {
	version, err := goose.NumericComponent(name)
	if err != nil {
		return err
	}
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	_, up, _ := strings.Cut(string(text), "-- +goose Up\n")
	up, _, _ = strings.Cut(up, "-- +goose Down\n")
	if _, err := tx.ExecContext(ctx, up); err != nil {
		return err
	}
	return versions.Insert(ctx, tx, database.InsertRequest{Version: version})
}

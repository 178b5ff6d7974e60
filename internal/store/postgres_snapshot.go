package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// table is one that is copied between engines. Both have the same tables and
// columns; a test of the migrations sees to that.
type table struct {
	name    string
	columns []string
}

// snapshot copies all tables, as of one moment, into an SQLite file.
func (p *postgresEngine) snapshot(ctx context.Context, path string) error {
	return withCopy(ctx, path, func(db *sql.DB, tables []table) error {
		return p.read(ctx, func(tx *Tx) error {
			if err := sameSchema(tx); err != nil {
				return err
			}
			out, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			for _, t := range tables {
				if err := copyOut(ctx, tx, out, t); err != nil {
					return errors.Join(fmt.Errorf("table %s: %w", t.name, err), out.Rollback())
				}
			}
			return out.Commit()
		})
	})
}

// sameSchema refuses to copy what a later ebb keeps and this one knows nothing of.
func sameSchema(tx *Tx) error {
	want, err := latestMigration(tx.dialect)
	if err != nil {
		return err
	}
	var have int64
	if err := tx.row("SELECT max(version_id) FROM goose_db_version WHERE is_applied", nil,
		func(scan func(...any) error) error { return scan(&have) }); err != nil {
		return err
	}
	if have != want {
		return ebb.Errorf(ebb.Internal, ebb.TypeDatabaseNewer,
			"the database has schema %d, this ebb knows up to %d: make the backup with the later ebb", have, want)
	}
	return nil
}

func copyOut(ctx context.Context, tx *Tx, out *sql.Tx, t table) (err error) {
	if _, err := out.ExecContext(ctx, "DELETE FROM "+quoted(t.name)); err != nil { // what migrations put there
		return err
	}
	insert, err := out.PrepareContext(ctx, "INSERT INTO "+quoted(t.name)+" ("+quoted(t.columns...)+") VALUES (?"+
		strings.Repeat(", ?", len(t.columns)-1)+")")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, insert.Close()) }()
	values, pointers := scratch(len(t.columns))
	return tx.rows("SELECT "+quoted(t.columns...)+" FROM "+quoted(t.name), nil, func(scan func(...any) error) error {
		if err := scan(pointers...); err != nil {
			return err
		}
		_, err := insert.ExecContext(ctx, values...)
		return err
	})
}

// Load fills this database, which must be PostgreSQL and one that no node has
// ever served, with what a snapshot holds: all of it or nothing.
func (s *Store) Load(ctx context.Context, path string) error {
	p, ok := s.engine.(*postgresEngine)
	if !ok {
		return errors.New("store: an SQLite database is restored by opening the snapshot")
	}
	return p.dialect.classified(withCopy(ctx, path, func(db *sql.DB, tables []table) error {
		pc, err := p.cfg.connectable()
		if err != nil {
			return err
		}
		conn, err := pgx.ConnectConfig(ctx, pc)
		if err != nil {
			return err
		}
		err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			if err := emptied(ctx, tx, tables); err != nil {
				return err
			}
			for _, t := range tables {
				if err := copyIn(ctx, db, tx, t); err != nil {
					return err
				}
			}
			return nil
		})
		return errors.Join(err, conn.Close(ctx))
	}))
}

// emptied removes what migrations put there. Every node that ever served has
// touched something.
func emptied(ctx context.Context, tx pgx.Tx, tables []table) error {
	var changes int64
	if err := tx.QueryRow(ctx, "SELECT last FROM change_counter").Scan(&changes); err != nil {
		return err
	}
	if changes > 0 {
		return ebb.Errorf(ebb.Conflict, ebb.TypeDataDirectoryInUse, "--database: it is in use already; restore into a new database")
	}
	for _, t := range slices.Backward(tables) {
		if _, err := tx.Exec(ctx, "DELETE FROM "+quoted(t.name)); err != nil {
			return err
		}
	}
	return nil
}

func copyIn(ctx context.Context, db *sql.DB, tx pgx.Tx, t table) (err error) {
	rows, err := db.QueryContext(ctx, "SELECT "+quoted(t.columns...)+" FROM "+quoted(t.name))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values, pointers := scratch(len(t.columns))
	_, err = tx.CopyFrom(ctx, pgx.Identifier{t.name}, t.columns, pgx.CopyFromFunc(func() ([]any, error) {
		if !rows.Next() {
			return nil, rows.Err()
		}
		return values, rows.Scan(pointers...)
	}))
	if err != nil {
		err = fmt.Errorf("table %s: %w", t.name, err)
	}
	return err
}

// withCopy opens an SQLite file as what is copied to or from: with this binary's
// schema, which Open gives it, and its tables in an order in which each comes
// after those it refers to.
func withCopy(ctx context.Context, path string, fn func(*sql.DB, []table) error) error {
	cfg, err := Config{Path: path, Readers: 1, CheckBytes: 1 << 40}.withDefaults()
	if err != nil {
		return err
	}
	s, err := openSQLiteEngine(ctx, cfg)
	if err != nil {
		return err
	}
	if err := s.close(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", sqliteName(path, url.Values{"_pragma": {"busy_timeout(5000)", "foreign_keys(0)"}}))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	tables, err := tablesOf(ctx, db)
	if err == nil {
		err = fn(db, tables)
	}
	return errors.Join(err, db.Close())
}

// tablesOf lists the tables of an SQLite file, those referred to first.
func tablesOf(ctx context.Context, db *sql.DB) ([]table, error) {
	columns, refers := map[string][]string{}, map[string][]string{}
	var names []string
	rows, err := db.QueryContext(ctx, `SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c
		WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite!_%' ESCAPE '!' AND t.name <> 'goose_db_version'
		ORDER BY t.name, c.cid`)
	if err := pairs(rows, err, func(table, column string) {
		if len(columns[table]) == 0 {
			names = append(names, table)
		}
		columns[table] = append(columns[table], column)
	}); err != nil {
		return nil, err
	}
	rows, err = db.QueryContext(ctx, `SELECT t.name, f."table" FROM sqlite_schema t, pragma_foreign_key_list(t.name) f
		WHERE t.type = 'table' AND f."table" <> t.name`)
	if err := pairs(rows, err, func(from, to string) { refers[from] = append(refers[from], to) }); err != nil {
		return nil, err
	}
	var tables []table
	placed := map[string]bool{}
	var place func(name string)
	place = func(name string) {
		if placed[name] {
			return
		}
		placed[name] = true
		for _, other := range refers[name] {
			place(other)
		}
		tables = append(tables, table{name, columns[name]})
	}
	for _, name := range names {
		place(name)
	}
	return tables, nil
}

func pairs(rows *sql.Rows, err error, each func(a, b string)) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var a, b string
		if err := rows.Scan(&a, &b); err != nil {
			return err
		}
		each(a, b)
	}
	return rows.Err()
}

func scratch(n int) (values, pointers []any) {
	values, pointers = make([]any, n), make([]any, n)
	for i := range values {
		pointers[i] = &values[i]
	}
	return values, pointers
}

// quoted writes names, some of which are words of SQL.
func quoted(names ...string) string { return `"` + strings.Join(names, `", "`) + `"` }

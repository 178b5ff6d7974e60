package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const sqliteMagic = "SQLite format 3\x00"

// inspectFile looks at an existing file without changing it and refuses what Open
// must not touch. A missing or empty file is fine: it will be made.
func inspectFile(ctx context.Context, cfg Config, d *dialect) error {
	size, err := inspectHeader(cfg.Path)
	if err != nil || size == 0 {
		return err
	}
	db, err := sql.Open("sqlite", sqliteName(cfg.Path, inspectSettings()))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	err = inspectContent(ctx, db, cfg, size)
	err = d.classified(errors.Join(err, db.Close()))
	if e, ok := errors.AsType[*ebb.Error](err); ok && e.Type == ebb.TypeDatabaseBroken && e.Cause != nil {
		return broken(e.Cause, "%s is damaged; it was left as it is: restore a backup", cfg.Path)
	}
	return err
}

func inspectHeader(path string) (size int64, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, unavailable(err, "the database file cannot be read")
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return 0, unavailable(err, "the database file cannot be read")
	}
	if !st.Mode().IsRegular() {
		return 0, broken(nil, "%s is not a file", path)
	}
	if st.Size() == 0 {
		return 0, nil
	}
	magic := make([]byte, len(sqliteMagic))
	if _, err := io.ReadFull(f, magic); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, unavailable(err, "the database file cannot be read")
	}
	if string(magic) != sqliteMagic {
		return 0, broken(nil, "%s is not an SQLite database; it was left as it is", path)
	}
	return st.Size(), nil
}

func inspectContent(ctx context.Context, db *sql.DB, cfg Config, size int64) error {
	var tables, known int
	err := db.QueryRowContext(ctx, `SELECT count(*), count(*) FILTER (WHERE name = 'goose_db_version')
		FROM sqlite_schema WHERE type = 'table'`).Scan(&tables, &known)
	if err != nil {
		return err
	}
	if tables == 0 {
		return nil // the first start ended before the first migration did
	}
	if known == 0 {
		return broken(nil, "%s is a database of another program; it was left as it is", cfg.Path)
	}
	if err := usableSchema(ctx, db, sqliteDialect(), cfg.Path); err != nil {
		return err
	}
	if size > cfg.CheckBytes {
		return nil
	}
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return broken(nil, "%s is damaged (%s); it was left as it is: restore a backup", cfg.Path, verdict)
	}
	return nil
}

// makeFile makes a missing file readable by its owner only: it holds the
// functions' environment variables. SQLite gives its side files the same mode.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

package store

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
)

// Snapshot writes a consistent copy of what is committed to path, which must
// not exist, while readers and the writer go on. The copy is durable when
// Snapshot returns nil; on error nothing is left at path. Open takes it as it is,
// as long as no PATH-wal or PATH-shm of another database lies beside it.
func (s *Store) Snapshot(ctx context.Context, path string) error {
	select {
	case <-s.closing:
		return errClosed()
	default:
	}
	// Creating it here refuses an existing file and sets the mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = s.vacuumInto(ctx, path)
	if err == nil {
		err = f.Sync() // VACUUM INTO does not
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(s.dialect.classified(err), os.Remove(path))
	}
	return nil
}

func (s *Store) vacuumInto(ctx context.Context, path string) error {
	set := inspectSettings()
	set["_pragma"] = set["_pragma"][:1] // query_only would refuse to write the copy too
	db, err := sql.Open("sqlite", sqliteName(s.cfg.Path, set))
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", path)
	return errors.Join(err, db.Close())
}

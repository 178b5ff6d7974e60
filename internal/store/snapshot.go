package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// Snapshot writes a consistent copy of what is committed to path, which must
// not exist, while readers and writers go on. Whatever the engine, the copy is
// an SQLite file: Open takes it as it is, as long as no PATH-wal or PATH-shm of
// another database lies beside it, and Load brings it into any engine. It is
// durable when Snapshot returns nil; on error nothing is left at path.
func (s *Store) Snapshot(ctx context.Context, path string) error {
	// Creating it here refuses an existing file and sets the mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = s.engine.snapshot(ctx, path)
	if err == nil {
		err = f.Sync() // VACUUM INTO does not
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

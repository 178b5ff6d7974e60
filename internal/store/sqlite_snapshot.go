package store

import (
	"context"
	"database/sql"
	"errors"
)

// snapshot copies the file while readers and the writer go on.
func (s *sqliteEngine) snapshot(ctx context.Context, path string) error {
	select {
	case <-s.closing:
		return errClosed()
	default:
	}
	return s.dialect.classified(s.vacuumInto(ctx, path))
}

func (s *sqliteEngine) vacuumInto(ctx context.Context, path string) error {
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

package store

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
)

// Exec lets tests do to the writer's connection what a machine does to a disk.
func (tx *Tx) Exec(query string, args ...any) error {
	_, err := tx.exec(query, args...)
	return err
}

// Count runs a query that answers one number.
func (tx *Tx) Count(query string, args ...any) (n int64, err error) {
	err = tx.row(query, args, func(scan func(...any) error) error { return scan(&n) })
	return n, err
}

// DropConnection closes the writer's connection under its feet. It must be
// called from a fn.
func (s *Store) DropConnection() error { return s.engine.(*sqliteEngine).writer.session.close() }

// LatestMigration is the schema version this binary knows.
func LatestMigration() (int64, error) { return latestMigration(sqliteDialect()) }

// Plan says how the engine would run a query.
func (tx *Tx) Plan(query string) (steps []string, err error) {
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = 1
	}
	err = tx.rows("EXPLAIN QUERY PLAN "+query, args, func(scan func(...any) error) error {
		var id, parent, unused int
		var step string
		err := scan(&id, &parent, &unused, &step)
		steps = append(steps, step)
		return err
	})
	return steps, err
}

// Prepared lists the queries that ran on this connection so far.
func (tx *Tx) Prepared() []string {
	return slices.Collect(maps.Keys(tx.session.(*sqliteSession).stmts))
}

// Migrations are the files of all engines.
func Migrations() fs.FS { return migrations }

// Texts runs a query that answers one text a row.
func (tx *Tx) Texts(query string) (all []string, err error) {
	err = tx.rows(query, nil, func(scan func(...any) error) error {
		var s string
		err := scan(&s)
		all = append(all, s)
		return err
	})
	return all, err
}

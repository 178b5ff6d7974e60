package store

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
func (s *Store) DropConnection() error { return s.writer.session.close() }

// LatestMigration is the schema version this binary knows.
func LatestMigration() (int64, error) { return latestMigration(sqliteDialect()) }

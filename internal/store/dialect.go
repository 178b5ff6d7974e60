package store

import "github.com/pressly/goose/v3"

// dialect is all that differs between engines and is not a statement's text.
// The noun files write portable SQL with ? for arguments and reach the engine
// through Tx.exec, Tx.row and Tx.rows only.
type dialect struct {
	migrations string // folder under migrations/
	goose      goose.Dialect
	migrated   string // counts the tables that say which migrations were made
	fault      func(err error) fault
	constraint func(err error) error // ErrExists, ErrMissing or nil
	skipLocked string                // what a claim's inner SELECT ends with; "" where there is one writer
	// clock is the statement that reads the database's clock, in milliseconds
	// since 1970; "" where there is only one clock, the process's own.
	clock string
	// notify is the statement that tells other processes that something was
	// changed; "" where there are none.
	notify string
	// hint is notify for a queue's name, see Store.Hint.
	hint string
}

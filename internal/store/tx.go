package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
)

var (
	errEnded  = errors.New("store: Tx used after its fn returned")
	errGoexit = errors.New("store: a fn ended its goroutine")
)

// Tx is what a fn given to Store.Tx or Store.Read works with. Its methods, in
// the noun files, are all the SQL there is. It is valid until the fn returns
// and belongs to the fn's goroutine.
type Tx struct {
	ctx     context.Context
	session session
	dialect *dialect
	// lost is the first error that took the transaction with it. SQLite may
	// have rolled back and left autocommit on, so no statement may run after it.
	lost error
	// failed is the first error of a statement that was wrong or refused.
	// PostgreSQL runs no statement after it, so neither engine does: the fn has
	// to return.
	failed error
	wrote  bool // something that is no SELECT was run, and did not fail
	ended  bool
	after  []func()
}

// AfterCommit has fn called once the transaction is durable, before Store.Tx
// returns; not at all if it is not committed. fn must be quick and must not use
// the store. It is a hint, not a promise: nobody calls fn after a crash, or when
// it is not known whether the commit was made.
func (tx *Tx) AfterCommit(fn func()) { tx.after = append(tx.after, fn) }

// twice runs fn, undoes what it did, and runs it anew. What it answers in vain is
// forgotten, but for a transaction that is lost.
func (tx *Tx) twice(fn func(*Tx) error) error {
	if _, err := tx.session.exec(tx.ctx, "SAVEPOINT twice"); err != nil {
		return tx.note(err)
	}
	if err := fn(tx); tx.lost != nil {
		return err
	}
	tx.failed, tx.after = nil, nil
	for _, end := range []string{"ROLLBACK TO SAVEPOINT twice", "RELEASE SAVEPOINT twice"} {
		if _, err := tx.session.exec(tx.ctx, end); err != nil {
			return tx.note(err)
		}
	}
	return fn(tx)
}

// skipLocked is what a claim's inner SELECT ends with, so that two processes
// that claim at once get different rows.
func (tx *Tx) skipLocked() string { return tx.dialect.skipLocked }

func (tx *Tx) usable() error {
	if tx.ended {
		return errEnded
	}
	if tx.lost == nil && tx.failed != nil {
		return fmt.Errorf("store: no statement may follow one that failed: %s", tx.failed.Error())
	}
	return tx.lost
}

// note remembers errors that ended the transaction and names the others.
func (tx *Tx) note(err error) error {
	if err == nil {
		return nil
	}
	d := tx.dialect
	switch d.fault(err) {
	case faultFull, faultDisk, faultBroken, faultLost, faultRetry:
		tx.lost = d.classified(err)
		return tx.lost
	case faultCaller:
		tx.failed = err
		if c := d.constraint(err); c != nil {
			return fmt.Errorf("%w: %w", c, err)
		}
	case faultNone:
		if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) {
			tx.lost = unavailable(err, "the database connection is gone")
			return tx.lost
		}
	}
	return err
}

// exec runs a statement without rows and returns how many rows it changed.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	if err := tx.usable(); err != nil {
		return 0, err
	}
	n, err := tx.session.exec(tx.ctx, query, args...)
	tx.wrote = tx.wrote || err == nil
	return n, tx.note(err)
}

// rows calls each for every row. each must not use tx.
func (tx *Tx) rows(query string, args []any, each func(scan func(...any) error) error) error {
	if err := tx.usable(); err != nil {
		return err
	}
	// each may fail after the rows were changed.
	tx.wrote = tx.wrote || !strings.HasPrefix(query, "SELECT")
	return tx.note(tx.session.rows(tx.ctx, query, args, each))
}

// row scans the one row of a query, or answers ErrNotFound.
func (tx *Tx) row(query string, args []any, each func(scan func(...any) error) error) error {
	found := false
	err := tx.rows(query, args, func(scan func(...any) error) error {
		found = true
		return each(scan)
	})
	if err == nil && !found {
		return ErrNotFound
	}
	return err
}

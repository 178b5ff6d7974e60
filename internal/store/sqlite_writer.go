package store

import (
	"context"
	"database/sql"
	"errors"
	"runtime"
	"sync/atomic"
)

// writer owns the one SQLite connection that writes. It is one goroutine.
type writer struct {
	db       *sql.DB
	dialect  *dialect
	max      int
	requests <-chan *request
	closing  <-chan struct{}
	stopped  chan struct{}

	session session // nil until needed, and after a fault
	group   []*request
	crowd   bool // the last group had company: callers come in flocks
	careful bool // the group is being run anew, with savepoints

	commits, fns, failed atomic.Int64
}

func (w *writer) run() {
	closed := false
	defer func() {
		if closed {
			close(w.stopped)
			return
		}
		// A fn ended the goroutine (t.Fatal does): that must not end writing.
		w.fail(errGoexit)
		go w.run()
	}()
	for {
		select {
		case r := <-w.requests:
			w.serve(r)
		case <-w.closing:
			closed = true
			return
		}
	}
}

func (w *writer) close() error {
	var err error
	if w.session != nil {
		err = w.session.close()
	}
	return errors.Join(err, w.db.Close())
}

// serve runs first, and whoever else is waiting, in one transaction.
func (w *writer) serve(first *request) {
	w.group, w.careful = w.group[:0], false
	err := w.begin()
	if err != nil {
		// Nobody else was taken yet: each caller gets its own try.
		w.group = append(w.group, first)
		if !first.claim() {
			w.group = w.group[:0]
		}
		w.fail(err)
		return
	}
	for r := first; r != nil; r = w.next() {
		if !r.claim() {
			continue
		}
		w.group = append(w.group, r)
		wrote, lost := w.try(r)
		if lost == nil && r.err != nil && wrote {
			lost = w.again()
		}
		if lost != nil {
			w.fail(lost)
			return
		}
		if w.careful {
			break
		}
	}
	w.end()
}

// try runs one fn. The fn's own error stays in r.err, wrote says whether it may
// have left something behind; lost means that the whole transaction is.
func (w *writer) try(r *request) (wrote bool, lost error) {
	tx := &Tx{ctx: context.Background(), session: w.session, dialect: w.dialect}
	r.err = call(r.fn, tx)
	r.after = tx.after
	return tx.wrote, tx.lost
}

// again runs the fns of the group anew, each in its savepoint, because one of
// them failed after it had written: what the others did is done again without it.
// Savepoints cost a third, and fns that fail so late are few.
func (w *writer) again() error {
	ctx := context.Background()
	if _, err := w.session.exec(ctx, "ROLLBACK"); err != nil {
		return err
	}
	if err := w.begin(); err != nil {
		return err
	}
	w.careful = true
	for _, r := range w.group {
		if err := w.one(r); err != nil {
			return err
		}
	}
	return nil
}

// begin opens the connection if there is none, and a transaction.
func (w *writer) begin() error {
	ctx := context.Background()
	if w.session == nil {
		ss, err := openSQLite(ctx, w.db)
		if err != nil {
			return err
		}
		w.session = ss
	}
	_, err := w.session.exec(ctx, "BEGIN IMMEDIATE")
	return err
}

// next returns another waiting caller, or nil. It never waits for one; but when
// callers come in flocks, those that the last commit woke are let run first, so
// that they share a commit instead of splitting into a group of one and the rest.
func (w *writer) next() *request {
	if len(w.group) >= w.max {
		return nil
	}
	for range 2 {
		select {
		case r := <-w.requests:
			return r
		default:
		}
		if !w.crowd {
			return nil
		}
		runtime.Gosched()
	}
	return nil
}

// one runs one fn in its savepoint. The fn's own error stays in r.err; the
// error returned means that the whole transaction is lost.
func (w *writer) one(r *request) error {
	ctx := context.Background()
	if _, err := w.session.exec(ctx, "SAVEPOINT fn"); err != nil {
		return err
	}
	if _, lost := w.try(r); lost != nil {
		return lost
	}
	if r.err != nil {
		if _, err := w.session.exec(ctx, "ROLLBACK TO fn"); err != nil {
			return err
		}
	}
	_, err := w.session.exec(ctx, "RELEASE fn")
	return err
}

// end commits, and only then answers: even a fn's own error may rest on what
// an earlier fn of the group wrote.
func (w *writer) end() {
	kept := 0
	for _, r := range w.group {
		if r.err == nil {
			kept++
		}
	}
	last := "COMMIT"
	if kept == 0 {
		last = "ROLLBACK"
	}
	if _, err := w.session.exec(context.Background(), last); err != nil {
		if kept > 0 {
			// The commit record may have reached the disk before the error.
			err = errUnknown(err)
		}
		w.fail(err)
		return
	}
	if kept > 0 {
		w.commits.Add(1)
		w.fns.Add(int64(kept))
	}
	w.crowd = len(w.group) > 1
	for i, r := range w.group {
		r.answer()
		w.group[i] = nil
	}
}

// fail answers the whole group with err. Unless the disk was merely full the
// connection goes too: its transaction state, and its idea of the file, are not
// to be trusted. On a full disk it is kept, because a new one may need space to
// open, and readers go on meanwhile.
func (w *writer) fail(err error) {
	w.failed.Add(1)
	if w.session != nil {
		// Neither's own error adds anything: SQLite may have rolled back already.
		if w.dialect.fault(err) == faultFull {
			_, _ = w.session.exec(context.Background(), "ROLLBACK")
		} else {
			_ = w.session.close()
			w.session = nil
		}
	}
	err = w.dialect.classified(err)
	for i, r := range w.group {
		r.done <- err
		w.group[i] = nil
	}
}

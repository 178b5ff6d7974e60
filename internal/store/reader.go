package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// readers hands out reading connections. The most recently used goes first, so
// that a quiet server keeps few open.
type readers struct {
	db      *sql.DB
	dialect *dialect
	slots   chan struct{} // one token per Read allowed to run

	mu     sync.Mutex
	idle   []*session
	closed bool
}

func newReaders(db *sql.DB, d *dialect, n int) *readers {
	p := &readers{db: db, dialect: d, slots: make(chan struct{}, n)}
	for range n {
		p.slots <- struct{}{}
	}
	return p
}

func (p *readers) take(ctx context.Context) (*session, error) {
	if ctx.Err() != nil {
		return nil, unavailable(context.Cause(ctx), "cancelled before reading the database")
	}
	select {
	case <-p.slots:
	case <-ctx.Done():
		return nil, unavailable(context.Cause(ctx), "cancelled while waiting for the database")
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.slots <- struct{}{}
		return nil, errClosed()
	}
	if n := len(p.idle); n > 0 {
		ss := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return ss, nil
	}
	p.mu.Unlock()
	ss, err := openSession(ctx, p.db, p.dialect)
	if err != nil {
		p.slots <- struct{}{}
		return nil, p.dialect.classified(err)
	}
	return ss, nil
}

func (p *readers) run(ctx context.Context, ss *session, fn func(*Tx) error) (err error) {
	healthy := false
	defer func() { p.give(ss, healthy) }() // also when fn ends the goroutine
	tx := &Tx{ctx: ctx, session: ss}
	// Beginning and ending must not be cut short by the caller's leaving.
	clean := context.WithoutCancel(ctx)
	if _, err = ss.exec(clean, "BEGIN"); err != nil {
		return p.dialect.classified(err)
	}
	err = call(fn, tx)
	// A reader has nothing to commit; ROLLBACK also ends after an error.
	_, end := ss.exec(clean, "ROLLBACK")
	healthy = tx.lost == nil && end == nil
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return unavailable(err, "cancelled while reading the database")
	}
	return p.dialect.classified(err)
}

// give returns a connection, or closes it when it can no longer be trusted.
func (p *readers) give(ss *session, healthy bool) {
	if healthy {
		p.mu.Lock()
		p.idle = append(p.idle, ss)
		p.mu.Unlock()
	} else {
		_ = ss.close() // nothing was written through it
	}
	p.slots <- struct{}{}
}

// close waits for running Reads, then closes every connection.
func (p *readers) close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for range cap(p.slots) {
		<-p.slots
	}
	defer func() {
		for range cap(p.slots) {
			p.slots <- struct{}{} // whoever waits in take now learns that it is closed
		}
	}()
	errs := make([]error, 0, len(p.idle)+1)
	for _, ss := range p.idle {
		errs = append(errs, ss.close())
	}
	p.idle = nil
	return errors.Join(append(errs, p.db.Close())...)
}

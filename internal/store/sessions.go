package store

import (
	"context"
	"errors"
	"sync"
)

// sessions hands out connections. The most recently used goes first, so that a
// quiet server keeps few open.
type sessions struct {
	dialect *dialect
	open    func(context.Context) (session, error)
	slots   chan struct{} // one token per connection allowed to be in use

	mu     sync.Mutex
	idle   []session
	closed bool
}

func newSessions(d *dialect, n int, open func(context.Context) (session, error)) *sessions {
	p := &sessions{dialect: d, open: open, slots: make(chan struct{}, n)}
	for range n {
		p.slots <- struct{}{}
	}
	return p
}

// wait takes a slot, which give hands back.
func (p *sessions) wait(ctx context.Context) error {
	if ctx.Err() != nil {
		return errCancelled(ctx)
	}
	select {
	case <-p.slots:
		return nil
	case <-ctx.Done():
		return errCancelled(ctx)
	}
}

// take returns a connection to whoever holds a slot, and whether it is a new
// one. On error the slot is still held.
func (p *sessions) take(ctx context.Context) (ss session, fresh bool, err error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, false, errClosed()
	}
	if n := len(p.idle); n > 0 {
		ss = p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return ss, false, nil
	}
	p.mu.Unlock()
	if ss, err = p.open(ctx); err != nil {
		return nil, true, p.dialect.classified(err)
	}
	return ss, true, nil
}

// drop closes every idle connection: one of them was found dead.
func (p *sessions) drop() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, ss := range idle {
		_ = ss.close() // nothing is under way on it
	}
}

// read runs fn in a transaction that begin starts and that is never committed.
func (p *sessions) read(ctx context.Context, begin string, fn func(*Tx) error) (err error) {
	if err := p.wait(ctx); err != nil {
		return err
	}
	var ss session
	healthy := false
	defer func() { p.give(ss, healthy) }() // also when fn ends the goroutine
	// Beginning and ending must not be cut short by the caller's leaving.
	clean := context.WithoutCancel(ctx)
	for {
		var fresh bool
		if ss, fresh, err = p.take(ctx); err != nil {
			return err
		}
		if _, err = ss.exec(clean, begin); err == nil {
			break
		}
		if fresh || p.dialect.fault(err) != faultLost {
			return p.dialect.classified(err)
		}
		_ = ss.close() // it died while it was idle, and so may have the others
		p.drop()
	}
	tx := &Tx{ctx: ctx, session: ss, dialect: p.dialect}
	err = call(fn, tx)
	// There is nothing to commit; ROLLBACK also ends after an error.
	_, end := ss.exec(clean, "ROLLBACK")
	healthy = tx.lost == nil && end == nil
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return unavailable(err, "cancelled while reading the database")
	}
	return p.dialect.classified(err)
}

// give returns a slot and the connection, if any, or closes it when it can no
// longer be trusted.
func (p *sessions) give(ss session, healthy bool) {
	switch {
	case ss == nil:
	case healthy:
		p.mu.Lock()
		p.idle = append(p.idle, ss)
		p.mu.Unlock()
	default:
		_ = ss.close() // its transaction was never committed
	}
	p.slots <- struct{}{}
}

// close waits for connections in use, then closes every connection.
func (p *sessions) close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	for range cap(p.slots) {
		<-p.slots
	}
	defer func() {
		for range cap(p.slots) {
			p.slots <- struct{}{} // whoever waits now learns that it is closed
		}
	}()
	errs := make([]error, 0, len(p.idle))
	for _, ss := range p.idle {
		errs = append(errs, ss.close())
	}
	p.idle = nil
	return errors.Join(errs...)
}

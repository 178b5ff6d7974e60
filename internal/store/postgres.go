package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// postgresEngine is a database on a server. Each fn has a transaction of its
// own; the server groups the commits.
type postgresEngine struct {
	cfg     Config
	dialect *dialect
	readers *sessions
	writers *sessions

	// turn is held by who tries again and again: of those in each other's way
	// within this process, one at a time goes on.
	turn sync.Mutex

	commits, failed, retried atomic.Int64
}

const (
	beginWrite = "BEGIN ISOLATION LEVEL SERIALIZABLE"
	beginRead  = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

	// maxTries is how often a fn that others are in the way of is run. The
	// pauses between come to some seconds.
	maxTries = 60
	maxPause = 100 * time.Millisecond
)

func openPostgresEngine(ctx context.Context, cfg Config) (*postgresEngine, error) {
	d := postgresDialect()
	if err := preparePostgres(ctx, cfg, d); err != nil {
		return nil, err
	}
	open := func(ctx context.Context) (session, error) { return openPostgres(ctx, cfg) }
	return &postgresEngine{
		cfg: cfg, dialect: d,
		readers: newSessions(d, cfg.Readers, open),
		writers: newSessions(d, cfg.Writers, open),
	}, nil
}

func (p *postgresEngine) read(ctx context.Context, fn func(*Tx) error) error {
	return p.readers.read(ctx, beginRead, fn)
}

func (p *postgresEngine) shared() bool { return true }

func (p *postgresEngine) stats() Stats {
	n := p.commits.Load()
	return Stats{Commits: n, Fns: n, Failed: p.failed.Load(), Retried: p.retried.Load()}
}

func (p *postgresEngine) close() error { return errors.Join(p.readers.close(), p.writers.close()) }

func (p *postgresEngine) tx(ctx context.Context, fn func(*Tx) error) error {
	if err := p.writers.wait(ctx); err != nil {
		return err
	}
	r := &request{fn: fn, done: make(chan error, 1)}
	go p.serve(ctx, r)
	return r.wait(ctx)
}

// attempt is one try of a fn.
type attempt struct {
	ss      session
	healthy bool
	again   bool // nothing happened, and another try may do
	err     error
}

// serve runs r, again if need be, and hands the slot back. ctx is the caller's:
// once that has left, nothing is tried again.
func (p *postgresEngine) serve(ctx context.Context, r *request) {
	a := attempt{err: errGoexit}
	ours := false // holding turn
	defer func() {
		if ours {
			p.turn.Unlock()
		}
		p.writers.give(a.ss, a.healthy)
		if !a.healthy {
			p.failed.Add(1)
		}
		r.err = a.err
		r.answer()
	}()
	for try := 1; ; try++ {
		p.try(r, &a)
		if !a.again || try >= maxTries || ctx.Err() != nil {
			return
		}
		p.retried.Add(1)
		if !a.healthy {
			// It died idle, most likely, and so may have the others.
			_ = a.ss.close()
			a.ss = nil
			p.writers.drop()
			if try > 2 {
				return // new ones die too
			}
		}
		if try == 2 && !ours {
			p.turn.Lock()
			ours = true
		}
		pause(ctx, try)
	}
}

// pause lets others finish, for longer and longer.
func pause(ctx context.Context, try int) {
	most := min(time.Millisecond<<min(try, 10), maxPause)
	t := time.NewTimer(rand.N(most))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// try runs r's fn once in a transaction. It is bounded by the engine's timeout,
// not by the caller, who may leave meanwhile.
func (p *postgresEngine) try(r *request, a *attempt) {
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Timeout)
	defer cancel()
	a.healthy, a.again = false, false
	if a.ss == nil {
		if a.ss, _, a.err = p.writers.take(ctx); a.err != nil {
			return
		}
	}
	if _, err := a.ss.exec(ctx, beginWrite); err != nil {
		p.lost(a, err)
		return
	}
	if !r.claimed.Load() && !r.claim() {
		p.rollback(ctx, a, errGoexit) // the caller has left, nobody hears of it
		return
	}
	tx := &Tx{ctx: ctx, session: a.ss, dialect: p.dialect}
	a.err = errGoexit // should fn end the goroutine
	err := call(r.fn, tx)
	r.after = tx.after
	switch {
	case tx.lost != nil:
		p.lost(a, tx.lost)
		if a.healthy {
			p.rollback(ctx, a, a.err)
		}
	case err != nil:
		p.rollback(ctx, a, err)
	default:
		p.commit(ctx, a)
	}
}

// lost notes an error that ended the transaction before its COMMIT was sent.
func (p *postgresEngine) lost(a *attempt, err error) {
	f := p.dialect.fault(err)
	a.healthy = f == faultRetry || f == faultFull
	a.again = f == faultRetry || f == faultLost
	a.err = p.dialect.classified(err)
}

// rollback ends the transaction; err is what the caller hears.
func (p *postgresEngine) rollback(ctx context.Context, a *attempt, err error) {
	_, end := a.ss.exec(ctx, "ROLLBACK")
	a.healthy, a.err = end == nil, p.dialect.classified(err)
}

// commit answers success only when the server has. What the server says of a
// transaction that it refused is final; without its word, or when it says it on
// its way out, the outcome is unknown.
func (p *postgresEngine) commit(ctx context.Context, a *attempt) {
	_, err := a.ss.exec(ctx, "COMMIT")
	if err == nil {
		p.commits.Add(1)
		a.healthy, a.err = true, nil
		return
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.SeverityUnlocalized == "ERROR" {
		p.lost(a, err)
		return
	}
	a.healthy, a.again, a.err = false, false, errUnknown(err)
}

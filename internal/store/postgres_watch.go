package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// watchEvery is how often a process looks for changes that it was not told of:
// a notification may be lost with its connection, or by a proxy between.
const watchEvery = 400 * time.Millisecond

// watch listens on a connection of its own, and wakes at every notification of a
// change and every watchEvery.
func (p *postgresEngine) watch(ctx context.Context, hint func(string), wake func()) {
	var conn *pgx.Conn
	for ctx.Err() == nil {
		if conn == nil || conn.IsClosed() {
			conn = p.listen(ctx)
		}
		wake() // also for what happened while nobody listened
		for rest := time.Now().Add(watchEvery); ; {
			n := p.await(ctx, conn, rest)
			if n == nil || n.Channel != hintChannel {
				break
			}
			hint(n.Payload)
		}
	}
	if conn != nil {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = conn.Close(closing) // nothing is under way on it
	}
}

// listen returns a connection that hears of changes, or nil: looking does too.
func (p *postgresEngine) listen(ctx context.Context) *pgx.Conn {
	pc, err := p.cfg.connectable()
	if err != nil {
		return nil
	}
	conn, err := pgx.ConnectConfig(ctx, pc)
	if err != nil {
		return nil
	}
	if _, err := conn.Exec(ctx, "LISTEN "+changeChannel+"; LISTEN "+hintChannel); err != nil {
		_ = conn.Close(ctx)
		return nil
	}
	return conn
}

// await returns the next notification, or nil when it is time to look.
func (p *postgresEngine) await(ctx context.Context, conn *pgx.Conn, until time.Time) *pgconn.Notification {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if conn != nil {
		n, err := conn.WaitForNotification(ctx)
		if err == nil || ctx.Err() != nil {
			return n
		}
	}
	<-ctx.Done()
	return nil
}

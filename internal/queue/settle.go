package queue

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/metrics"
	"github.com/ebb-faas/ebb/internal/store"
)

// maxAcks is how many outcomes may share one Tx.
const maxAcks = 256

// ack is an outcome that waits to be written with others.
type ack struct {
	m    *ebb.Message
	out  *Outcome
	err  error // of this one
	done chan error
}

// settle writes a handler's outcome. It tries until that is durable, or known to
// be void, or the process gives up because it ends. It returns the epoch of the
// lease that this was about.
func (l *line) settle(h *held, out *Outcome) (epoch int64) {
	for try := 0; ; try++ {
		l.mu.Lock()
		m, lost := *h.m, h.lost // its epoch may change when a lease ran out
		l.mu.Unlock()
		if lost {
			l.count(h.m).Lost()
			return m.Epoch
		}
		var err error
		if out.kind != settled {
			err = l.write(&m, out)
		}
		switch {
		case err == nil:
			l.settled(h, out)
			return m.Epoch
		case errors.Is(err, store.ErrChanged) && !isRefusal(err):
			// Either another has it, or an earlier try was committed after all.
			l.count(h.m).Lost()
			l.q.log.Debug("a lease had ended before its outcome was written", "queue", l.name, "message", m.ID)
			return m.Epoch
		case isRefusal(err):
			l.q.log.Warn("a message's outcome was refused; it is handled again", "queue", l.name, "message", m.ID, "error", err)
			*out = Later(l.q.cfg.Now().Add(backoff(m.Attempt-1)), nil)
		default:
			if try == 0 {
				l.q.log.Warn("a message's outcome cannot be written yet", "queue", l.name, "message", m.ID, "error", err)
			}
			if !l.pause(backoff(min(try, 2)) / 4) {
				return m.Epoch
			}
		}
	}
}

// pause waits, and reports whether there is still time afterwards.
func (l *line) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	l.mu.Lock()
	life := l.life
	l.mu.Unlock()
	if life == nil {
		return false // stopping: the lease runs out, and the message is handled again
	}
	select {
	case <-timer.C:
		return true
	case <-life.Done():
		return false
	}
}

// settled counts an outcome and, if the message comes again, notes when.
func (l *line) settled(h *held, out *Outcome) {
	c := l.count(h.m)
	switch out.kind {
	case done, settled:
		c.Done()
	case dead:
		c.Died()
	case repeat:
		c.Done()
		if h.lane != nil { // after a suspect, all lanes are looked at
			l.mu.Lock()
			l.expect(h.lane, out.at)
			l.mu.Unlock()
		}
	case later:
		c.Again()
		l.mu.Lock()
		if h.lane == nil || h.m.Crashes+1 >= store.SuspectCrashes && out.crash {
			l.rescan = true
		} else {
			l.expect(h.lane, out.at)
		}
		l.mu.Unlock()
	}
}

// count is where what becomes of m is counted.
func (l *line) count(m *ebb.Message) *metrics.Queue {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts[m.Lane]
	if c == nil && l.q.cfg.Metrics != nil {
		c = l.q.cfg.Metrics.Queue(l.name, m.Service, groupOf(m.Lane))
		l.counts[m.Lane] = c
	}
	return c
}

// write makes an outcome durable. One without a Tx fn shares its Tx with others,
// as do all of a queue with Options.Together.
func (l *line) write(m *ebb.Message, out *Outcome) error {
	if out.fn != nil && !l.opts.Together {
		return l.q.store.Tx(context.Background(), func(tx *store.Tx) error { return out.apply(tx, &l.q.cfg, m) })
	}
	a := &ack{m: m, out: out, done: make(chan error, 1)}
	l.q.acks <- a
	return <-a.done
}

// What waits between two Txs of outcomes, so that those that end about the same
// time are one: for how long, or until how many there are.
const (
	ackPause = 4 * time.Millisecond
	ackCrowd = 64
)

// acknowledge writes outcomes, those that wait together in one Tx, until ctx
// ends. It ends after the last handler did.
func (q *Queue) acknowledge(ctx context.Context) {
	batch := make([]*ack, 0, maxAcks)
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		batch = batch[:0]
		select {
		case a := <-q.acks:
			batch = append(batch, a)
		case <-ctx.Done():
			return
		}
	more:
		for paused := false; len(batch) < maxAcks; {
			select {
			case a := <-q.acks:
				batch = append(batch, a)
				continue
			default:
			}
			if paused || len(batch) >= ackCrowd {
				break more
			}
			select {
			case a := <-q.acks:
				batch = append(batch, a)
			case <-pause.C:
				paused = true
			}
		}
		q.writeAll(batch)
		pause.Reset(ackPause)
	}
}

// writeAll writes outcomes in one Tx. One whose own fn fails is undone with the
// others, which are written again without it.
func (q *Queue) writeAll(batch []*ack) {
	for len(batch) > 0 {
		bad := -1
		err := q.store.Tx(context.Background(), func(tx *store.Tx) error {
			bad = -1
			for i, a := range batch {
				a.err = a.out.apply(tx, &q.cfg, a.m)
				if isRefusal(a.err) {
					bad = i
					return a.err
				}
				if a.err != nil && !errors.Is(a.err, store.ErrChanged) {
					return a.err
				}
			}
			return nil
		})
		if isRefusal(err) {
			batch[bad].done <- err
			batch = slices.Delete(batch, bad, bad+1)
			continue
		}
		for _, a := range batch {
			if err == nil {
				a.done <- a.err
			} else {
				a.done <- err
			}
		}
		return
	}
}

// sorted orders messages by age.
func sorted(ms []*ebb.Message) []*ebb.Message {
	slices.SortFunc(ms, func(a, b *ebb.Message) int {
		return cmp.Or(a.EnqueuedAt.Compare(b.EnqueuedAt), cmp.Compare(a.ID, b.ID))
	})
	return ms
}

// renewals is how often a lease is renewed before it would end.
const renewals = 3

// renew moves the ends of the leases that have less than two thirds left.
func (q *Queue) renew(ctx context.Context) {
	for _, l := range q.lines {
		now := q.cfg.Now()
		due := l.leases(now.Add(q.cfg.Visibility * (renewals - 1) / renewals))
		if len(due) == 0 {
			continue
		}
		until := now.Add(q.cfg.Visibility)
		var lost map[ebb.MessageKey]bool
		err := q.store.Tx(ctx, func(tx *store.Tx) (err error) {
			lost, err = renewAll(tx, due, until)
			return err
		})
		if err != nil {
			if ctx.Err() == nil {
				q.log.Warn("leases cannot be renewed", "queue", l.name, "error", err)
			}
			continue
		}
		l.renewed(due, lost, until)
	}
}

// leases returns what this process holds until before at most.
func (l *line) leases(before time.Time) (ms []ebb.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.held {
		if !h.lost && h.m.Leased && h.until.Before(before) {
			ms = append(ms, ebb.Message{MessageKey: h.m.MessageKey, Epoch: h.m.Epoch})
		}
	}
	return ms
}

// renewLate renews what ran out, before it is claimed as somebody's who is gone:
// after the machine slept, or the disk was full.
func (l *line) renewLate(tx *store.Tx, now, until time.Time) error {
	late := l.leases(now)
	if len(late) == 0 {
		return nil
	}
	lost, err := renewAll(tx, late, until)
	if err == nil {
		tx.AfterCommit(func() { l.renewed(late, lost, until) })
	}
	return err
}

func renewAll(tx *store.Tx, ms []ebb.Message, until time.Time) (lost map[ebb.MessageKey]bool, err error) {
	lost = make(map[ebb.MessageKey]bool)
	for _, m := range ms {
		err := tx.RenewMessage(m.MessageKey, m.Epoch, until)
		if errors.Is(err, store.ErrChanged) {
			lost[m.MessageKey] = true
		} else if err != nil {
			return nil, err
		}
	}
	return lost, nil
}

// renewed notes the new ends, and ends the handlers of what was lost.
func (l *line) renewed(ms []ebb.Message, lost map[ebb.MessageKey]bool, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range ms {
		h := l.held[m.MessageKey]
		switch {
		case h == nil || h.m.Epoch != m.Epoch: // settled meanwhile
		case lost[m.MessageKey]:
			l.lose(h, ErrLost)
		default:
			h.until = until
		}
	}
}

// lose has a message's handler end, if it began.
func (l *line) lose(h *held, cause error) {
	h.lost = true
	if h.cancel != nil {
		h.cancel(cause)
	}
}

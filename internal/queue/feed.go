package queue

import (
	"context"
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

const (
	claimLanes = 16          // lanes looked at in one Tx
	faultPause = time.Second // before claiming again after the database failed
	farAway    = 365 * 24 * time.Hour
)

// order is one thing to do in the Tx of a claim, and what it came to.
type order struct {
	lane *lane
	name string
	want int

	got  []*ebb.Message
	next time.Time // when the lane's next message is due; zero = there is none
}

// plan is what one turn of a line's feeder does.
type plan struct {
	orders  []*order
	suspect int // how many suspects to claim
	most    int // of those that crashed as often or less
	rescan  bool
	pause   time.Duration // how long to wait when there is nothing to do
}

func (p *plan) empty() bool { return len(p.orders) == 0 && p.suspect == 0 && !p.rescan }

// run claims due messages until ctx ends, then waits for the handlers.
func (l *line) run(ctx, life context.Context) error {
	l.open(ctx, life)
	scanned := l.q.cfg.Now()
	for ctx.Err() == nil {
		now := l.q.cfg.Now()
		p := l.plan(now, !now.Before(scanned.Add(l.q.cfg.Rescan)))
		if p.empty() {
			l.wait(ctx, min(p.pause, scanned.Add(l.q.cfg.Rescan).Sub(now)))
			continue
		}
		if p.rescan {
			scanned = now
		}
		if err := l.claim(ctx, p); err != nil {
			l.restore(p)
			if ctx.Err() == nil {
				l.q.log.Warn("messages cannot be claimed", "queue", l.name, "error", err)
				l.wait(ctx, faultPause)
			}
		}
	}
	l.giveBack()
	l.work.Wait()
	return nil
}

// open begins: what an earlier process left leased is due, if this one is alone.
func (l *line) open(ctx, life context.Context) {
	for l.q.cfg.Exclusive && ctx.Err() == nil {
		var n int64
		err := l.q.store.Tx(ctx, func(tx *store.Tx) (err error) {
			n, err = tx.EndLeases(l.name, l.q.cfg.Now())
			return err
		})
		if err == nil {
			if n > 0 {
				l.q.log.Info("messages of an earlier run are taken up again", "queue", l.name, "messages", n)
			}
			break
		}
		l.q.log.Warn("messages of an earlier run wait", "queue", l.name, "error", err)
		l.wait(ctx, faultPause)
	}
	l.mu.Lock()
	l.life, l.rescan = life, true
	l.mu.Unlock()
}

func (l *line) wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(max(d, time.Millisecond))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-l.woken:
	case <-timer.C:
	}
}

// plan decides what the next turn does.
func (l *line) plan(now time.Time, rescan bool) *plan {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := &plan{rescan: rescan || l.rescan, pause: farAway}
	l.rescan = false
	for len(l.clock) > 0 && !l.clock[0].next.After(now) {
		n := l.clock[0]
		l.clock.set(n, time.Time{})
		n.hungry = true
		l.hungry.push(n)
	}
	ahead := l.ahead()
	for len(p.orders) < claimLanes {
		n := l.hungry.pop(func(n *lane) bool {
			return l.room(n)+ahead > len(n.ready) && (!l.late() || n.running+len(n.ready) == 0)
		})
		if n == nil {
			break
		}
		n.hungry = false
		p.orders = append(p.orders, &order{lane: n, name: n.name, want: l.room(n) + ahead - len(n.ready)})
	}
	if len(p.orders) > 0 {
		l.finished, l.claiming = 0, true
		l.precedes()
	}
	if s := &l.suspects; !s.next.IsZero() {
		if !s.next.After(now) {
			p.suspect, p.most = s.room()
		} else {
			p.pause = min(p.pause, s.next.Sub(now))
		}
	}
	if len(l.clock) > 0 {
		p.pause = min(p.pause, l.clock[0].next.Sub(now))
	}
	return p
}

// restore undoes what planning took: nothing was claimed, or nobody knows.
func (l *line) restore(p *plan) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.claiming = false
	for _, o := range p.orders {
		if !o.lane.hungry {
			l.clock.set(o.lane, time.Time{})
			o.lane.hungry = true
			l.hungry.push(o.lane)
		}
	}
	l.rescan = l.rescan || p.rescan
}

// claim carries a plan out in one Tx and starts what it brought.
func (l *line) claim(ctx context.Context, p *plan) error {
	var odd []*ebb.Message // the suspects claimed
	var oddNext time.Time
	var found map[string]time.Time
	err := l.q.store.Tx(ctx, func(tx *store.Tx) (err error) {
		now := l.q.cfg.Now()
		until := now.Add(l.q.cfg.Visibility)
		if err := l.renewLate(tx, now, until); err != nil {
			return err
		}
		for _, o := range p.orders {
			if err := o.fill(tx, l, now, until); err != nil {
				return err
			}
		}
		odd = nil
		if p.suspect > 0 {
			if odd, err = tx.ClaimSuspects(l.name, p.most, now, until, p.suspect); err != nil {
				return err
			}
		}
		if oddNext, err = none(tx.NextSuspect(l.name)); err != nil {
			return err
		}
		if p.rescan {
			found, err = l.scan(tx)
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(p.orders) > 0 {
		l.q.cfg.Failpoint("claimed")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range p.orders {
		l.take(o)
	}
	for name, due := range found {
		l.expect(l.lane(name), due)
	}
	l.suspects.claimed(p, len(odd), oddNext)
	for _, m := range odd {
		l.single(m)
	}
	l.claiming = false
	l.precedes()
	l.start()
	return nil
}

// late reports whether messages are leased in the Tx of their outcome only: they
// are of many that end at once, and nobody else could have them meanwhile. A lane
// then has no others until all of them have ended.
func (l *line) late() bool { return l.opts.Together && l.q.cfg.Exclusive }

// fill claims what an order asks for.
func (o *order) fill(tx *store.Tx, l *line, now, until time.Time) (err error) {
	done := false
	if l.late() {
		if o.got, done, err = lookAt(tx, l.name, o, now); err != nil {
			return err
		}
	}
	if !done {
		if o.got, err = tx.ClaimMessages(l.name, o.name, now, until, o.want); err != nil {
			return err
		}
	}
	o.next, err = none(tx.NextMessage(l.name, o.name))
	return err
}

// lookAt finds what is to be leased later, as it will be then; not ok if some
// of it was leased by a process that is gone, which is to be counted.
func lookAt(tx *store.Tx, queue string, o *order, now time.Time) (ms []*ebb.Message, ok bool, err error) {
	if ms, err = tx.DueMessages(queue, o.name, now, o.want); err != nil {
		return nil, false, err
	}
	for _, m := range ms {
		if m.Leased {
			return nil, false, nil
		}
		m.Epoch++
		m.Attempt++
	}
	return ms, true, nil
}

// take starts what an order brought, the oldest first.
func (l *line) take(o *order) {
	for _, m := range sorted(o.got) {
		l.hold(o.lane, m)
	}
	switch {
	case o.lane.hungry:
	case o.next.IsZero():
		l.sweep(o.lane)
	default:
		l.expect(o.lane, o.next)
	}
}

// scan finds every lane that has live messages, and when the first is due.
func (l *line) scan(tx *store.Tx) (map[string]time.Time, error) {
	found := make(map[string]time.Time)
	for after := ""; ; {
		name, due, err := tx.NextLane(l.name, after)
		if errors.Is(err, store.ErrNotFound) {
			return found, nil
		}
		if err != nil {
			return nil, err
		}
		found[name], after = due, name
	}
}

// giveBack ends the leases of what was not begun, and takes no more.
func (l *line) giveBack() {
	l.mu.Lock()
	l.life = nil
	var back []*ebb.Message
	for n := l.ready.pop(func(*lane) bool { return true }); n != nil; n = l.ready.pop(func(*lane) bool { return true }) {
		for _, h := range n.ready {
			delete(l.held, h.m.MessageKey)
			if !h.lost && h.m.Leased {
				back = append(back, h.m)
			}
		}
		n.ready, n.queued = nil, false
		l.waiting = 0
	}
	l.precedes()
	l.mu.Unlock()
	if len(back) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.q.cfg.Visibility/2)
	defer cancel()
	err := l.q.store.Tx(ctx, func(tx *store.Tx) error {
		for _, m := range back {
			err := tx.ReleaseMessage(m.MessageKey, m.Epoch, l.q.cfg.Now(), false, m.Crashes, nil)
			if err != nil && !errors.Is(err, store.ErrChanged) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		l.q.log.Warn("leased messages wait until their leases end", "queue", l.name, "messages", len(back), "error", err)
	}
}

// none turns "not found" into the zero time.
func none(t time.Time, err error) (time.Time, error) {
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	return t, err
}

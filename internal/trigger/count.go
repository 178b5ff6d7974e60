package trigger

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// flushEvery is how often counts are written, flushMost of how many triggers then at
// most: those of very many that fire at once do not keep others from the database.
const (
	flushEvery = time.Second
	flushMost  = 4 * page
)

// counts are those not written yet.
type counts struct {
	mu      sync.Mutex
	pending map[ebb.TriggerID]*ebb.TriggerCounts
}

// Count adds to what became of a trigger's events. It is cheap: the database has
// it a second later.
func (g *Triggers) Count(t ebb.TriggerRef, c ebb.TriggerCounts) {
	if m := g.deps.Metrics; m != nil {
		for _, of := range [...]struct {
			outcome string
			n       int64
		}{
			{"taken", c.Taken}, {"filtered", c.Filtered}, {"delivered", c.Delivered}, {"retried", c.Retried}, {"failed", c.Failed}, {"dead", c.Dead},
		} {
			if of.n > 0 {
				m.TriggerEvents(t, of.outcome, of.n)
			}
		}
	}
	if c.Taken > 0 && c.TakenAt.IsZero() {
		c.TakenAt = g.cfg.Now()
	}
	g.counts.mu.Lock()
	defer g.counts.mu.Unlock()
	if g.counts.pending == nil {
		g.counts.pending = make(map[ebb.TriggerID]*ebb.TriggerCounts)
	}
	sum := g.counts.pending[t.ID]
	if sum == nil {
		sum = new(ebb.TriggerCounts)
		g.counts.pending[t.ID] = sum
	}
	add(sum, &c)
}

// add adds c to sum, whose result is the later one.
func add(sum, c *ebb.TriggerCounts) {
	sum.Taken += c.Taken
	sum.Filtered += c.Filtered
	sum.Delivered += c.Delivered
	sum.Retried += c.Retried
	sum.Failed += c.Failed
	sum.Dead += c.Dead
	if c.TakenAt.After(sum.TakenAt) {
		sum.TakenAt = c.TakenAt
	}
	if !c.ResultAt.Before(sum.ResultAt) {
		sum.Result, sum.ResultAt = c.Result, c.ResultAt
	}
}

// flush writes the counts of up to most triggers, in pages. Those that are not
// written are kept.
func (g *Triggers) flush(ctx context.Context, most int) error {
	g.counts.mu.Lock()
	pending := g.counts.pending
	g.counts.pending = nil
	g.counts.mu.Unlock()
	defer func() { g.keepCounts(pending) }()
	some := make([]ebb.TriggerID, 0, min(len(pending), most))
	for id := range pending { // any: none waits for ever
		if len(some) < most {
			some = append(some, id)
		}
	}
	slices.Sort(some)
	for ids := range slices.Chunk(some, page) {
		err := g.deps.Store.Tx(ctx, func(tx *store.Tx) error {
			for _, id := range ids { // in order, so that two nodes do not wait for each other
				if err := tx.AddTriggerCounts(id, pending[id]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			delete(pending, id)
		}
	}
	return nil
}

// keepCounts puts back what was not written.
func (g *Triggers) keepCounts(pending map[ebb.TriggerID]*ebb.TriggerCounts) {
	if len(pending) == 0 {
		return
	}
	g.counts.mu.Lock()
	defer g.counts.mu.Unlock()
	for id, sum := range g.counts.pending {
		if older := pending[id]; older != nil {
			add(older, sum)
		} else {
			pending[id] = sum
		}
	}
	g.counts.pending = pending
}

// RunCounts writes counts until ctx ends, and once more then. It is to outlive
// those who count.
func (g *Triggers) RunCounts(ctx context.Context) error {
	const last = 5 * time.Second
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), last)
			defer cancel()
			if err := g.flush(ctx, math.MaxInt); err != nil {
				g.deps.Log.Warn("what became of the last events of triggers is not counted", "error", err)
			}
			return nil
		case <-tick.C:
		}
		if err := g.flush(ctx, flushMost); err != nil && ctx.Err() == nil {
			g.deps.Log.Error("counts of triggers are not written; they are kept", "error", err)
		}
	}
}

// Counts returns what became of a trigger's events, a second ago.
func (g *Triggers) Counts(ctx context.Context, t *ebb.Trigger) (c *ebb.TriggerCounts, err error) {
	err = g.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		c, err = tx.TriggerCounts(t.ID)
		return err
	})
	return c, err
}

// Failing returns up to limit triggers that fail.
func (g *Triggers) Failing(ctx context.Context, limit int) (refs []ebb.TriggerRef, err error) {
	err = g.deps.Store.Read(ctx, func(tx *store.Tx) (err error) {
		refs, err = tx.FailingTriggers(limit)
		return err
	})
	return refs, err
}

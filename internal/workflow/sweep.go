package workflow

import (
	"context"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// How often what is old is swept, and how much of it in one transaction.
const (
	sweepEvery = 10 * time.Minute
	sweepBatch = 50
)

func (e *Engine) sweepUntil(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := e.sweep(ctx); err != nil && ctx.Err() == nil {
			e.log.Warn("old executions stay", "error", err)
		}
	}
}

// sweep removes executions that ended longer ago than Config.Retention, and
// revisions that nothing refers to.
func (e *Engine) sweep(ctx context.Context) error {
	before := e.now().Add(-e.cfg.Retention)
	for {
		var ids []ebb.ExecutionID
		err := e.store.Tx(ctx, func(tx *store.Tx) (err error) {
			if ids, err = tx.OldExecutions(before, sweepBatch); err != nil {
				return err
			}
			for _, id := range ids {
				if err := tx.DeleteExecution(id); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if len(ids) < sweepBatch {
			break
		}
	}
	// A revision that was just made is not referred to yet.
	hour := e.now().Add(-time.Hour)
	return e.store.Tx(ctx, func(tx *store.Tx) error {
		_, err := tx.SweepStateMachineRevisions(hour)
		return err
	})
}

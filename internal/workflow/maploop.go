package workflow

import (
	"context"
	"iter"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// lookEvery is how often a map run looks at its row, and for children that ended
// in other processes.
const lookEvery = time.Second

// run starts children as places become free, until there are no more or too
// many have failed, and tells the parent.
func (r *mapRun) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, stop := iter.Pull(r.inputs(ctx))
	defer stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	more := true
	for {
		total := r.items
		if more { // a percentage of what is not known yet cannot be exceeded
			total = 1 << 50
		}
		if r.exceeded(total) {
			return r.fail(ctx, cancel, failuref(asl.ErrToleratedExceeded, "The specified tolerated failure threshold was exceeded"))
		}
		for more && r.busy() < r.limit() {
			in, ok := next()
			if !ok {
				more = false
				if err := r.known(ctx); err != nil {
					return err
				}
				break
			}
			if in.fail != nil {
				return r.fail(ctx, cancel, in.fail)
			}
			item := r.children
			r.children++
			if !r.begin(item) {
				continue
			}
			if err := r.start(ctx, item, in); err != nil {
				return err
			}
		}
		if !more && r.busy() == 0 {
			return r.succeed(ctx)
		}
		select {
		case <-r.bell:
		case <-look.C:
			if err := r.look(ctx); err != nil {
				return err
			}
		case err := <-r.writing:
			r.writing = nil
			if err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err := r.collect(ctx); err != nil {
			return err
		}
	}
}

// collect looks at the children that ended.
func (r *mapRun) collect(ctx context.Context) error {
	r.mu.Lock()
	came := r.came
	r.came = nil
	r.mu.Unlock()
	for _, c := range came {
		if c == nil {
			if err := r.look(ctx); err != nil {
				return err
			}
			continue
		}
		if r.count(c) && r.plan.Run.Express {
			r.results = append(r.results, c)
		}
	}
	if len(r.results) > 0 && r.writing == nil {
		r.flush(ctx)
	}
	return nil
}

// flushMost is how many results one transaction writes.
const flushMost = 1000

// flush begins to write results of Express children.
func (r *mapRun) flush(ctx context.Context) {
	n := min(len(r.results), flushMost)
	batch := r.results[:n:n]
	r.results = r.results[n:]
	done := make(chan error, 1)
	r.writing = done
	go func() {
		done <- r.engine.store.Tx(ctx, func(tx *store.Tx) error {
			for _, c := range batch {
				if err := tx.PutMapRunChild(r.row.ID, c); err != nil {
					return err
				}
			}
			return nil
		})
	}()
}

// settleResults writes all results there are.
func (r *mapRun) settleResults(ctx context.Context) error {
	for r.writing != nil || len(r.results) > 0 {
		if r.writing == nil {
			r.flush(ctx)
		}
		if err := <-r.writing; err != nil {
			return err
		}
		r.writing = nil
	}
	return nil
}

// known notes how many items and children there are.
func (r *mapRun) known(ctx context.Context) error {
	r.row.Items, r.row.Children = r.items, r.children
	return r.engine.store.Tx(ctx, func(tx *store.Tx) error {
		row, err := tx.MapRun(r.row.ID)
		if err != nil {
			return err
		}
		row.Items, row.Children = r.row.Items, r.row.Children
		return tx.UpdateMapRun(row)
	})
}

// look reads the row, and children that ended in other processes, or before this
// one knew of the map run.
func (r *mapRun) look(ctx context.Context) error {
	var ended []*ebb.MapRunChild
	err := r.engine.store.Read(ctx, func(tx *store.Tx) error {
		row, err := tx.MapRun(r.row.ID)
		if err != nil {
			return err
		}
		r.row = row
		if r.plan.Run.Express {
			return nil
		}
		counts, err := tx.CountMapRunChildren(row.ID)
		if err != nil {
			return err
		}
		ended = nil
		for status, n := range counts {
			if n.Children > r.ended.children[status] {
				return tx.MapRunChildren(row.ID, -1, 1<<30, func(c *ebb.MapRunChild) error {
					ended = append(ended, c)
					return nil
				})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if r.row.Status != ebb.ExecutionRunning {
		return errUnwanted
	}
	for _, c := range ended {
		r.count(c)
	}
	return nil
}

// fail ends the map run, and the children that run.
func (r *mapRun) fail(ctx context.Context, cancel context.CancelFunc, f *failure) error {
	if err := r.settleResults(ctx); err != nil {
		return err
	}
	life := context.WithoutCancel(ctx)
	cancel()
	if err := r.engine.stopChildren(life, r.row.ID); err != nil {
		return err
	}
	if err := r.keep(life, f); err != nil {
		return err
	}
	return r.end(life, ebb.ExecutionFailed, asl.Event{Kind: asl.MapRunFailed, Op: r.plan.Run.Op, Error: &f.name, Cause: &f.cause})
}

// keep writes the results of a map run in which too many failed: what succeeded
// and what to look into. That it cannot be written is told in the log, and the
// map run fails for the reason that it had before.
func (r *mapRun) keep(ctx context.Context, f *failure) error {
	w := r.plan.Run.Writer
	if w == nil || w.Resource == "" || f.name != asl.ErrToleratedExceeded {
		return nil
	}
	_, lost, err := r.write(ctx)
	if err != nil {
		return err
	}
	if lost != nil {
		r.engine.log.Warn("results of a map run that failed are not written", "mapRun", r.row.ARN(r.engine.cfg.Region), "error", lost)
		return nil
	}
	for _, n := range r.ended.children {
		r.row.ResultsWritten += n
	}
	return nil
}

// succeed writes or gathers the results, and ends the map run.
func (r *mapRun) succeed(ctx context.Context) error {
	if err := r.settleResults(ctx); err != nil {
		return err
	}
	tell := r.gather
	if w := r.plan.Run.Writer; w != nil && w.Resource != "" {
		tell = r.write
	}
	output, fail, err := tell(ctx)
	if err != nil {
		return err
	}
	if fail != nil {
		return r.fail(ctx, func() {}, fail)
	}
	r.row.ResultsWritten = r.ended.children[ebb.ExecutionSucceeded]
	return r.end(ctx, ebb.ExecutionSucceeded, asl.Event{Kind: asl.MapRunSucceeded, Op: r.plan.Run.Op, Output: &output})
}

func (r *mapRun) end(ctx context.Context, status string, event asl.Event) error {
	now := r.engine.now()
	return r.engine.deliver(ctx, r.row.Execution, &arrival{
		events: []asl.Event{event}, ask: wanted(r.plan.Run.Op),
		also: func(tx *store.Tx) error {
			row, err := tx.MapRun(r.row.ID)
			if err != nil {
				return err
			}
			row.Status, row.StoppedAt, row.ResultsWritten = status, now, r.row.ResultsWritten
			row.Items, row.Children = r.items, r.children
			return tx.UpdateMapRun(row)
		},
	})
}

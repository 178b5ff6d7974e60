package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// mapPlan is what a map run is to do, the same after every restart.
type mapPlan struct {
	Run *asl.MapRun `json:"run"`
	Env asl.Env     `json:"env"` // in which ItemSelector is evaluated
}

// newMapRun makes the row of a map run that was decided on, and the event that
// tells its ARN.
func (e *Engine) newMapRun(ctx context.Context, l *live, s *step, run *asl.MapRun, env asl.Env) (asl.Event, error) {
	plan, err := json.Marshal(mapPlan{run, asl.Env{Now: env.Now, Seed: env.Seed}})
	if err != nil {
		return asl.Event{}, err
	}
	label := run.Label
	if label == "" {
		h := sha256.Sum256([]byte(l.machine.revision.ID + " " + run.State))
		id, err := uuid.Parse(hex.EncodeToString(h[:16]))
		if err != nil {
			return asl.Event{}, err
		}
		label = id.String()
	}
	row := &ebb.MapRun{
		ID: newID(), Execution: l.id, Op: run.Op, Service: l.execution.Service, Machine: l.execution.Machine, Label: label,
		Status: ebb.ExecutionRunning, StartedAt: env.Now, MaxConcurrency: int64(run.MaxConcurrency), ToleratedCount: -1, ToleratedPercentage: -1,
		Items: -1, Children: -1, Plan: string(plan),
	}
	if run.ToleratedCount != nil {
		row.ToleratedCount = *run.ToleratedCount
	}
	if run.ToleratedPercentage != nil {
		row.ToleratedPercentage = *run.ToleratedPercentage
	}
	event := asl.Event{Kind: asl.MapRunStarted, Op: run.Op, ARN: row.ARN(e.cfg.Region)}
	if run.Redrive != "" {
		row.ID = run.Redrive[strings.LastIndexByte(run.Redrive, ':')+1:]
		row.RedrivenAt = env.Now
		var old *ebb.MapRun
		if err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
			old, err = tx.MapRun(row.ID)
			return err
		}); err != nil {
			return asl.Event{}, err
		}
		event = asl.Event{Kind: asl.MapRunRedriven, Op: run.Op, ARN: run.Redrive, Count: old.RedriveCount + 1}
	}
	s.mapRuns = append(s.mapRuns, row)
	return event, nil
}

// writeMapRun adds a map run, or has one go on, and the message that runs it.
func (e *Engine) writeMapRun(tx *store.Tx, run *ebb.MapRun) error {
	if run.RedrivenAt.IsZero() {
		if err := tx.InsertMapRun(run); err != nil {
			return err
		}
	} else {
		old, err := tx.MapRun(run.ID)
		if err != nil {
			return err
		}
		old.Op, old.Plan, old.Status, old.StoppedAt = run.Op, run.Plan, ebb.ExecutionRunning, time.Time{}
		old.RedriveCount++
		old.RedrivenAt, old.ResultsWritten = run.RedrivenAt, 0
		if err := tx.UpdateMapRun(old); err != nil {
			return err
		}
		if err := tx.DeleteMapRunChildren(run.ID); err != nil {
			return err
		}
		if err := tx.PendRedrives(run.ID); err != nil {
			return err
		}
	}
	return e.enqueue(tx, run.Service, queueMap, time.Time{}, work{Machine: run.Machine, MapRun: run.ID})
}

// childOf is what a map run keeps of a child that ended.
func childOf(x *ebb.Execution) *ebb.MapRunChild {
	return &ebb.MapRunChild{
		Item: x.Item, Status: x.Status, Items: x.Settings.Items,
		Outcome: ebb.MapRunOutcome{ExecutionOutcome: x.Outcome, Name: x.Name, Input: x.Input, Started: x.StartedAt.UnixMilli(), Stopped: x.StoppedAt.UnixMilli()},
	}
}

// MapRun finds a map run by its ARN.
func (e *Engine) MapRun(ctx context.Context, arn string) (m *ebb.MapRun, err error) {
	a, ok := ebb.ParseStatesARN(arn)
	switch {
	case !ok:
		return nil, InvalidARN(arn)
	case a.Kind != "mapRun":
		return nil, wrongKind(a.Kind)
	}
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		m, err = tx.MapRun(a.Rest)
		if err == nil && (m.Service != a.Service || m.Machine+"/"+m.Label != a.Name) {
			err = store.ErrNotFound
		}
		return found(err, noResource(arn))
	})
	return m, err
}

// MapRuns lists up to limit map runs of an execution after an id.
func (e *Engine) MapRuns(ctx context.Context, x *ebb.Execution, after string, limit int) (ms []*ebb.MapRun, more bool, err error) {
	err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		ms, err = tx.MapRuns(x.ID, after, limit+1)
		return err
	})
	ms, more = cut(ms, limit)
	return ms, more, err
}

// MapRunCounts is how far a map run is: children and items by status.
type MapRunCounts struct {
	Executions, Items map[string]int64
	Pending           [2]int64 // executions, items
	Total             [2]int64
}

// Counts says how far a map run is.
func (e *Engine) Counts(ctx context.Context, run *ebb.MapRun) (*MapRunCounts, error) {
	c := &MapRunCounts{Executions: make(map[string]int64), Items: make(map[string]int64)}
	err := e.store.Read(ctx, func(tx *store.Tx) error {
		ended, err := tx.CountMapRunChildren(run.ID)
		if err != nil {
			return err
		}
		for status, n := range ended {
			c.Executions[status], c.Items[status] = n.Children, n.Items
		}
		standard, err := tx.CountMapRunExecutions(run.ID)
		c.Executions[ebb.ExecutionRunning] = standard[ebb.ExecutionRunning]
		c.Executions[ebb.ExecutionPendingRedrive] = standard[ebb.ExecutionPendingRedrive]
		return err
	})
	if err != nil {
		return nil, err
	}
	if n := e.mapRuns.running(run.ID); n > 0 {
		c.Executions[ebb.ExecutionRunning] = n
	}
	c.Items[ebb.ExecutionRunning] = c.Executions[ebb.ExecutionRunning]
	c.Total = [2]int64{max(run.Children, 0), max(run.Items, 0)}
	known := [2]int64{}
	for _, n := range c.Executions {
		known[0] += n
	}
	for _, n := range c.Items {
		known[1] += n
	}
	for i := range c.Pending {
		c.Pending[i] = max(c.Total[i]-known[i], 0)
		c.Total[i] = max(c.Total[i], known[i])
	}
	return c, nil
}

// UpdateMapRun changes the limits of a map run that runs; what is nil stays.
func (e *Engine) UpdateMapRun(ctx context.Context, arn string, concurrency, count *int64, percentage *float64) error {
	run, err := e.MapRun(ctx, arn)
	if err != nil {
		return err
	}
	err = e.store.Tx(ctx, func(tx *store.Tx) error {
		m, err := tx.MapRun(run.ID)
		if err != nil {
			return err
		}
		if m.Status != ebb.ExecutionRunning {
			return &ebb.Error{Kind: ebb.Invalid, Type: ebb.TypeValidation, Reason: "CANNOT_UPDATE_COMPLETED_MAP_RUN", Message: "Map Run has completed and cannot be updated: '" + arn + "'"}
		}
		if concurrency != nil {
			m.MaxConcurrency = *concurrency
		}
		if count != nil {
			m.ToleratedCount = *count
		}
		if percentage != nil {
			m.ToleratedPercentage = *percentage
		}
		return tx.SetMapRunLimits(m.ID, m.MaxConcurrency, m.ToleratedCount, m.ToleratedPercentage)
	})
	e.mapRuns.wake(run.ID)
	return err
}

// abortMapRun ends a map run that nobody waits for any more.
func (e *Engine) abortMapRun(ctx context.Context, id string) error {
	now := e.now()
	err := e.store.Tx(ctx, func(tx *store.Tx) error {
		m, err := tx.MapRun(id)
		if err != nil || m.Status != ebb.ExecutionRunning {
			return err
		}
		m.Status, m.StoppedAt = ebb.ExecutionAborted, now
		return tx.UpdateMapRun(m)
	})
	if err != nil {
		return err
	}
	e.mapRuns.wake(id)
	return e.stopChildren(ctx, id)
}

// stopChildren stops the executions of a map run.
func (e *Engine) stopChildren(ctx context.Context, id string) error {
	for {
		var xs []*ebb.Execution
		if err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
			xs, err = tx.Executions(store.ExecutionFilter{MapRun: id, Status: ebb.ExecutionRunning, Limit: 100})
			return err
		}); err != nil || len(xs) == 0 {
			return err
		}
		for _, x := range xs {
			if err := e.stop(ctx, x.ID, nil, nil); err != nil {
				return err
			}
		}
	}
}

// handleMapRun runs a map run to its end, or until the process ends.
func (e *Engine) handleMapRun(ctx context.Context, m *queue.Message) queue.Outcome {
	w, err := e.read(ctx, m)
	if err != nil || w.MapRun == "" {
		return queue.Dead("not a map run", nil)
	}
	r, err := e.openMapRun(ctx, w.MapRun)
	if err != nil {
		return e.settle(m, err)
	}
	if r.row.Status != ebb.ExecutionRunning {
		return queue.Done(nil)
	}
	e.mapRuns.add(r)
	defer e.mapRuns.remove(r)
	err = r.run(ctx)
	if errors.Is(err, errUnwanted) {
		err = e.abortMapRun(ctx, r.row.ID)
	}
	return e.settle(m, err)
}

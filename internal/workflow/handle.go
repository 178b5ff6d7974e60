package workflow

import (
	"context"
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// again is when a message comes again whose work could not be done now.
const again = time.Second

// settle is what becomes of a message after its arrival was delivered.
func (e *Engine) settle(m *queue.Message, err error) queue.Outcome {
	switch {
	case err == nil, errors.Is(err, errUnwanted):
		return queue.Done(nil)
	case errors.Is(err, store.ErrNotFound):
		return queue.Dead("the execution is no more", nil)
	}
	e.log.Warn("a step of a workflow comes again", "queue", m.Queue, "message", string(m.ID), "error", err)
	return queue.Later(e.cfg.Now().Add(again), nil)
}

// conclude delivers what the work of a message came to, and in the same
// transaction the message is done. If its lease ended meanwhile, whoever has it
// now finds that nobody waits.
func (e *Engine) conclude(ctx context.Context, m *queue.Message, id ebb.ExecutionID, a *arrival) queue.Outcome {
	done := false
	a.also = func(tx *store.Tx) error {
		err := e.queue.Settle(tx, m)
		done = err == nil
		if errors.Is(err, store.ErrChanged) {
			return nil
		}
		return err
	}
	err := e.deliver(ctx, id, a)
	if err == nil && done {
		return queue.Settled()
	}
	return e.settle(m, err)
}

// errUnwanted: nobody waits for what the message is about.
var errUnwanted = errors.New("workflow: nobody waits for this")

// wanted refuses an arrival about an op that nobody waits for.
func wanted(op int64) func(*asl.State, *ebb.Execution) error {
	return func(s *asl.State, _ *ebb.Execution) error {
		if s.Status != asl.Running {
			return errUnwanted
		}
		if _, ok := s.Open()[op]; !ok {
			return errUnwanted
		}
		return nil
	}
}

// handleTimer is for messages whose time has come.
func (e *Engine) handleTimer(ctx context.Context, m *queue.Message) queue.Outcome {
	w, err := e.read(ctx, m)
	if err != nil {
		return queue.Dead("not a timer: "+err.Error(), nil)
	}
	event := asl.Event{Kind: asl.TimerFired, Op: w.Op}
	switch w.Kind {
	case workTimeout:
		event.Kind = asl.TaskTimedOut
	case workHeartbeat:
		event.Kind, event.Heartbeat = asl.TaskTimedOut, true
		var t *ebb.ExecutionTask
		err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
			t, err = tx.ExecutionTask(w.Execution, w.Op)
			return err
		})
		if errors.Is(err, store.ErrNotFound) {
			return queue.Done(nil)
		}
		if err != nil {
			return e.settle(m, err)
		}
		if next := t.HeartbeatAt.Add(seconds(t.HeartbeatS)); next.After(e.cfg.Now()) {
			return queue.Later(next, nil)
		}
	}
	return e.conclude(ctx, m, w.Execution, &arrival{events: []asl.Event{event}, ask: wanted(w.Op)})
}

// handleStep is for what comes of decisions: to go on deciding, the end of a
// child, an op that was called off.
func (e *Engine) handleStep(ctx context.Context, m *queue.Message) queue.Outcome {
	w, err := e.read(ctx, m)
	if err != nil {
		return queue.Dead("not a step: "+err.Error(), nil)
	}
	switch w.Kind {
	case workContinue:
		err = e.deliver(ctx, w.Execution, &arrival{events: []asl.Event{{Kind: asl.Continued}}})
	case workChild:
		err = e.childEnded(ctx, w)
	case workCancel:
		err = e.callOff(ctx, w.Execution, w.Op)
	case workStop:
		err = e.stopAll(ctx, w, m.Service)
	default:
		return queue.Dead("not a step: "+w.Kind, nil)
	}
	return e.settle(m, err)
}

// callOff stops what an op has started elsewhere: executions and map runs.
func (e *Engine) callOff(ctx context.Context, id ebb.ExecutionID, op int64) error {
	var children []*ebb.Execution
	var runs []*ebb.MapRun
	if err := e.store.Read(ctx, func(tx *store.Tx) (err error) {
		if children, err = tx.ExecutionsOf(id, op); err != nil {
			return err
		}
		runs, err = tx.MapRuns(id, "", 1000)
		return err
	}); err != nil {
		return err
	}
	for _, x := range children {
		if err := e.stop(ctx, x.ID, nil, nil); err != nil {
			return err
		}
	}
	for _, run := range runs {
		if run.Op == op && run.Status == ebb.ExecutionRunning {
			if err := e.abortMapRun(ctx, run.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// handleTask calls the resource of a task and delivers what it says.
func (e *Engine) handleTask(ctx context.Context, m *queue.Message) queue.Outcome {
	w, err := e.read(ctx, m)
	if err != nil || w.Task == nil {
		return queue.Dead("not a task", nil)
	}
	var x *ebb.Execution
	err = e.deliver(ctx, w.Execution, &arrival{ask: func(s *asl.State, row *ebb.Execution) error {
		x = row // which never changes: a step makes another
		return wanted(w.Op)(s, row)
	}})
	if err != nil {
		return e.settle(m, err)
	}
	mach, err := e.machine(ctx, x.Revision, x.Settings.Program)
	if err != nil {
		return e.settle(m, err)
	}
	c := &call{Task: w.Task, engine: e, execution: x, machine: mach, began: e.now(), scheduled: time.UnixMilli(w.At)}
	events, err := e.attend(ctx, c)
	if err != nil {
		return e.settle(m, err)
	}
	if len(events) == 0 { // the call went on elsewhere
		return queue.Done(nil)
	}
	return e.conclude(ctx, m, w.Execution, &arrival{events: events, at: c.times, ask: wanted(w.Op)})
}

// executionAndMachine reads an execution and what it runs; the cache has it most
// of the time.
func (e *Engine) executionAndMachine(ctx context.Context, id ebb.ExecutionID) (x *ebb.Execution, m *machine, err error) {
	l := e.executions.pin(id)
	defer e.executions.unpin(l, 0)
	l.mu.Lock()
	if !l.busy {
		x, m = l.execution, l.machine
	}
	l.mu.Unlock()
	if x != nil {
		return x, m, nil
	}
	if err = e.store.Read(ctx, func(tx *store.Tx) (err error) {
		x, err = tx.Execution(id)
		return err
	}); err != nil {
		return nil, nil, err
	}
	m, err = e.machine(ctx, x.Revision, x.Settings.Program)
	return x, m, err
}

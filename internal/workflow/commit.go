package workflow

import (
	"context"
	"encoding/json"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// work is the body of a message: what is to be done for an execution.
type work struct {
	Kind      string          `json:"k,omitempty"`
	Execution ebb.ExecutionID `json:"x,omitempty"`
	Op        int64           `json:"o,omitempty"`
	Task      *asl.Task       `json:"t,omitempty"`
	At        int64           `json:"at,omitempty"` // when it was decided, in milliseconds
	Child     ebb.ExecutionID `json:"c,omitempty"`
	MapRun    string          `json:"m,omitempty"`
	Machine   string          `json:"sm,omitempty"`
	Express   *expressStart   `json:"e,omitempty"`
}

// Kinds of work.
const (
	workTimer     = "timer"     // TimerFired
	workTimeout   = "timeout"   // TaskTimedOut
	workHeartbeat = "heartbeat" // TaskTimedOut, unless there was a sign of life
	workContinue  = "continue"  // Continued
	workChild     = "child"     // an execution that the op waits for has ended
	workCancel    = "cancel"    // nobody waits for the op any more
	workStop      = "stop"      // the state machine is deleted
)

// writes are what a step writes besides its facts.
type writes struct {
	messages  []queue.Enqueue
	tasks     []*ebb.ExecutionTask
	cancelled []int64
	mapRuns   []*ebb.MapRun
	execution *ebb.Execution // with its new status; nil = it is as it was
	child     *ebb.MapRunChild
	wake      []string // waiters to wake
	calls     []int64  // ops whose calls here are to be given up
}

// snapshotEvery is how many history events there are between snapshots.
const snapshotEvery = 500

// commit makes a step durable and tells who is concerned. store.ErrChanged:
// somebody else has advanced the execution meanwhile.
func (e *Engine) commit(ctx context.Context, l *live, s *step) error {
	also := false
	for _, a := range s.batch {
		also = also || a.also != nil
	}
	if len(s.facts) == 0 && !also {
		return nil
	}
	r := new(recorded)
	if len(s.facts) > 0 {
		var err error
		if r, err = e.record(ctx, l, s); err != nil {
			return err
		}
	}
	e.failpoint("decided", l)
	err := e.store.Tx(ctx, func(tx *store.Tx) error {
		if l.first != nil {
			if err := tx.InsertExecution(l.first); err != nil {
				return err
			}
		}
		if err := e.writeRecorded(tx, l, r); err != nil {
			return err
		}
		for _, a := range s.batch {
			if a.also != nil {
				if err := a.also(tx); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil || r.row == nil {
		return err
	}
	l.sequence++
	l.size += int64(r.size)
	if r.snapshot != nil {
		l.shot = r.lastEvent
	}
	if r.writes.execution != nil {
		l.execution = r.writes.execution
	}
	e.failpoint("committed", l)
	e.logHistory(l.execution, l.machine, l.execution.ARN(e.cfg.Region), s.actions)
	e.tell(l.id, r.writes)
	return nil
}

// recorded is a step as the database keeps it. The zero value is one without
// facts.
type recorded struct {
	row       []byte // its facts
	size      int    // of those before they were shortened
	snapshot  []byte // of the state after it; nil = none is due
	lastEvent int64
	named     []ebb.Digest // payloads that hold what was shortened
	writes    *writes
}

// record works out what is to be written, and puts what is long into payloads.
func (e *Engine) record(ctx context.Context, l *live, s *step) (*recorded, error) {
	r := &recorded{lastEvent: l.state.LastEvent}
	row, err := encode(s.facts)
	if err != nil {
		return nil, err
	}
	r.size = len(row)
	if r.row, err = e.shorten(ctx, l.execution, row, &r.named); err != nil {
		return nil, err
	}
	if r.writes, err = e.plan(l, s); err != nil {
		return nil, err
	}
	if l.state.LastEvent-l.shot >= snapshotEvery {
		if r.snapshot, err = json.Marshal(l.state); err != nil {
			return nil, err
		}
		if r.snapshot, err = e.shorten(ctx, l.execution, r.snapshot, &r.named); err != nil {
			return nil, err
		}
	}
	return r, e.shortenMessages(ctx, l.execution, r.writes.messages)
}

// writeRecorded is the SQL of record.
func (e *Engine) writeRecorded(tx *store.Tx, l *live, r *recorded) error {
	if r.row == nil {
		return nil
	}
	if err := tx.AppendExecutionEvents(l.id, l.sequence+1, r.row); err != nil {
		return err
	}
	if err := e.write(tx, l.id, r.writes); err != nil {
		return err
	}
	for _, d := range r.named {
		if err := tx.NameExecutionPayload(l.id, d); err != nil {
			return err
		}
	}
	if r.snapshot == nil {
		return nil
	}
	return tx.PutExecutionSnapshot(l.id, l.sequence+1, r.lastEvent, r.snapshot)
}

// tell wakes those whom a commit concerns, beside the queues.
func (e *Engine) tell(id ebb.ExecutionID, w *writes) {
	for _, key := range w.wake {
		e.waiters.wake(key)
	}
	if w.child != nil {
		e.mapRuns.ended(w.execution.MapRun, w.child)
	}
	for _, op := range w.calls {
		e.running.cancel(id, op)
	}
}

// write is the SQL of what a step decided.
func (e *Engine) write(tx *store.Tx, id ebb.ExecutionID, w *writes) error {
	for _, m := range w.messages {
		if _, err := e.queue.Enqueue(tx, m); err != nil {
			return err
		}
	}
	for _, t := range w.tasks {
		if err := tx.InsertExecutionTask(t); err != nil {
			return err
		}
	}
	for _, op := range w.cancelled {
		if err := tx.DeleteExecutionTask(id, op); err != nil {
			return err
		}
	}
	for _, run := range w.mapRuns {
		if err := e.writeMapRun(tx, run); err != nil {
			return err
		}
	}
	if w.child != nil {
		if err := tx.PutMapRunChild(w.execution.MapRun, w.child); err != nil {
			return err
		}
	}
	if w.execution != nil {
		return tx.UpdateExecution(w.execution)
	}
	return nil
}

// plan turns actions into what is to be written.
func (e *Engine) plan(l *live, s *step) (*writes, error) {
	w := &writes{mapRuns: s.mapRuns}
	now := s.facts[len(s.facts)-1].Env.Now
	for _, a := range s.actions {
		var err error
		switch {
		case a.Task != nil:
			err = e.planTask(l, w, a.Task, now)
		case a.Timer != nil:
			err = w.send(l, queueTimer, a.Timer.At, work{Kind: workTimer, Execution: l.id, Op: a.Timer.Op})
		case a.Cancel != 0:
			w.cancelled = append(w.cancelled, a.Cancel)
			w.calls = append(w.calls, a.Cancel)
			err = w.send(l, queueStep, time.Time{}, work{Kind: workCancel, Execution: l.id, Op: a.Cancel})
		case a.Continue:
			err = w.send(l, queueStep, time.Time{}, work{Kind: workContinue, Execution: l.id})
		case a.Finish != nil:
			err = e.planFinish(l, w, a.Finish, now)
		}
		if err != nil {
			return nil, err
		}
	}
	if w.execution == nil && l.state.Execution.RedriveCount > l.execution.RedriveCount {
		x := *l.execution
		x.Status, x.StoppedAt, x.Outcome = ebb.ExecutionRunning, time.Time{}, ebb.ExecutionOutcome{}
		x.RedriveCount, x.RedrivenAt = l.state.Execution.RedriveCount, now
		for _, a := range s.batch {
			if a.token != "" {
				x.Settings.RedriveKey = a.token
			}
		}
		w.execution = &x
	}
	return w, nil
}

// send adds a message.
func (w *writes) send(l *live, to string, at time.Time, body work) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	w.messages = append(w.messages, queue.Enqueue{Queue: to, Service: l.execution.Service, Group: l.execution.Machine, Body: text, NotBefore: at})
	return nil
}

// planTask schedules the call of a resource, and what watches its times.
func (e *Engine) planTask(l *live, w *writes, t *asl.Task, now time.Time) error {
	r := asl.ParseResource(t.Resource)
	if t.Token != "" {
		row := &ebb.ExecutionTask{
			Execution: l.id, Op: t.Op, Service: l.execution.Service, Token: t.Token, Taken: true,
			CreatedAt: now, HeartbeatAt: now, HeartbeatS: t.Heartbeat,
		}
		if r.Kind == "activity" {
			a, ok := ebb.ParseStatesARN(t.Resource)
			if ok {
				row.Service, row.Activity, row.Taken, row.Input = a.Service, a.Name, false, t.Parameters.String()
				w.wake = append(w.wake, activityKey(a.Service, a.Name))
			}
		}
		w.tasks = append(w.tasks, row)
		if t.Heartbeat > 0 && row.Taken {
			if err := w.send(l, queueTimer, now.Add(seconds(t.Heartbeat)), work{Kind: workHeartbeat, Execution: l.id, Op: t.Op}); err != nil {
				return err
			}
		}
	}
	if t.Timeout > 0 && (t.Token != "" || r.Pattern != "") {
		if err := w.send(l, queueTimer, now.Add(seconds(t.Timeout)), work{Kind: workTimeout, Execution: l.id, Op: t.Op}); err != nil {
			return err
		}
	}
	if r.Kind == "activity" {
		return nil
	}
	return w.send(l, queueTask, time.Time{}, work{Execution: l.id, Op: t.Op, Task: t, At: now.UnixMilli()})
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// planFinish ends the execution and tells who waits for that.
func (e *Engine) planFinish(l *live, w *writes, f *asl.Finish, now time.Time) error {
	x := *l.execution
	x.Status, x.StoppedAt, x.Outcome = string(f.Status), now, outcomeOf(f)
	x.RedriveCount = l.state.Execution.RedriveCount
	if x.RedriveCount > l.execution.RedriveCount {
		x.RedrivenAt = now
	}
	w.execution = &x
	w.wake = append(w.wake, executionKey(l.id))
	if x.MapRun != "" {
		w.child = childOf(&x)
	}
	if x.Parent != "" {
		return w.send(l, queueStep, time.Time{}, work{Kind: workChild, Execution: x.Parent, Op: x.ParentOp, Child: x.ID})
	}
	return nil
}

package workflow

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/queue"
	"github.com/ebb-faas/ebb/internal/store"
)

// expressStart is an asynchronous Express execution that is to run. It is in the
// queue until it has ended: when the process dies it runs again, from its start.
type expressStart struct {
	Service  ebb.ServiceID `json:"service"`
	Machine  string        `json:"machine"`
	Revision string        `json:"revision"`
	Name     string        `json:"name"`
	ID       string        `json:"id"`
	Input    string        `json:"input"`
	Started  int64         `json:"started"` // milliseconds
	Trace    string        `json:"trace,omitempty"`
	Offload  bool          `json:"offload,omitempty"`
}

func (s *expressStart) arn(region string) string {
	return ebb.StatesARN{Region: region, Service: s.Service, Kind: "express", Name: s.Machine, Rest: s.Name + ":" + s.ID}.String()
}

// ExpressResult is what an Express execution came to.
type ExpressResult struct {
	ARN       string
	Name      string
	Machine   string // ARN
	Input     string
	Status    string
	Outcome   ebb.ExecutionOutcome
	StartedAt time.Time
	StoppedAt time.Time
}

// startExpress puts an execution into the queue.
func (e *Engine) startExpress(ctx context.Context, t *target, s Start) (string, time.Time, error) {
	x, err := e.newExpress(t, &s)
	if err != nil {
		return "", time.Time{}, err
	}
	err = e.store.Tx(ctx, func(tx *store.Tx) error {
		return e.enqueue(tx, x.Service, queueExpress, time.Time{}, work{Machine: x.Machine, Express: x})
	})
	return x.arn(e.cfg.Region), time.UnixMilli(x.Started).UTC(), err
}

func (e *Engine) newExpress(t *target, s *Start) (*expressStart, error) {
	name, _, text, err := s.prepare()
	if err != nil {
		return nil, err
	}
	return &expressStart{
		Service: t.key.Service, Machine: t.key.Name, Revision: t.revision, Name: name, ID: uuid.NewString(),
		Input: text, Started: e.now().UnixMilli(), Trace: s.TraceHeader, Offload: t.offload,
	}, nil
}

// StartSync runs an execution of an Express state machine to its end.
func (e *Engine) StartSync(ctx context.Context, s Start) (*ExpressResult, error) {
	t, err := e.resolve(ctx, s.StateMachine)
	if err != nil {
		return nil, err
	}
	if t.kind != ebb.StateMachineExpress {
		return nil, invalid(TypeStateMachineTypeNotSupported, "This operation is not supported by this type of state machine")
	}
	x, err := e.newExpress(t, &s)
	if err != nil {
		return nil, err
	}
	return e.runExpress(ctx, x)
}

// handleExpress runs an execution that was started asynchronously.
func (e *Engine) handleExpress(ctx context.Context, m *queue.Message) queue.Outcome {
	w, err := e.read(ctx, m)
	if err != nil || w.Express == nil {
		return queue.Dead("not an Express execution", nil)
	}
	if _, err := e.runExpress(ctx, w.Express); err != nil {
		return e.settle(m, err)
	}
	return queue.Done(nil)
}

func (e *Engine) runExpress(ctx context.Context, x *expressStart) (*ExpressResult, error) {
	m, err := e.machine(ctx, x.Revision, 0)
	if err != nil {
		return nil, err
	}
	input, err := ParseInput(x.Input)
	if err != nil {
		return nil, err
	}
	began := time.UnixMilli(x.Started).UTC()
	row := &ebb.Execution{Service: x.Service, Machine: x.Machine, Name: x.Name, Status: ebb.ExecutionRunning,
		StartedAt: began, Revision: x.Revision, Input: x.Input, Settings: ebb.ExecutionSettings{TraceHeader: x.Trace, Offload: x.Offload}}
	arn := x.arn(e.cfg.Region)
	r := &flight{engine: e, execution: row, machine: m, arn: arn, program: m.program.Within(int64(e.cfg.ExpressTimeout / time.Second))}
	about := e.contextOf(row, m, nil)
	about.ID, about.Express = arn, true
	end, err := r.run(ctx, about, input)
	if err != nil {
		return nil, err
	}
	return &ExpressResult{
		ARN: arn, Name: x.Name, Machine: about.MachineID, Input: x.Input, Status: string(end.Status),
		Outcome: outcomeOf(end), StartedAt: began, StoppedAt: e.now(),
	}, nil
}

// flight is an execution that is in memory only.
type flight struct {
	engine    *Engine
	execution *ebb.Execution
	machine   *machine
	arn       string
	program   *asl.Machine

	state  *asl.State
	facts  []fact
	events chan asl.Event
	timers map[int64]*time.Timer
	calls  map[int64]context.CancelFunc
	finish *asl.Finish
}

// run decides until the execution ends. Its error is the platform's, or the
// caller's who left: then nothing is known of the execution.
func (r *flight) run(ctx context.Context, about *asl.Execution, input asl.Value) (*asl.Finish, error) {
	ctx, cancel := context.WithCancel(ctx)
	r.state = &asl.State{}
	r.events = make(chan asl.Event)
	r.timers, r.calls = make(map[int64]*time.Timer), make(map[int64]context.CancelFunc)
	stopped := make(chan struct{})
	defer func() {
		cancel()
		close(stopped)
		for _, t := range r.timers {
			t.Stop()
		}
	}()
	events := []asl.Event{{Kind: asl.Started, Execution: about, Input: &input}}
	for {
		for len(events) > 0 && r.finish == nil {
			more, err := r.take(ctx, events[0], stopped)
			if err != nil {
				return nil, err
			}
			events = append(events[1:], more...)
		}
		if r.finish != nil {
			return r.finish, nil
		}
		select {
		case ev := <-r.events:
			if ev.Kind == "" {
				return nil, errPlatform
			}
			events = append(events, ev)
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

var errPlatform = errors.New("workflow: a task could not be called")

// take decides on one event and begins what follows from it. It returns the
// events that follow at once.
func (r *flight) take(ctx context.Context, event asl.Event, stopped chan struct{}) ([]asl.Event, error) {
	env := asl.Env{Now: r.engine.now(), Seed: seed()}
	actions := r.program.Next(r.state, event, env)
	for tries := 0; len(actions) == 1 && actions[0].Exhausted > 0; tries++ {
		if tries > 10_000 {
			return nil, errExhausted
		}
		env.Exhausted = append(env.Exhausted, actions[0].Exhausted)
		r.state = &asl.State{}
		for _, f := range r.facts {
			r.program.Replay(r.state, f.Event, f.Env)
		}
		actions = r.program.Next(r.state, event, env)
	}
	if len(actions) == 0 {
		return nil, nil
	}
	r.facts = append(r.facts, fact{event, env})
	r.engine.logHistory(r.execution, r.machine, r.arn, actions)
	var more []asl.Event
	for _, a := range actions {
		switch {
		case a.Task != nil:
			r.call(ctx, a.Task, stopped)
		case a.Timer != nil:
			op := a.Timer.Op
			r.timers[op] = time.AfterFunc(time.Until(a.Timer.At), func() {
				select {
				case r.events <- asl.Event{Kind: asl.TimerFired, Op: op}:
				case <-stopped:
				}
			})
		case a.Cancel != 0:
			r.callOff(a.Cancel)
		case a.Continue:
			more = append(more, asl.Event{Kind: asl.Continued})
		case a.Finish != nil:
			r.finish = a.Finish
		}
	}
	return more, nil
}

func (r *flight) callOff(op int64) {
	if t := r.timers[op]; t != nil {
		t.Stop()
		delete(r.timers, op)
	}
	if cancel := r.calls[op]; cancel != nil {
		cancel()
		delete(r.calls, op)
	}
}

// call calls a resource; what it says arrives as an event.
func (r *flight) call(ctx context.Context, t *asl.Task, stopped chan struct{}) {
	e := r.engine
	ctx, cancel := context.WithCancel(ctx)
	r.calls[t.Op] = cancel
	c := &call{Task: t, engine: e, execution: r.execution, machine: r.machine, began: e.now(), express: true}
	if t.Timeout > 0 {
		op := t.Op
		r.timers[op] = time.AfterFunc(seconds(t.Timeout), func() {
			select {
			case r.events <- asl.Event{Kind: asl.TaskTimedOut, Op: op}:
			case <-stopped:
			}
		})
	}
	e.background.Add(1)
	go func() {
		defer e.background.Done()
		defer cancel()
		if r.machine.revision.Logging.Level == logAll { // nobody else would see it
			select {
			case r.events <- asl.Event{Kind: asl.TaskStarted, Op: t.Op}:
			case <-stopped:
				return
			}
		}
		o := e.call(ctx, c)
		event := o.event(t.Op)
		if o.err != nil {
			event = asl.Event{}
			if ctx.Err() != nil {
				return
			}
		}
		select {
		case r.events <- event:
		case <-stopped:
		}
	}()
}

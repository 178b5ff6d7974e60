package rehearse

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
)

// Play is an execution to be.
type Play struct {
	Machine *asl.Machine
	Name    string // of the state machine
	Input   asl.Value
	Mocks   map[string]Mocks // by state
}

// Result is what a play came to.
type Result struct {
	Status asl.Status
	Output *asl.Value
	Error  *string
	Cause  *string
	Path   []string // the states in the order in which they were entered
	Calls  []Call
	Took   time.Duration
}

// Call is one call of a task.
type Call struct {
	State      string
	Parameters asl.Value
}

// epoch is when every play begins, in seconds.
const epoch = 1767323045

// maxSteps is after how many events a play is given up.
const maxSteps = 100_000

// ARNs that a play's execution has.
const (
	account = "arn:aws:states:us-east-1:000000000000:"
	role    = "arn:aws:iam::000000000000:role/default"
)

// Run plays the execution. Its error says what the mocks lack, or that the
// execution does not end.
func (p *Play) Run() (*Result, error) {
	start := time.Unix(epoch, 0).UTC()
	a := &actor{machine: p.Machine, name: p.Name, stock: &stock{p.Mocks, map[*Mock]bool{}}, now: start, result: &Result{}}
	in := p.Input
	a.later(start, asl.Event{Kind: asl.Started, Execution: a.execution(nil), Input: &in})
	err := a.run()
	a.result.Took = a.now.Sub(start)
	return a.result, err
}

// actor plays one execution; children of a distributed Map are actors of their
// own.
type actor struct {
	machine *asl.Machine
	name    string
	stock   *stock
	state   asl.State
	steps   []step
	now     time.Time
	seed    uint64
	due     []dueEvent
	last    int
	gone    map[int64]bool
	finish  *asl.Finish
	result  *Result
}

// step is an event with what was decided on it, to fold again from.
type step struct {
	event asl.Event
	env   asl.Env
}

// dueEvent is an event that comes at a time; those of one time in order.
type dueEvent struct {
	at    time.Time
	order int
	event asl.Event
}

func (a *actor) execution(item *asl.Item) *asl.Execution {
	return &asl.Execution{
		ID: account + "execution:" + a.name + ":test", Name: "test", RoleARN: role, MachineID: account + "stateMachine:" + a.name,
		MachineName: a.name, Region: "us-east-1", StartTime: a.now, Item: item,
	}
}

func (a *actor) later(at time.Time, e asl.Event) {
	a.last++
	a.due = append(a.due, dueEvent{at, a.last, e})
}

func (a *actor) run() error {
	for range maxSteps {
		if a.finish != nil {
			a.result.Status, a.result.Output, a.result.Error, a.result.Cause = a.finish.Status, a.finish.Output, a.finish.Error, a.finish.Cause
			return nil
		}
		if len(a.due) == 0 {
			return errors.New("the execution waits for something that never comes")
		}
		i := 0
		for j := range a.due {
			if cmp.Or(a.due[j].at.Compare(a.due[i].at), a.due[j].order-a.due[i].order) < 0 {
				i = j
			}
		}
		next := a.due[i]
		a.due = slices.Delete(a.due, i, i+1)
		if a.gone[next.event.Op] {
			continue
		}
		if next.at.After(a.now) {
			a.now = next.at
		}
		if err := a.decide(next.event); err != nil {
			return err
		}
	}
	return fmt.Errorf("the execution has not ended after %d events", maxSteps)
}

// decide has the machine decide what an event means, and carries that out.
func (a *actor) decide(e asl.Event) error {
	a.seed++
	env := asl.Env{Now: a.now, Seed: a.seed}
	actions := a.machine.Next(&a.state, e, env)
	for len(actions) == 1 && actions[0].Exhausted > 0 {
		env.Exhausted = append(env.Exhausted, actions[0].Exhausted)
		a.state = asl.State{}
		for _, s := range a.steps {
			a.machine.Replay(&a.state, s.event, s.env)
		}
		actions = a.machine.Next(&a.state, e, env)
	}
	a.steps = append(a.steps, step{e, env})
	for _, action := range actions {
		if err := a.carryOut(&action); err != nil {
			return err
		}
	}
	return nil
}

func (a *actor) carryOut(action *asl.Action) error {
	switch {
	case action.Record != nil:
		if d := action.Record.Details; d != nil && strings.HasSuffix(action.Record.Type, "StateEntered") {
			a.result.Path = append(a.result.Path, d.Name)
		}
	case action.Timer != nil:
		a.later(action.Timer.At, asl.Event{Kind: asl.TimerFired, Op: action.Timer.Op})
	case action.Cancel != 0:
		if a.gone == nil {
			a.gone = map[int64]bool{}
		}
		a.gone[action.Cancel] = true
	case action.Finish != nil:
		a.finish = action.Finish
	case action.Continue:
		a.later(a.now, asl.Event{Kind: asl.Continued})
	case action.Task != nil:
		return a.task(action.Task)
	case action.MapRun != nil:
		return a.mapRun(action.MapRun)
	}
	return nil
}

// task answers a call as its mock says.
func (a *actor) task(t *asl.Task) error {
	a.result.Calls = append(a.result.Calls, Call{t.State, t.Parameters})
	m, err := a.stock.take(t.State, t.Parameters)
	if err != nil {
		return err
	}
	at := a.now.Add(m.Delay)
	if limit := time.Duration(t.Timeout) * time.Second; limit > 0 && m.Delay >= limit {
		a.later(a.now.Add(limit), asl.Event{Kind: asl.TaskTimedOut, Op: t.Op})
		return nil
	}
	if limit := time.Duration(t.Heartbeat) * time.Second; limit > 0 && m.Delay >= limit {
		a.later(a.now.Add(limit), asl.Event{Kind: asl.TaskTimedOut, Op: t.Op, Heartbeat: true})
		return nil
	}
	a.later(a.now, asl.Event{Kind: asl.TaskStarted, Op: t.Op})
	if asl.ParseResource(t.Resource).Pattern != "" {
		a.later(a.now, asl.Event{Kind: asl.TaskSubmitted, Op: t.Op, Output: m.output()})
	}
	a.later(at, m.end(t.Op, asl.TaskSucceeded, asl.TaskFailed))
	return nil
}

// output is what a mock answers with.
func (m *Mock) output() *asl.Value {
	if m.Output != nil {
		return m.Output
	}
	empty, _ := asl.ParseValue([]byte("{}")) // which is a value
	return &empty
}

// end is the event that a mock makes of a call.
func (m *Mock) end(op int64, succeeded, failed asl.EventKind) asl.Event {
	if m.Error == "" {
		return asl.Event{Kind: succeeded, Op: op, Output: m.output()}
	}
	return asl.Event{Kind: failed, Op: op, Error: &m.Error, Cause: &m.Cause}
}

package asl

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// maxSteps is how many states one call of Next enters at most. A machine that
// goes round without waiting stays interruptible by it.
const maxSteps = 500

// decision is one call of Next.
type decision struct {
	m       *Machine
	state   *State
	env     Env
	random  *rand.Rand
	actions []Action
	ready   []int64 // threads whose state is to be entered or run

	full     bool // the history has no room for another event but the last
	patience patience
	trial    *Attempt // nil, but for a state that is tried on its own
}

// Next decides what an event means. It changes state, and returns what is to be
// done, in order. It depends on its arguments alone; the same event in the same
// state gives the same. An event that nobody waits for changes nothing.
//
// A caller that cannot store the outcome throws the state away and folds the
// events again with Replay. So does one that gets an Exhausted action.
func (m *Machine) Next(s *State, event Event, env Env) []Action {
	return m.next(s, event, env, patience{})
}

// replayPatience is far more than any decision may take.
const replayPatience = 5 * time.Minute

// Replay is Next for an event that was decided before: what was quick enough
// then is given the time it needs, however busy the machine is now.
func (m *Machine) Replay(s *State, event Event, env Env) []Action {
	return m.next(s, event, env, patience{limit: replayPatience})
}

func (m *Machine) next(s *State, event Event, env Env, p patience) []Action {
	d := &decision{m: m, state: s, env: env, patience: p, random: newRandom(env, uint64(s.LastEvent))}
	if event.Kind == Started {
		if s.Status == "" {
			d.start(event)
		}
	} else if event.Kind == Redriven {
		d.redrive()
	} else if s.Status == Running {
		d.handle(event)
	}
	d.run()
	if d.patience.hit > 0 {
		return []Action{{Exhausted: d.patience.hit}}
	}
	if d.full && s.Status == Running {
		d.overflow()
	}
	return d.actions
}

func (d *decision) start(event Event) {
	s := d.state
	s.Status = Running
	s.Threads = make(map[int64]*Thread)
	if event.Execution != nil {
		s.Execution = *event.Execution
	}
	if s.Execution.StartTime.IsZero() {
		s.Execution.StartTime = d.env.Now
	}
	s.Execution.Input = event.Input
	if event.Input == nil {
		s.Execution.Input = &Value{object()}
	}
	d.record(0, "ExecutionStarted", &Details{Input: s.Execution.Input, RoleARN: s.Execution.RoleARN})
	d.deadline()
	p := d.m.programs[d.m.root]
	d.thread(&Thread{Program: p.index, State: p.startAt, Input: *s.Execution.Input, Item: s.Execution.Item})
}

// deadline starts the timer of the machine's TimeoutSeconds.
func (d *decision) deadline() {
	if d.m.TimeoutSeconds > 0 {
		d.state.Deadline = d.op()
		d.act(Action{Timer: &Timer{Op: d.state.Deadline, At: d.env.Now.Add(seconds(float64(d.m.TimeoutSeconds)))}})
	}
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func (d *decision) op() int64 {
	d.state.LastOp++
	return d.state.LastOp
}

// thread adds a thread whose state is to be entered.
func (d *decision) thread(t *Thread) {
	d.state.LastThread++
	t.ID = d.state.LastThread
	d.state.Threads[t.ID] = t
	d.ready = append(d.ready, t.ID)
}

func (d *decision) handle(event Event) {
	if event.Kind == Stopped {
		d.end(Aborted, event.Error, event.Cause)
		return
	}
	if event.Kind == Continued {
		d.ready, d.state.Ready = append(d.ready, d.state.Ready...), nil
		return
	}
	if event.Kind == TimerFired && event.Op != 0 && event.Op == d.state.Deadline {
		d.state.Deadline = 0
		d.end(TimedOut, nil, nil)
		return
	}
	t := d.state.waiter(event.Op)
	if t == nil {
		return
	}
	switch t.Waits {
	case waitsTimer:
		if event.Kind == TimerFired {
			d.clear(t)
			d.complete(t, nil)
		}
	case waitsRetry:
		if event.Kind == TimerFired {
			d.clear(t)
			d.execute(t)
		}
	case waitsTask:
		d.taskEvent(t, event)
	case waitsMapRun:
		d.mapRunEvent(t, event)
	}
}

func (d *decision) clear(t *Thread) { t.Waits, t.Op = waitsNothing, 0 }

// run enters states until all threads wait or the steps are used up.
func (d *decision) run() {
	for steps := 0; len(d.ready) > 0 && d.state.Status == Running && !d.full; steps++ {
		if steps >= maxSteps {
			for _, id := range d.ready {
				d.state.Threads[id].Waits = waitsTurn
			}
			d.state.Ready = d.ready
			d.act(Action{Continue: true})
			return
		}
		t := d.state.Threads[d.ready[0]]
		d.ready = d.ready[1:]
		if t != nil {
			d.enter(t)
		}
	}
}

func (d *decision) stateOf(t *Thread) *state { return d.m.programs[t.Program].states[t.State] }

func (d *decision) enter(t *Thread) {
	d.clear(t)
	st := d.stateOf(t)
	t.Retries, t.Attempts, t.Fan, t.MapRun = nil, 0, nil, ""
	t.EnteredAt = d.env.Now
	t.Before = t.Previous
	input := t.Input
	t.Entered = d.note(t, string(st.kind)+"StateEntered", &Details{Name: t.State, Input: &input})
	d.execute(t)
}

// end finishes the execution in failure; its threads stay where they are, so
// that it can be redriven.
func (d *decision) end(status Status, name, cause *string) {
	kinds := map[Status]string{Failed: "ExecutionFailed", TimedOut: "ExecutionTimedOut", Aborted: "ExecutionAborted"}
	d.ready, d.state.Ready = nil, nil
	for _, t := range d.sorted() {
		d.rest(t)
	}
	details, previous := &Details{Error: name, Cause: cause}, int64(0)
	switch status {
	case Failed:
		previous = d.state.LastEvent
	case TimedOut: // the event says so; the execution itself has no error
		details.Error = new(ErrTimeout)
	}
	d.cancelDeadline()
	d.record(previous, kinds[status], details)
	d.state.Status, d.state.Error, d.state.Cause = status, name, cause
	d.act(Action{Finish: &Finish{Status: status, Error: name, Cause: cause}})
}

func (d *decision) cancelDeadline() {
	if d.state.Deadline != 0 {
		d.act(Action{Cancel: d.state.Deadline})
		d.state.Deadline = 0
	}
}

func (d *decision) cancel(t *Thread) {
	if t.Op != 0 {
		d.act(Action{Cancel: t.Op})
	}
	d.clear(t)
}

// sorted lists the threads in the order in which they began.
func (d *decision) sorted() []*Thread {
	all := make([]*Thread, 0, len(d.state.Threads))
	for _, t := range d.state.Threads {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *Thread) int { return int(a.ID - b.ID) })
	return all
}

// redrive goes on with an execution that failed, from the states that had not
// succeeded, which run again with the input they had.
func (d *decision) redrive() {
	s := d.state
	if s.Status != Failed && s.Status != TimedOut && s.Status != Aborted {
		return
	}
	s.Status, s.Error, s.Cause = Running, nil, nil
	s.Execution.RedriveCount++
	s.Execution.RedriveTime = d.env.Now
	d.record(s.LastEvent, "ExecutionRedriven", &Details{RedriveCount: s.Execution.RedriveCount})
	d.deadline()
	for _, t := range d.sorted() {
		if s.Threads[t.ID] != nil && s.Status == Running {
			d.again(t)
		}
	}
}

// again goes on with a thread after a redrive.
func (d *decision) again(t *Thread) {
	st := d.stateOf(t)
	switch {
	case t.Waits == waitsThreads && st.kind == typeMap:
		if fail := d.iterate(t, st, d.state.LastEvent); fail != nil {
			d.fail(t, fail)
		}
	case t.Waits != waitsRedrive:
	case t.Entered == 0:
		d.clear(t)
		d.ready = append(d.ready, t.ID)
	default:
		d.clear(t)
		t.Retries, t.Attempts, t.Previous = nil, 0, d.state.LastEvent
		d.execute(t)
	}
}

// succeed finishes the execution.
func (d *decision) succeed(t *Thread, output any) {
	if d.full {
		return
	}
	v := &Value{output}
	d.cancelDeadline()
	d.record(t.Previous, "ExecutionSucceeded", &Details{Output: v})
	d.state.Status, d.state.Output = Succeeded, v
	d.state.Threads = map[int64]*Thread{}
	d.act(Action{Finish: &Finish{Status: Succeeded, Output: v}})
}

// variables are those of the thread over those of the threads around it.
func (d *decision) variables(t *Thread) *Object {
	var chain []*Object
	for at := t; at != nil; at = d.state.Threads[at.Parent] {
		if at.Variables != nil {
			chain = append(chain, at.Variables.V.(*Object))
		}
	}
	if len(chain) == 1 {
		return chain[0]
	}
	all := object()
	for _, o := range slices.Backward(chain) {
		for i := range o.Len() {
			all.Set(o.At(i))
		}
	}
	return all
}

// context is the context object of a thread. item, when not nil, is the one
// that an ItemSelector looks at.
func (d *decision) context(t *Thread, item *Item, token string) *Object {
	if d.trial != nil && d.trial.context != nil {
		return d.trial.context
	}
	x := d.state.Execution
	execution := object("Id", x.ID, "Input", x.Input.V, "StartTime", formatTime(x.StartTime), "Name", x.Name, "RoleArn", x.RoleARN)
	if !x.Express { // which cannot be redriven
		execution.Set("RedriveCount", intNumber(int64(x.RedriveCount)))
		if x.RedriveCount > 0 {
			execution.Set("RedriveTime", formatTime(x.RedriveTime))
		}
	}
	place := object("Name", t.State, "EnteredTime", formatTime(t.EnteredAt))
	if k := d.stateOf(t).kind; k == typeTask || k == typeMap || k == typeParallel {
		place.Set("RetryCount", intNumber(int64(t.Attempts)))
	}
	c := object("Execution", execution, "StateMachine", object("Id", x.MachineID, "Name", x.MachineName), "State", place)
	for at := t; item == nil && at != nil; at = d.state.Threads[at.Parent] {
		item = at.Item
	}
	if item != nil {
		c.Set("Map", object("Item", item.context()))
	}
	if token != "" {
		c.Set("Task", object("Token", token))
	}
	return c
}

func (i *Item) context() *Object {
	o := object("Index", intNumber(int64(i.Index)))
	if i.Key != "" {
		o.Set("Key", i.Key)
	}
	o.Set("Value", i.Value.V)
	if i.Source != "" {
		o.Set("Source", i.Source)
	}
	return o
}

// evaluate prepares the evaluation of a thread's fields. Its input is the raw
// one.
func (d *decision) evaluate(t *Thread, item *Item, token string) *evaluation {
	return &evaluation{
		trial:  d.trial,
		engine: d.m.engine, env: d.env, random: d.random, patience: &d.patience,
		input: t.Input.V, context: d.context(t, item, token), variables: d.variables(t), limit: d.state.Execution.MaxPayload,
	}
}

// regionOf takes the region out of an ARN.
func regionOf(arn string) string {
	if parts := strings.SplitN(arn, ":", 6); len(parts) > 4 {
		return parts[3]
	}
	return ""
}

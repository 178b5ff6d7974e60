package asl

import (
	"errors"
	"strconv"
	"time"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// Trial is a state to be tried on its own, as if an execution had come to it.
type Trial struct {
	State     string // "" = where the machine starts
	Execution Execution
	Input     Value
	Variables *Value
	Context   *Value // instead of the one that would be; nil = that
	Retries   int64  // how often each retrier was used before
	Items     []any  // of a Map with an ItemReader: what it read
	Unread    error  // a *Failure: why that could not be read
	Failures  int64  // iterations of a Map that failed
	Fails     bool   // the mock is an error, so failed iterations do not matter
}

// Attempt is a state that is being tried.
type Attempt struct {
	d       *decision
	thread  *Thread
	state   *state
	context *Object
	result  Tried
}

// Tried is what a trial came to.
type Tried struct {
	Status     string // SUCCEEDED, FAILED, RETRIABLE or CAUGHT_ERROR
	Output     *Value
	Error      *string
	Cause      *string
	Next       string
	Inspection map[string]Value // what was seen on the way, as the API names it
	RetryIndex *int
	RetryDelay time.Duration
	CatchIndex *int
	Variables  *Value // after the state
}

// Statuses of a trial.
const (
	TriedSucceeded = "SUCCEEDED"
	TriedFailed    = "FAILED"
	TriedRetriable = "RETRIABLE"
	TriedCaught    = "CAUGHT_ERROR"
)

// StateType is the Type of a state, or "".
func (m *Machine) StateType(name string) string {
	_, st := m.find(name)
	if st == nil {
		return ""
	}
	return string(st.kind)
}

// find looks a state up in the machine and everything within it.
func (m *Machine) find(name string) (*program, *state) {
	if name == "" {
		p := m.programs[m.root]
		return p, p.states[p.startAt]
	}
	for _, p := range m.programs {
		if st := p.states[name]; st != nil {
			return p, st
		}
	}
	return nil, nil
}

// ReaderConfig is the ReaderConfig of a Map state's ItemReader; ok is false when
// it has none.
func (m *Machine) ReaderConfig(name string) (config Value, ok bool) {
	_, st := m.find(name)
	if st == nil || st.fan == nil || st.fan.reader == nil {
		return Value{}, false
	}
	return Value{st.fan.reader.config}, true
}

// CallOf is the Resource of a Task, taken apart; ok is false for other states.
func (m *Machine) CallOf(name string) (r Resource, ok bool) {
	_, st := m.find(name)
	if st == nil || st.kind != typeTask {
		return Resource{}, false
	}
	return ParseResource(st.resource), true
}

// Try begins to try a state. ok is false when the machine has no such state.
func (m *Machine) Try(t Trial, env Env) (a *Attempt, ok bool) {
	p, st := m.find(t.State)
	if st == nil {
		return nil, false
	}
	input := t.Input
	x := t.Execution
	x.Input = &input
	s := &State{Status: Running, Execution: x, Threads: make(map[int64]*Thread)}
	a = &Attempt{state: st}
	a.result.Inspection = map[string]Value{"input": input}
	if t.Context != nil {
		a.context, _ = t.Context.V.(*Object)
	}
	d := &decision{m: m, state: s, env: env, random: newRandom(env, 0), trial: a}
	d.patience.limit = replayPatience
	a.d = d
	th := &Thread{ID: 1, Program: p.index, State: st.name, Input: input, Variables: t.Variables, EnteredAt: env.Now}
	s.Threads[1], s.LastThread = th, 1
	a.thread = th
	th.Entered = d.note(th, string(st.kind)+"StateEntered", &Details{Name: st.name, Input: &input})
	if t.Retries > 0 {
		th.Attempts, th.Retries = int(t.Retries), make([]int64, len(st.retry))
		for i := range th.Retries {
			th.Retries[i] = t.Retries
		}
	}
	switch st.kind {
	case typeMap:
		a.begin(d.tryMap(th, st, t))
	case typeParallel:
		th.Waits, th.Op = waitsTask, d.op()
	case typeWait:
		d.execute(th)
		if th.Waits == waitsTimer { // how long is not what is tried
			d.clear(th)
			d.complete(th, nil)
		}
	default:
		d.execute(th)
	}
	return a, true
}

func (a *Attempt) begin(fail *failure) {
	if fail != nil {
		a.d.fail(a.thread, fail)
	}
}

// tryMap evaluates what a Map state does before its iterations, which a mock
// stands for.
func (d *decision) tryMap(t *Thread, st *state, trial Trial) *failure {
	e := d.evaluate(t, nil, "")
	defer e.close()
	if fail := st.effective(e); fail != nil {
		return fail
	}
	items, fail := d.tryItems(st, e, trial)
	if fail != nil {
		return fail
	}
	run := &MapRun{}
	if fail := st.fan.fill(e, run); fail != nil {
		return fail
	}
	if r := run.Reader; r != nil && r.MaxItems > 0 && r.MaxItems < int64(len(items)) {
		items = items[:r.MaxItems]
	}
	concurrency, fail := st.fan.concurrency.eval(e, 0, 99999999)
	if fail != nil {
		return fail
	}
	d.trial.see("maxConcurrency", intNumber(int64(concurrency)))
	if fail := d.trySelector(t, st, run, items); fail != nil {
		return fail
	}
	if run.ToleratedCount != nil {
		d.trial.see("toleratedFailureCount", intNumber(*run.ToleratedCount))
	}
	if run.ToleratedPercentage != nil {
		d.trial.see("toleratedFailurePercentage", Number(strconv.FormatFloat(*run.ToleratedPercentage, 'f', -1, 64)))
	}
	limited := run.ToleratedCount != nil || run.ToleratedPercentage != nil
	if limited && !trial.Fails && trial.Failures > 0 && run.Exceeded(trial.Failures, int64(len(items))) {
		return &failure{name: ErrToleratedExceeded, cause: "The specified tolerated failure threshold was exceeded", fromTask: true}
	}
	t.Waits, t.Op = waitsTask, d.op()
	return nil
}

// tryItems are the items of a Map state, or what its reader is said to have read.
func (d *decision) tryItems(st *state, e *evaluation, trial Trial) ([]any, *failure) {
	if st.fan.reader == nil {
		items, _, fail := st.items(e)
		if fail == nil && st.language == JSONPath {
			d.trial.see("afterItemsPath", items)
		}
		return items, fail
	}
	if f, ok := errors.AsType[*Failure](trial.Unread); ok {
		return nil, &failure{name: f.Name, cause: f.Cause, fromTask: true}
	}
	if pointer, ok := st.fan.reader.config.Get("ItemsPointer"); ok && pointer != "" {
		d.trial.see("afterItemsPointer", trial.Items)
	}
	return trial.Items, nil
}

// trySelector shows the inputs of the iterations.
func (d *decision) trySelector(t *Thread, st *state, run *MapRun, items []any) *failure {
	inputs := make([]any, len(items))
	var values []Value
	for i, v := range items {
		in, fail := d.itemInput(t, st, &Item{Index: i, Value: Value{v}})
		if fail != nil {
			return fail
		}
		inputs[i] = in
		values = append(values, Value{in})
	}
	if st.fan.selector != nil {
		d.trial.see("afterItemSelector", inputs)
	}
	if run.Batch != nil {
		var all []any
		for _, b := range run.Batches(values) {
			all = append(all, b.V)
		}
		d.trial.see("afterItemBatcher", all)
	}
	return nil
}

// Task is the call that the state makes, or nil: then it has been tried, unless
// it is a Map or Parallel state that waits for a mock.
func (a *Attempt) Task() *Task {
	for _, action := range a.d.actions {
		if action.Task != nil {
			return action.Task
		}
	}
	return nil
}

// Waits reports whether the state waits for a result.
func (a *Attempt) Waits() bool { return a.thread.Waits == waitsTask && a.d.state.Status == Running }

// Branches is how many branches a Parallel state has.
func (a *Attempt) Branches() int { return len(a.state.branches) }

// Writes reports whether a Map state has a ResultWriter.
func (a *Attempt) Writes() bool { return a.state.fan != nil && a.state.fan.writer != nil }

// Succeed gives the state its result.
func (a *Attempt) Succeed(v Value) {
	a.d.clear(a.thread)
	a.d.complete(a.thread, &v)
}

// Fail fails what the state waits for.
func (a *Attempt) Fail(name, cause *string) {
	f := &failure{fromTask: true, noName: name == nil, noCause: cause == nil}
	if name != nil {
		f.name = *name
	}
	if cause != nil {
		f.cause = *cause
	}
	a.d.clear(a.thread)
	a.d.fail(a.thread, f)
}

// Result is what the trial came to.
func (a *Attempt) Result() Tried {
	r := &a.result
	for _, action := range a.d.actions {
		switch {
		case action.Record != nil && action.Record.Type == string(a.state.kind)+"StateExited":
			r.Output = action.Record.Details.Output
			if r.Status == "" {
				r.Status = TriedSucceeded
			}
		case action.Finish != nil && action.Finish.Status != Succeeded:
			r.Status, r.Error, r.Cause = TriedFailed, action.Finish.Error, action.Finish.Cause
		}
	}
	if r.Output != nil && a.thread.State != a.state.name {
		r.Next = a.thread.State
	}
	if a.state.kind == typePass && a.state.result != nil {
		delete(r.Inspection, "afterInputPath")
	}
	r.Variables = a.thread.Variables
	return *r
}

// see notes what a field was evaluated to.
func (a *Attempt) see(name string, v any) {
	if a != nil {
		a.result.Inspection[name] = Value{v}
	}
}

func (a *Attempt) retried(f *failure, index int, delay time.Duration) {
	if a != nil {
		a.result.Status, a.result.RetryIndex, a.result.RetryDelay = TriedRetriable, &index, delay
		a.result.Error, a.result.Cause = f.pointers()
	}
}

func (a *Attempt) caught(f *failure, index int) {
	if a != nil {
		a.result.Status, a.result.CatchIndex = TriedCaught, &index
		a.result.Error, a.result.Cause = f.pointers()
	}
}

// ParseState reads the definition of one state, for a trial. Where it goes next
// need not exist.
func ParseState(definition []byte, engine *jsonata.Engine) (*Machine, []Diagnostic) {
	b := &builder{m: &Machine{engine: engine, Language: JSONPath}, names: make(map[string]bool)}
	v, err := jsonata.ParseJSON(definition)
	if err != nil {
		b.errorf(CodeInvalidJSON, "", "%s", err)
		return nil, b.diagnostics
	}
	o, ok := v.(*Object)
	if !ok {
		b.errorf(CodeSchema, "", "The definition must be an object")
		return nil, b.diagnostics
	}
	const name = "StateName"
	p := &program{states: make(map[string]*state), startAt: name, order: []string{name}}
	b.m.programs = append(b.m.programs, p)
	p.states[name] = b.state(name, o, "", JSONPath)
	if !valid(b.diagnostics) {
		return nil, b.diagnostics
	}
	return b.m, b.diagnostics
}

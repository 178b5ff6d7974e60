package asl

import (
	"container/heap"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// simulation runs a machine with its own clock. Tasks are answered by task, at
// once; children of map runs are simulations of their own.
type simulation struct {
	t       testing.TB
	machine *Machine
	state   *State
	now     time.Time
	seed    uint64
	task    func(*Task) []Event
	read    func(*ItemReader) []any
	timers  timers
	queue   []Event
	dead    map[int64]bool

	steps   []step // the authority: what the state is a fold of
	history []*HistoryEvent
	finish  *Finish
}

type step struct {
	Event Event `json:"event"`
	Env   Env   `json:"env"`
}

type timers []Timer

func (h timers) Len() int { return len(h) }
func (h timers) Less(i, j int) bool {
	return h[i].At.Before(h[j].At) || h[i].At.Equal(h[j].At) && h[i].Op < h[j].Op
}
func (h timers) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *timers) Push(x any)   { *h = append(*h, x.(Timer)) }
func (h *timers) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}

func newSimulation(t testing.TB, m *Machine) *simulation {
	t.Helper()
	return &simulation{t: t, machine: m, state: &State{}, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), seed: 1, dead: map[int64]bool{}}
}

func (s *simulation) execution() *Execution {
	return &Execution{
		ID: "arn:aws:states:us-east-1:111111111111:execution:m:e", Name: "e", RoleARN: "arn:aws:iam::111111111111:role/r",
		MachineID: "arn:aws:states:us-east-1:111111111111:stateMachine:m", MachineName: "m",
	}
}

// run starts an execution and goes on until it ends.
func (s *simulation) run(input any) *Finish {
	s.t.Helper()
	s.send(Event{Kind: Started, Execution: s.execution(), Input: &Value{input}})
	return s.drain()
}

func (s *simulation) drain() *Finish {
	s.t.Helper()
	for range 100_000 {
		switch {
		case len(s.queue) > 0:
			next := s.queue[0]
			s.queue = s.queue[1:]
			s.send(next)
		case s.finish != nil:
			return s.finish
		case s.timers.Len() > 0:
			timer := heap.Pop(&s.timers).(Timer)
			if s.dead[timer.Op] {
				continue
			}
			if timer.At.After(s.now) {
				s.now = timer.At
			}
			s.send(Event{Kind: TimerFired, Op: timer.Op})
		default:
			s.t.Fatalf("the execution waits for nothing: %+v", s.state)
		}
	}
	s.t.Fatal("the execution does not end")
	return nil
}

func (s *simulation) send(event Event) {
	s.seed++
	env := Env{Now: s.now, Seed: s.seed}
	actions := s.machine.Next(s.state, event, env)
	for len(actions) == 1 && actions[0].Exhausted > 0 {
		env.Exhausted = append(env.Exhausted, actions[0].Exhausted)
		s.state = &State{}
		for _, st := range s.steps {
			s.machine.Replay(s.state, st.Event, st.Env)
		}
		actions = s.machine.Next(s.state, event, env)
	}
	s.steps = append(s.steps, step{event, env})
	s.carryOut(actions)
}

func (s *simulation) carryOut(actions []Action) {
	for _, a := range actions {
		switch {
		case a.Record != nil:
			s.history = append(s.history, a.Record)
		case a.Timer != nil:
			heap.Push(&s.timers, *a.Timer)
		case a.Cancel != 0:
			s.dead[a.Cancel] = true
		case a.Finish != nil:
			s.finish = a.Finish
		case a.Continue:
			s.queue = append(s.queue, Event{Kind: Continued})
		case a.Task != nil:
			s.queue = append(s.queue, s.answer(a.Task)...)
		case a.MapRun != nil:
			s.queue = append(s.queue, Event{Kind: MapRunStarted, Op: a.MapRun.Op, ARN: "arn:aws:states:us-east-1:111111111111:mapRun:m/l:id"}, s.mapRun(a.MapRun))
		}
	}
}

func (s *simulation) answer(task *Task) []Event {
	if s.task == nil {
		output := task.Parameters
		return []Event{{Kind: TaskSucceeded, Op: task.Op, Output: &output}}
	}
	events := s.task(task)
	for i := range events {
		events[i].Op = task.Op
	}
	return events
}

// mapRun does what the package workflow does for a distributed Map.
func (s *simulation) mapRun(run *MapRun) Event {
	items, _ := run.itemsOr(s.read)
	var inputs []Value
	for i, v := range items {
		in, err := s.machine.ItemInput(run, Item{Index: i, Value: Value{v}}, Env{Now: s.now, Seed: s.seed})
		if err != nil {
			return failed(run.Op, MapRunFailed, ErrRuntime, err.Error())
		}
		inputs = append(inputs, in)
	}
	results, lost := []any{}, int64(0)
	for i, in := range run.Batches(inputs) {
		child := newSimulation(s.t, s.machine.Child(run.Program))
		child.task, child.read = s.task, s.read
		x := child.execution()
		x.Item = &Item{Index: i, Value: in}
		child.send(Event{Kind: Started, Execution: x, Input: &in})
		if end := child.drain(); end.Status == Succeeded {
			results = append(results, end.Output.V)
		} else {
			lost++
		}
	}
	if run.Exceeded(lost, int64(len(inputs))) {
		return failed(run.Op, MapRunFailed, ErrToleratedExceeded, "The specified tolerated failure threshold was exceeded")
	}
	return Event{Kind: MapRunSucceeded, Op: run.Op, Output: &Value{results}}
}

func (run *MapRun) itemsOr(read func(*ItemReader) []any) ([]any, bool) {
	if run.Items != nil {
		all, ok := run.Items.V.([]any)
		return all, ok
	}
	all := read(run.Reader)
	if n := run.Reader.MaxItems; n > 0 && int64(len(all)) > n {
		all = all[:n]
	}
	return all, true
}

func failed(op int64, kind EventKind, name, cause string) Event {
	return Event{Kind: kind, Op: op, Error: &name, Cause: &cause}
}

// checkFold folds the steps again and compares the outcome, through JSON on
// the way if stored.
func (s *simulation) checkFold(stored bool) {
	s.t.Helper()
	again := &State{}
	var history []*HistoryEvent
	for _, st := range s.steps {
		for _, a := range s.machine.Replay(again, st.Event, st.Env) {
			if a.Record != nil {
				history = append(history, a.Record)
			}
		}
		if stored {
			raw := mustJSON(s.t, again)
			again = &State{}
			if err := json.Unmarshal([]byte(raw), again); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	if a, b := mustJSON(s.t, s.state), mustJSON(s.t, again); a != b {
		s.t.Fatalf("fold differs (stored %t):\n%s\n%s", stored, a, b)
	}
	if a, b := mustJSON(s.t, s.history), mustJSON(s.t, history); a != b {
		s.t.Fatalf("history differs (stored %t):\n%s\n%s", stored, a, b)
	}
	for i, e := range history {
		if e.ID != int64(i+1) || e.Previous >= e.ID {
			s.t.Fatalf("history event %d has id %d after %d", i, e.ID, e.Previous)
		}
	}
}

func mustJSON(t testing.TB, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func mustMachine(t testing.TB, definition string) *Machine {
	t.Helper()
	m, problems := Parse([]byte(definition), jsonata.New(jsonata.Config{}))
	if m == nil {
		t.Fatalf("%v", problems)
	}
	return m
}

func mustValue(t testing.TB, text string) any {
	t.Helper()
	v, err := ParseValue([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v.V
}

func str(p *string) string {
	if p == nil {
		return "-"
	}
	return *p
}

func (f *Finish) String() string {
	if f.Output != nil {
		return fmt.Sprintf("%s %s", f.Status, f.Output)
	}
	return fmt.Sprintf("%s %s %s", f.Status, str(f.Error), str(f.Cause))
}

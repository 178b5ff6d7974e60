package asl

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// machineGenerator writes random machines that are valid and end.
type machineGenerator struct {
	t     *rapid.T
	count int
}

func (g *machineGenerator) name() string {
	g.count++
	return fmt.Sprintf("S%d", g.count)
}

func (g *machineGenerator) pick(label string, of ...string) string {
	return rapid.SampledFrom(of).Draw(g.t, label)
}

// program writes a chain of states; each goes to the next one.
func (g *machineGenerator) program(depth int) string {
	n := rapid.IntRange(1, 4).Draw(g.t, "states")
	names := make([]string, n)
	for i := range names {
		names[i] = g.name()
	}
	var states []string
	for i, name := range names {
		to := `"End": true`
		target := ""
		if i+1 < n {
			target = names[i+1]
			to = fmt.Sprintf(`"Next": %q`, target)
		}
		states = append(states, fmt.Sprintf("%q: {%s}", name, g.state(depth, to, names[n-1], target)))
	}
	return fmt.Sprintf(`"StartAt": %q, "States": {%s}`, names[0], strings.Join(states, ", "))
}

func (g *machineGenerator) state(depth int, to, last, next string) string {
	kinds := []string{"Pass", "Task", "Task", "Wait", "Data"}
	if depth > 0 {
		kinds = append(kinds, "Parallel", "Map", "Parallel", "Map")
	}
	if next != "" {
		kinds = append(kinds, "Choice")
	}
	switch g.pick("kind", kinds...) {
	case "Pass":
		return `"Type": "Pass", "Parameters": {"in.$": "$", "n.$": "States.MathRandom(0, 100)"}, "Assign": {"v.$": "$"}, ` + to
	case "Data":
		return `"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"r": "{% $random() %}", "u": "{% $uuid() %}", "in": "{% $states.input %}"}, "Assign": {"w": "{% $now() %}"}, ` + to
	case "Wait":
		return fmt.Sprintf(`"Type": "Wait", "Seconds": %d, %s`, rapid.IntRange(0, 9).Draw(g.t, "seconds"), to)
	case "Choice":
		return fmt.Sprintf(`"Type": "Choice", "Choices": [{"Variable": "$.in", "IsPresent": true, "Next": %q}], "Default": %q`, next, next)
	case "Parallel":
		return fmt.Sprintf(`"Type": "Parallel", "Branches": [{%s}, {%s}], %s%s`, g.program(depth-1), g.program(depth-1), g.guard(last, next), to)
	case "Map":
		return fmt.Sprintf(`"Type": "Map", "ItemsPath": "$$.Execution.Input", "MaxConcurrency": %d, "ItemProcessor": {%s}, %s%s`,
			rapid.IntRange(0, 3).Draw(g.t, "concurrency"), g.program(depth-1), g.guard(last, next), to)
	}
	return `"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", ` + g.guard(last, next) + to
}

// guard writes Retry and Catch; a Catch goes to the last state, so it ends.
func (g *machineGenerator) guard(last, next string) string {
	out := ""
	if rapid.Bool().Draw(g.t, "retry") {
		out += fmt.Sprintf(`"Retry": [{"ErrorEquals": [%q], "MaxAttempts": %d, "JitterStrategy": "FULL"}], `,
			g.pick("retried", "Busy", "States.ALL", "States.Timeout", "States.TaskFailed"), rapid.IntRange(0, 2).Draw(g.t, "attempts"))
	}
	if next != "" && rapid.Bool().Draw(g.t, "catch") {
		out += fmt.Sprintf(`"Catch": [{"ErrorEquals": [%q], "ResultPath": %s, "Next": %q}], `,
			g.pick("caught", "Busy", "States.ALL", "States.HeartbeatTimeout"), g.pick("into", "null", `"$"`), last)
	}
	return out
}

// Random machines with random failures end; folding their events again, with
// the state stored in between or not, gives the same state and the same history;
// events that come late or twice change nothing.
func TestRandomMachines(t *testing.T) {
	engine := jsonata.New(jsonata.Config{})
	rapid.Check(t, func(rt *rapid.T) {
		g := &machineGenerator{t: rt}
		definition := "{" + g.program(2) + "}"
		m, problems := Parse([]byte(definition), engine)
		if m == nil {
			rt.Fatalf("%s: %v", definition, problems)
		}
		chance := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "failures"), 1))
		s := newSimulation(t, m)
		s.task = func(task *Task) []Event {
			switch chance.IntN(8) {
			case 0:
				return []Event{failed(0, TaskFailed, "Busy", "again")}
			case 1:
				return []Event{{Kind: TaskTimedOut}}
			case 2:
				return []Event{{Kind: TaskTimedOut, Heartbeat: true}}
			case 3:
				output := task.Parameters
				return []Event{{Kind: TaskSucceeded, Output: &output}, {Kind: TaskSucceeded, Output: &Value{"twice"}}, failed(0, TaskFailed, "late", "")}
			}
			output := task.Parameters
			return []Event{{Kind: TaskStarted}, {Kind: TaskSucceeded, Output: &output}}
		}
		end := s.run(mustValue(t, `[1, "b"]`))
		s.checkFold(false)
		s.checkFold(true)
		for redrives := 0; end.Status != Succeeded && redrives < 2; redrives++ {
			s.finish = nil
			s.timers = nil
			s.send(Event{Kind: Redriven})
			end = s.drain()
			s.checkFold(true)
		}
		before := mustJSON(t, s.state)
		for _, st := range s.steps {
			if st.Event.Kind != Redriven && len(s.machine.Next(s.state, st.Event, st.Env)) != 0 {
				rt.Fatalf("%s: %s %d after the end did something", definition, st.Event.Kind, st.Event.Op)
			}
		}
		if mustJSON(t, s.state) != before {
			rt.Fatalf("%s: an event after the end changed the state", definition)
		}
	})
}

// Whatever the moment at which an execution is stopped, nothing is left that an
// event could be about, and it can be redriven.
func TestStopAnywhere(t *testing.T) {
	m := mustMachine(t, `{"StartAt": "P", "TimeoutSeconds": 1000, "States": {"P": {"Type": "Parallel", "Branches": [
		{"StartAt": "M", "States": {"M": {"Type": "Map", "MaxConcurrency": 1, "ItemProcessor": {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1, "Next": "T"}, "T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}}, "End": true}}},
		{"StartAt": "V", "States": {"V": {"Type": "Wait", "Seconds": 2, "End": true}}}], "End": true}}}`)
	whole := newSimulation(t, m)
	whole.run(mustValue(t, `[1, 2]`))
	for at := 1; at < len(whole.steps); at++ {
		s := newSimulation(t, m)
		for _, st := range whole.steps[:at] {
			s.steps = append(s.steps, st)
			for _, a := range m.Next(s.state, st.Event, st.Env) {
				if a.Record != nil {
					s.history = append(s.history, a.Record)
				}
			}
		}
		reason := "stop"
		s.send(Event{Kind: Stopped, Error: &reason})
		if s.state.Status != Aborted || len(s.state.Open()) != 0 {
			t.Fatalf("after %d events: %s, open %v", at, s.state.Status, s.state.Open())
		}
		s.finish, s.queue = nil, nil
		s.send(Event{Kind: Redriven})
		if end := s.drain(); end.Status != Succeeded || end.Output.String() != "[[1,2],[1,2]]" {
			t.Fatalf("after %d events and a redrive: %s", at, end)
		}
		s.checkFold(true)
	}
}

// A machine that never waits gives the caller a chance to stop it.
func TestEndlessLoop(t *testing.T) {
	m := mustMachine(t, `{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Choice", "Choices": [{"Variable": "$.end", "IsPresent": true, "Next": "C"}], "Default": "A"}, "C": {"Type": "Succeed"}}}`)
	s := newSimulation(t, m)
	s.send(Event{Kind: Started, Execution: s.execution(), Input: &Value{mustValue(t, `{}`)}})
	if len(s.queue) != 1 || s.queue[0].Kind != Continued {
		t.Fatalf("%v", s.queue)
	}
	reason := "enough"
	s.queue = []Event{{Kind: Stopped, Error: &reason}}
	if end := s.drain(); end.Status != Aborted {
		t.Error(end)
	}
	s = newSimulation(t, m)
	if end := s.run(mustValue(t, `{}`)); end.Status != Failed || !strings.Contains(str(end.Cause), "25000") {
		t.Error(end)
	}
	if n := len(s.history); n != 25_000 || s.history[n-1].Type != "ExecutionFailed" || s.history[n-1].Previous != 24_999 || s.history[n-2].ID != 24_999 {
		t.Errorf("%d events: %+v", n, s.history[n-1])
	}
}

func BenchmarkThreeTasks(b *testing.B) {
	m := mustMachine(b, `{"StartAt": "A", "States": {
		"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "Next": "B"},
		"B": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "Next": "C"},
		"C": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "End": true}}}`)
	input, output := Value{mustValue(b, `{"a": 1, "b": ["x", "y"]}`)}, Value{mustValue(b, `{"ok": true}`)}
	x := (&simulation{}).execution()
	b.ReportAllocs()
	for b.Loop() {
		s := &State{}
		env := Env{Now: time.Unix(1, 0), Seed: 1}
		m.Next(s, Event{Kind: Started, Execution: x, Input: &input}, env)
		for s.Status == Running {
			for op := range s.Open() {
				m.Next(s, Event{Kind: TaskSucceeded, Op: op, Output: &output}, env)
			}
		}
	}
}

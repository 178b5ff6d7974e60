package asl

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// update writes what came as what is expected: go test -run Golden -update
var update = flag.Bool("update", false, "rewrite the expectations of testdata/*.txt")

// A golden file has the sections machine (a definition), input, events and
// want. A line of events is one of
//
//	STATE ok JSON           the next task of STATE succeeds
//	STATE fail ERROR CAUSE  … fails
//	STATE timeout           … runs out of time
//	STATE heartbeat         … misses its heartbeat
//	STATE hang              … is not answered
//	stop ERROR CAUSE        when nothing else happens: the execution is stopped
//	deadline                … its time is over
//	redrive                 … it is redriven
//
// A task without a line succeeds with its parameters. Times in want are seconds
// since the start.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(err, len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			section := func(name string) *txtar.File {
				for i := range archive.Files {
					if archive.Files[i].Name == name {
						return &archive.Files[i]
					}
				}
				archive.Files = append(archive.Files, txtar.File{Name: name})
				return &archive.Files[len(archive.Files)-1]
			}
			g := &golden{simulation: newSimulation(t, mustMachine(t, string(section("machine").Data))), script: strings.Split(strings.TrimSpace(string(section("events").Data)), "\n")}
			input := strings.TrimSpace(string(section("input").Data))
			if input == "" {
				input = "{}"
			}
			got := g.play(mustValue(t, input))
			want := section("want")
			if *update {
				want.Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			} else if string(want.Data) != got {
				t.Errorf("got:\n%s\nwant:\n%s", got, want.Data)
			}
			g.checkFold(false)
			g.checkFold(true)
		})
	}
}

type golden struct {
	*simulation
	script []string
	out    strings.Builder
	start  int64
}

// pick takes the first line of the script about a state.
func (g *golden) pick(state string) []string {
	for i, line := range g.script {
		if rest, ok := strings.CutPrefix(line, state+" "); ok {
			g.script = append(g.script[:i:i], g.script[i+1:]...)
			return strings.SplitN(rest, " ", 3)
		}
	}
	return nil
}

func (g *golden) play(input any) string {
	g.start = g.now.Unix()
	g.task = func(task *Task) []Event {
		fmt.Fprintf(&g.out, "    task %d %s %s attempt %d timeout %d heartbeat %d token %t\n", task.Op, task.State, task.Parameters, task.Attempt, task.Timeout, task.Heartbeat, task.Token != "")
		words := g.pick(task.State)
		if words == nil {
			output := task.Parameters
			return []Event{{Kind: TaskStarted}, {Kind: TaskSucceeded, Output: &output}}
		}
		word := func(i int) *string {
			if i < len(words) {
				return &words[i]
			}
			return nil
		}
		switch words[0] {
		case "ok":
			return []Event{{Kind: TaskStarted}, {Kind: TaskSucceeded, Output: &Value{mustValue(g.t, strings.Join(words[1:], " "))}}}
		case "fail":
			return []Event{{Kind: TaskFailed, Error: word(1), Cause: word(2)}}
		case "timeout":
			return []Event{{Kind: TaskTimedOut}}
		case "heartbeat":
			return []Event{{Kind: TaskTimedOut, Heartbeat: true}}
		}
		return nil
	}
	g.queue = append(g.queue, Event{Kind: Started, Execution: g.execution(), Input: &Value{input}})
	for range 10_000 {
		if len(g.queue) == 0 && !g.wake() {
			break
		}
		event := g.queue[0]
		g.queue = g.queue[1:]
		g.decide(event)
	}
	if left := strings.TrimSpace(strings.Join(g.script, "")); left != "" {
		g.t.Errorf("lines of the script that nothing asked for: %q", g.script)
	}
	return g.out.String()
}

// wake makes the next thing happen when nothing is under way.
func (g *golden) wake() bool {
	if len(g.script) > 0 {
		words := strings.SplitN(g.script[0], " ", 3)
		var event Event
		switch words[0] {
		case "stop":
			event = Event{Kind: Stopped, Error: &words[1], Cause: &words[2]}
		case "deadline":
			event = Event{Kind: TimerFired, Op: g.state.Deadline}
		case "redrive":
			if g.finish != nil {
				event = Event{Kind: Redriven}
			}
		}
		if event.Kind != "" && (words[0] == "redrive" || g.pendingTimers() == 0) {
			g.script = g.script[1:]
			g.finish = nil
			g.queue = append(g.queue, event)
			return true
		}
	}
	for g.timers.Len() > 0 && g.finish == nil {
		timer := g.timers[0]
		(&g.timers).popFirst()
		if g.dead[timer.Op] {
			continue
		}
		g.now = timer.At
		g.queue = append(g.queue, Event{Kind: TimerFired, Op: timer.Op})
		return true
	}
	return false
}

func (h *timers) popFirst() {
	all := *h
	best := 0
	for i := range all {
		if all.Less(i, best) {
			best = i
		}
	}
	all.Swap(0, best)
	*h = all[1:]
}

// pendingTimers counts those that still matter, apart from the deadline.
func (g *golden) pendingTimers() int {
	n := 0
	for _, timer := range g.timers {
		if !g.dead[timer.Op] && timer.Op != g.state.Deadline {
			n++
		}
	}
	return n
}

// decide sends one event and writes down what came of it.
func (g *golden) decide(event Event) {
	fmt.Fprintf(&g.out, "%s", event.Kind)
	if event.Op != 0 {
		fmt.Fprintf(&g.out, " %d", event.Op)
	}
	fmt.Fprintf(&g.out, " at %d\n", g.now.Unix()-g.start)
	g.seed++
	env := Env{Now: g.now, Seed: g.seed}
	g.steps = append(g.steps, step{event, env})
	for _, a := range g.machine.Next(g.state, event, env) {
		switch {
		case a.Record != nil:
			details := ""
			if a.Record.Details != nil {
				details = " " + mustJSON(g.t, a.Record.Details)
			}
			fmt.Fprintf(&g.out, "    %d<-%d %s%s\n", a.Record.ID, a.Record.Previous, a.Record.Type, details)
		case a.Timer != nil:
			fmt.Fprintf(&g.out, "    timer %d at %.1f\n", a.Timer.Op, a.Timer.At.Sub(g.state.Execution.StartTime).Seconds())
		case a.Cancel != 0:
			fmt.Fprintf(&g.out, "    cancel %d\n", a.Cancel)
		case a.Finish != nil:
			fmt.Fprintf(&g.out, "    finish %s\n", a.Finish)
		case a.Continue:
			fmt.Fprintf(&g.out, "    continue\n")
		case a.MapRun != nil:
			run := *a.MapRun
			run.Context = Value{}
			fmt.Fprintf(&g.out, "    map run %s\n", mustJSON(g.t, run))
		}
		g.carryOut([]Action{a})
	}
}

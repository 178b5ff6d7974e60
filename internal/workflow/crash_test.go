package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/store/postgrestest"
)

// databases are those that executions may be in.
var databases = map[string]func(t *testing.T) store.Config{
	"sqlite": func(t *testing.T) store.Config { return store.Config{Path: filepath.Join(t.TempDir(), "ebb.db")} },
	"postgres": func(t *testing.T) store.Config {
		return store.Config{URL: postgrestest.Migrated(t), Readers: 2, Writers: 2}
	},
}

// lives runs executions in processes that end in the middle: before or after a
// step's transaction the database is gone, and what the process still does is in
// vain, as if it had been killed there. A second takes them a few milliseconds.
type lives struct {
	*rig
	began time.Time

	mu     sync.Mutex
	left   int // how many more failpoints this process lives; < 0 = all
	killed chan struct{}
	gone   map[*Engine]bool
	dead   sync.WaitGroup
}

func newLives(t *testing.T, database store.Config) *lives {
	l := &lives{rig: bareRig(t), began: time.Now(), left: -1, gone: make(map[*Engine]bool)}
	l.database, l.rig.failpoint = database, l.point
	l.functions["f"] = moody
	t.Cleanup(l.dead.Wait)
	return l
}

// now is a clock that runs fast.
func (l *lives) now() time.Time { return l.began.Add(500 * time.Since(l.began)) }

// moody succeeds or fails by what it is called with alone: a call that is made
// again comes to the same.
func moody(_ context.Context, payload []byte) (any, error) {
	h := fnv.New32a()
	_, _ = h.Write(payload)
	if h.Sum32()%4 == 0 {
		return nil, &lambdaError{"again", "Busy"}
	}
	return json.RawMessage(payload), nil
}

// point is a failpoint. What is held in memory must be what the rows yield, and
// the process may end here.
func (l *lives) point(e *Engine, point string, held *live) {
	if point == "committed" {
		l.compare(e, held)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.gone[e] {
		return
	}
	if l.left--; l.left == 0 {
		l.gone[e] = true
		must(l.t, e.store.Close())
		close(l.killed)
	}
}

func (l *lives) compare(e *Engine, held *live) {
	_, _, f, err := e.fold(context.Background(), held.id, 0)
	if err != nil || f.sequence != held.sequence { // the process has ended, or another step was faster
		return
	}
	want, err := json.Marshal(f.state)
	must(l.t, err)
	got, err := json.Marshal(held.state)
	must(l.t, err)
	if string(got) != string(want) {
		l.t.Errorf("held:\n%s\nfolded:\n%s", got, want)
	}
}

// live runs one process, until that is killed or the execution has ended.
func (l *lives) live(machine *string, definition, input string, points int) *ebb.Execution {
	killed := make(chan struct{})
	l.mu.Lock()
	l.left, l.killed = points, killed
	l.mu.Unlock()
	l.open(Config{Now: l.now})
	defer func() { // what is dead takes its time to notice
		stop := l.stop
		l.dead.Go(func() { stop() })
	}()
	if *machine == "" {
		*machine = l.create("m", "", definition)
	}
	arn := strings.Replace(*machine, ":stateMachine:", ":execution:", 1) + ":x"
	if _, err := l.Execution(context.Background(), arn); ebb.TypeOf(err) == TypeExecutionDoesNotExist {
		_, _, _ = l.Start(context.Background(), Start{StateMachine: *machine, Name: "x", Input: &input}) // it may be killed here
	}
	var end *ebb.Execution
	l.until("the end of the execution or of the process", func() bool {
		for name := range l.Handlers() {
			l.queue.Wake(name) // the queue's timers do not know how fast the clock is
		}
		select {
		case <-killed:
			return true
		default:
		}
		x, err := l.Execution(context.Background(), arn)
		if err == nil && x.Status != ebb.ExecutionRunning {
			end = x
		}
		return end != nil
	})
	return end
}

// run starts processes, each of which lives for so many failpoints as the next
// of ends says, and after those one that is not killed.
func (l *lives) run(definition, input string, ends []int) (*ebb.Execution, []string) {
	l.t.Helper()
	machine := ""
	var x *ebb.Execution
	for n := 0; x == nil; n++ {
		points := -1
		if n < len(ends) {
			points = ends[n]
		}
		x = l.live(&machine, definition, input, points)
	}
	l.open(Config{Now: l.now})
	defer l.stop()
	return x, l.types(x)
}

func outcomeText(x *ebb.Execution) string {
	return x.Status + " " + str(x.Outcome.Output) + " " + str(x.Outcome.Error) + " " + str(x.Outcome.Cause)
}

// TestKilledBetweenAppends ends the process before and after every append of an
// execution: it ends as if nothing had happened, with the same history.
func TestKilledBetweenAppends(t *testing.T) {
	const definition = `{"StartAt": "A", "TimeoutSeconds": 1000000, "States": {
		"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "echo", "Payload.$": "$"}, "OutputPath": "$.Payload", "Next": "W"},
		"W": {"Type": "Wait", "Seconds": 2, "Next": "N"},
		"N": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2", "Parameters": {"StateMachineArn.$": "$.child", "Input.$": "$.n"}, "ResultSelector": {"got.$": "$.Output"}, "ResultPath": "$.nested", "Next": "D"},
		"D": {"Type": "Map", "ItemsPath": "$.items", "Label": "each", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "I", "States": {
			"I": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "echo", "Payload.$": "$"}, "OutputPath": "$.Payload", "End": true}}}, "ResultPath": "$.mapped", "Next": "F"},
		"F": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "fails"}, "Retry": [{"ErrorEquals": ["Busy"], "MaxAttempts": 1}], "Catch": [{"ErrorEquals": ["Busy"], "ResultPath": "$.caught", "Next": "E"}], "End": true},
		"E": {"Type": "Succeed"}}}`
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			l := newLives(t, database(t))
			l.functions["fails"] = func(context.Context, []byte) (any, error) { return nil, &lambdaError{"no", "Busy"} }
			l.open(Config{Now: l.now})
			child := l.create("child", "", `{"StartAt": "P", "States": {"P": {"Type": "Wait", "Seconds": 1, "End": true}}}`)
			l.stop()
			ends := make([]int, 200)
			for i := range ends {
				ends[i] = 1 + i%2 // before the first transaction; after it
			}
			x, types := l.run(definition, fmt.Sprintf(`{"child": %q, "n": 7, "items": [1, 2]}`, child), ends)
			is(t, x, ebb.ExecutionSucceeded, fmt.Sprintf(`{"child":%q,"n":7,"items":[1,2],"nested":{"got":7},"mapped":[1,2],"caught":{"Error":"Busy","Cause":"{\"errorMessage\":\"no\",\"errorType\":\"Busy\"}"}}`, child))
			equal(t, "history", types, strings.Fields(`ExecutionStarted TaskStateEntered TaskScheduled TaskStarted TaskSucceeded TaskStateExited
				WaitStateEntered WaitStateExited TaskStateEntered TaskScheduled TaskStarted TaskSubmitted TaskSucceeded TaskStateExited
				MapStateEntered MapStateStarted MapRunStarted MapRunSucceeded MapStateSucceeded MapStateExited
				TaskStateEntered TaskScheduled TaskStarted TaskFailed TaskScheduled TaskStarted TaskFailed TaskStateExited SucceedStateEntered SucceedStateExited ExecutionSucceeded`))
		})
	}
}

// TestRandomMachinesKilled runs random machines whose tasks fail at random: with
// processes that end anywhere, executions come to what they come to undisturbed,
// and what is held in memory is always what their rows yield.
func TestRandomMachinesKilled(t *testing.T) {
	machines := map[string]uint64{"sqlite": 4, "postgres": 1} // as many as take a few seconds
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			for seed := range machines[name] {
				random := rand.New(rand.NewPCG(seed, 0))
				g := &chain{random: random}
				definition := "{" + g.program(2) + "}"
				undisturbed, types := newLives(t, database(t)).run(definition, `[1, 2]`, nil)
				ends := make([]int, 12)
				for i := range ends {
					ends[i] = 1 + random.IntN(4)
				}
				killed, again := newLives(t, database(t)).run(definition, `[1, 2]`, ends)
				if outcomeText(killed) != outcomeText(undisturbed) {
					t.Errorf("seed %d: %s\nkilled:      %s\nundisturbed: %s", seed, definition, outcomeText(killed), outcomeText(undisturbed))
				}
				if all := strings.Join(types, " "); !strings.Contains(all, "Failed") && len(types) != len(again) {
					t.Errorf("seed %d: %s\nkilled:      %v\nundisturbed: %v", seed, definition, again, types)
				}
			}
		})
	}
}

// chain writes random machines that end, whatever order branches run in.
type chain struct {
	random *rand.Rand
	count  int
}

func (g *chain) program(depth int) string {
	names := make([]string, 1+g.random.IntN(3))
	for i := range names {
		g.count++
		names[i] = fmt.Sprintf("S%d", g.count)
	}
	var states []string
	for i, name := range names {
		next := ""
		if i+1 < len(names) {
			next = names[i+1]
		}
		states = append(states, fmt.Sprintf("%q: {%s}", name, g.state(depth, name, next, names[len(names)-1])))
	}
	return fmt.Sprintf(`"StartAt": %q, "States": {%s}`, names[0], strings.Join(states, ", "))
}

func (g *chain) state(depth int, name, next, last string) string {
	to := `"End": true`
	if next != "" {
		to = fmt.Sprintf(`"Next": %q`, next)
	}
	kinds := 4
	if depth > 0 {
		kinds = 7
	}
	switch g.random.IntN(kinds) {
	case 0:
		return `"Type": "Pass", "QueryLanguage": "JSONata", "Output": {"in": "{% $states.input %}"}, "Assign": {"v": "{% $states.context.State.Name %}"}, ` + to
	case 1:
		return fmt.Sprintf(`"Type": "Wait", "Seconds": %d, %s`, 1+g.random.IntN(3), to)
	case 4:
		return fmt.Sprintf(`"Type": "Parallel", "Branches": [{%s}, {%s}], %s%s`, g.program(depth-1), g.program(depth-1), g.guard(next, last), to)
	case 5:
		return fmt.Sprintf(`"Type": "Map", "ItemsPath": "$$.Execution.Input", "MaxConcurrency": %d, "ItemProcessor": {%s}, %s%s`, g.random.IntN(3), g.program(depth-1), g.guard(next, last), to)
	case 6:
		return fmt.Sprintf(`"Type": "Map", "ItemsPath": "$$.Execution.Input", "ToleratedFailurePercentage": 100, "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, %s}, %s%s`, g.program(0), g.guard(next, last), to)
	}
	return fmt.Sprintf(`"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload": {"state": %q, "retry.$": "$$.State.RetryCount", "in.$": "$"}}, "OutputPath": "$.Payload", %s%s`,
		name, g.guard(next, last), to)
}

// guard writes Retry and Catch; a Catch goes to the last state.
func (g *chain) guard(next, last string) string {
	out := ""
	if g.random.IntN(2) == 0 {
		out += fmt.Sprintf(`"Retry": [{"ErrorEquals": ["States.ALL"], "MaxAttempts": %d}], `, g.random.IntN(3))
	}
	if next != "" && g.random.IntN(2) == 0 {
		out += fmt.Sprintf(`"Catch": [{"ErrorEquals": ["Busy"], "ResultPath": null, "Next": %q}], `, last)
	}
	return out
}

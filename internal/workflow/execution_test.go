package workflow

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

const pass = `{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}`
const waits = `{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": true}}}`

// listed are the executions of a state machine, the last started first.
func (r *rig) listed(machine string) []*ebb.Execution {
	r.t.Helper()
	xs, _, err := r.Executions(context.Background(), store.ExecutionFilter{Service: service, Machine: machine, Limit: 100})
	must(r.t, err)
	return xs
}

func TestStartIsIdempotent(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	machine := r.create("m", "", waits)
	input := `{"a":1}`
	first, at, err := r.Start(ctx, Start{StateMachine: machine, Name: "n", Input: &input})
	must(t, err)
	second, again, err := r.Start(ctx, Start{StateMachine: machine, Name: "n", Input: &input})
	must(t, err)
	if first != second || !at.Equal(again) || len(r.listed("m")) != 1 {
		t.Error(first, second, at, again)
	}
	other := `{"a":2}`
	if _, _, err := r.Start(ctx, Start{StateMachine: machine, Name: "n", Input: &other}); ebb.TypeOf(err) != TypeExecutionAlreadyExists {
		t.Error(err)
	}
	_, err = r.Stop(ctx, first, nil, nil)
	must(t, err)
	if _, _, err := r.Start(ctx, Start{StateMachine: machine, Name: "n", Input: &input}); ebb.TypeOf(err) != TypeExecutionAlreadyExists {
		t.Error(err)
	}
	for input, typ := range map[string]string{`{`: TypeInvalidExecutionInput, ``: TypeInvalidExecutionInput} {
		if _, _, err := r.Start(ctx, Start{StateMachine: machine, Input: &input}); ebb.TypeOf(err) != typ {
			t.Errorf("%q: %v", input, err)
		}
	}
	if _, _, err := r.Start(ctx, Start{StateMachine: machine + "x"}); ebb.TypeOf(err) != TypeStateMachineDoesNotExist {
		t.Error(err)
	}
	if _, _, err := r.Start(ctx, Start{StateMachine: "arn:x"}); ebb.TypeOf(err) != TypeInvalidArn {
		t.Error(err)
	}
}

func TestStopAndRedrive(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	ok := make(chan bool, 1)
	r.functions["f"] = func(context.Context, []byte) (any, error) {
		select {
		case <-ok:
			return "done", nil
		default:
			return nil, &lambdaError{"no", "Nope"}
		}
	}
	x := r.run(`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "OutputPath": "$.Payload", "End": true}}}`, `{}`)
	is(t, x, ebb.ExecutionFailed, "Nope: ")
	arn := x.ARN("us-east-1")
	ok <- true
	at, err := r.Redrive(ctx, arn, "token")
	must(t, err)
	x = r.end(arn)
	is(t, x, ebb.ExecutionSucceeded, `"done"`)
	if x.RedriveCount != 1 || !x.RedrivenAt.Equal(at) {
		t.Errorf("%+v", x)
	}
	if again, err := r.Redrive(ctx, arn, "token"); err != nil || !again.Equal(at) {
		t.Error(again, err)
	}
	if _, err := r.Redrive(ctx, arn, "other"); ebb.TypeOf(err) != TypeExecutionNotRedrivable {
		t.Error(err)
	}
	types := strings.Join(r.types(x), " ")
	if !strings.Contains(types, "TaskFailed ExecutionFailed ExecutionRedriven TaskScheduled TaskStarted TaskSucceeded") {
		t.Error(types)
	}
	name, cause := "E", "C"
	arn = r.begin(r.create("w", "", waits), `{}`)
	_, err = r.Stop(ctx, arn, &name, &cause)
	must(t, err)
	is(t, r.end(arn), ebb.ExecutionAborted, "E: C")
}

func TestTimeouts(t *testing.T) {
	r := newRig(t)
	x := r.run(strings.Replace(waits, `"StartAt"`, `"TimeoutSeconds": 1, "StartAt"`, 1), `{}`)
	is(t, x, ebb.ExecutionTimedOut, "-: -")
	x = r.run(strings.Replace(waits, "1000", "1", 1), `{}`)
	is(t, x, ebb.ExecutionSucceeded, `{}`)
	if d := x.StoppedAt.Sub(x.StartedAt); d < time.Second || d > 3*time.Second {
		t.Error(d)
	}
}

// What is remembered is a copy: with no room for it at all everything is the
// same, and so it is after the process ended in the middle.
func TestNothingRemembered(t *testing.T) {
	r := newRig(t)
	r.stop()
	r.open(Config{CacheMB: 1})
	r.Engine.executions.budget = 0
	held := make(chan struct{})
	r.functions["wait"] = func(context.Context, []byte) (any, error) { <-held; return 1, nil }
	definition := `{"StartAt": "P", "States": {"P": {"Type": "Map", "ItemsPath": "$", "ItemProcessor": {"StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "OutputPath": "$.Payload", "Next": "W"}, "W": {"Type": "Wait", "Seconds": 1, "End": true}}}, "End": true}}}`
	machine := r.create("m", "", definition)
	arn := r.begin(machine, `[1, 2, 3, 4, 5]`)
	r.stop()
	close(held)
	r.open(Config{})
	x := r.end(arn)
	is(t, x, ebb.ExecutionSucceeded, `[1,2,3,4,5]`)
	scheduled := 0
	for _, typ := range r.types(x) {
		if typ == "TaskScheduled" {
			scheduled++
		}
	}
	if scheduled != 5 {
		t.Errorf("%d tasks were scheduled", scheduled)
	}
}

func TestLongHistory(t *testing.T) {
	r := newRig(t)
	definition := `{"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"n.$": "States.MathAdd($.n, 1)"}, "Next": "C"}, "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericLessThan": 2000, "Next": "A"}], "Default": "D"}, "D": {"Type": "Succeed"}}}`
	x := r.run(definition, `{"n": 0}`)
	is(t, x, ebb.ExecutionSucceeded, `{"n":2000}`)
	all := r.history(x)
	if len(all) != 1+4*2000+2+1 {
		t.Fatalf("%d events", len(all))
	}
	r.Engine.histories.kept = nil
	page, total, err := r.History(t.Context(), x, 7001, 100, false)
	must(t, err)
	if total != int64(len(all)) || len(page) != 100 || page[0].ID != 7001 || page[99].Type != all[7099].Type {
		t.Error(total, len(page))
	}
	if kept := r.Engine.histories.kept; len(kept) == 0 || kept[0].events[0].ID < 1000 {
		t.Error("the page was not folded from a snapshot")
	}
	page, _, err = r.History(t.Context(), x, 0, 3, true)
	must(t, err)
	if len(page) != 3 || page[0].Type != "ExecutionSucceeded" || page[2].ID != int64(len(all))-2 {
		t.Error(page)
	}
	x = r.run(strings.Replace(definition, "2000", "20000", 1), `{"n": 0}`)
	is(t, x, ebb.ExecutionFailed, "States.Runtime: The execution reached the maximum number of history events (25000).")
}

func TestDeleteStateMachine(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	machine := r.create("m", "", waits)
	arn := r.begin(machine, `{}`)
	key := ebb.StateMachineKey{Service: service, Name: "m"}
	must(t, r.DeleteStateMachine(ctx, key))
	is(t, r.end(arn), ebb.ExecutionAborted, "-: -")
	r.until("the end of the state machine", func() bool {
		_, err := r.StateMachine(ctx, key)
		return ebb.TypeOf(err) == TypeStateMachineDoesNotExist
	})
	must(t, r.DeleteStateMachine(ctx, key))
	r.create("m", "", pass)
}

func TestSweep(t *testing.T) {
	r := newRig(t)
	machine := r.create("m", "", pass)
	old := r.end(r.begin(machine, `{}`))
	running := r.begin(r.create("w", "", waits), `{}`)
	later := time.Now().Add(DefaultRetention + time.Minute)
	r.Engine.cfg.Now = func() time.Time { return later }
	must(t, r.sweep(t.Context()))
	if _, err := r.Execution(t.Context(), old.ARN("us-east-1")); ebb.TypeOf(err) != TypeExecutionDoesNotExist {
		t.Error(err)
	}
	if _, err := r.Execution(t.Context(), running); err != nil {
		t.Error(err)
	}
	if _, err := r.StateMachine(t.Context(), ebb.StateMachineKey{Service: service, Name: "m"}); err != nil {
		t.Error(err)
	}
}

func TestVersionsAndAliases(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	key := ebb.StateMachineKey{Service: service, Name: "m"}
	machine := r.create("m", "", pass)
	v1, err := r.Publish(ctx, key, "", "one")
	must(t, err)
	if v, err := r.Publish(ctx, key, "", ""); err != nil || v.Number != v1.Number {
		t.Error(v, err)
	}
	changed := strings.Replace(pass, `"End"`, `"Result": 2, "End"`, 1)
	_, v2, err := r.UpdateStateMachine(ctx, key, Update{Definition: &changed, Publish: true})
	must(t, err)
	_, err = r.CreateAlias(ctx, &ebb.StateMachineAlias{StateMachineKey: key, Alias: "live", Routing: []ebb.StateMachineRoute{{Version: v1.Number, Weight: 0}, {Version: v2.Number, Weight: 100}}})
	must(t, err)
	is(t, r.end(r.begin(machine+":1", `1`)), ebb.ExecutionSucceeded, `1`)
	x := r.end(r.begin(machine+":live", `1`))
	is(t, x, ebb.ExecutionSucceeded, `2`)
	if x.Alias != "live" || x.Version != 2 {
		t.Errorf("%+v", x)
	}
	if err := r.DeleteVersion(ctx, key, 2); ebb.TypeOf(err) != TypeConflict {
		t.Error(err)
	}
	must(t, r.DeleteAlias(ctx, key, "live"))
	must(t, r.DeleteVersion(ctx, key, 2))
}

// To create again what is there changes nothing, whatever role or tags are asked
// for; what is otherwise different is refused.
func TestCreateIsIdempotent(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	c := Create{StateMachineKey: ebb.StateMachineKey{Service: service, Name: "m"}, Definition: pass, Role: testRole, Tags: map[string]string{"a": "1"}}
	first, _, err := r.CreateStateMachine(ctx, c)
	must(t, err)
	c.Role, c.Tags = testRole+"2", map[string]string{"b": "2"}
	again, _, err := r.CreateStateMachine(ctx, c)
	must(t, err)
	if !again.CreatedAt.Equal(first.CreatedAt) || again.Revision.Role != testRole || again.Tags["a"] != "1" {
		t.Errorf("%+v", again)
	}
	for _, change := range []func(*Create){
		func(c *Create) { c.Definition = waits }, func(c *Create) { c.Type = ebb.StateMachineExpress },
		func(c *Create) { c.Tracing = true }, func(c *Create) { c.Logging.Level = "ALL" },
	} {
		other := c
		change(&other)
		if _, _, err := r.CreateStateMachine(ctx, other); ebb.TypeOf(err) != TypeStateMachineAlreadyExists {
			t.Error(err)
		}
	}
	a, err := r.CreateActivity(ctx, service, "a", map[string]string{"a": "1"})
	must(t, err)
	b, err := r.CreateActivity(ctx, service, "a", map[string]string{"b": "2"})
	must(t, err)
	if !b.CreatedAt.Equal(a.CreatedAt) || b.Tags["a"] != "1" {
		t.Errorf("%+v", b)
	}
	many := make(map[string]string)
	for i := range MaxTags + 1 {
		many[strconv.Itoa(i)] = ""
	}
	if _, err := r.CreateActivity(ctx, service, "b", many); ebb.TypeOf(err) != TypeTooManyTags {
		t.Error(err)
	}
}

// Aliases are listed with the newest first, all or those of a version; there may
// be a hundred.
func TestListOfAliases(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	key := ebb.StateMachineKey{Service: service, Name: "m"}
	r.create("m", "", pass)
	_, err := r.Publish(ctx, key, "", "")
	must(t, err)
	changed := strings.Replace(pass, `"End"`, `"Result": 2, "End"`, 1)
	_, _, err = r.UpdateStateMachine(ctx, key, Update{Definition: &changed, Publish: true})
	must(t, err)
	clock := r.Engine.now()
	r.cfg.Now = func() time.Time { clock = clock.Add(time.Millisecond); return clock }
	create := func(name string, version int64) error {
		_, err := r.CreateAlias(ctx, &ebb.StateMachineAlias{StateMachineKey: key, Alias: name, Routing: []ebb.StateMachineRoute{{Version: version, Weight: 100}}})
		return err
	}
	for i, name := range []string{"c", "a", "b"} {
		must(t, create(name, int64(i%2+1)))
	}
	names := func(version int64, limit int) (all string) {
		var at AliasPlace
		for more := true; more; {
			var as []*ebb.StateMachineAlias
			as, more, err = r.Aliases(ctx, key, version, at, limit)
			must(t, err)
			for _, a := range as {
				all += a.Alias
				at = AliasPlace{a.CreatedAt, a.Alias}
			}
		}
		return all
	}
	if got := []string{names(0, 10), names(0, 1), names(1, 10), names(1, 1), names(2, 1)}; strings.Join(got, " ") != "bac bac bc bc a" {
		t.Error(got)
	}
	for i := range maxAliases - 3 {
		must(t, create("x"+strconv.Itoa(i), 1))
	}
	if err := create("one-more", 1); ebb.TypeOf(err) != TypeServiceQuotaExceeded {
		t.Error(err)
	}
	must(t, create("a", 2)) // is there already
}

// Why an execution cannot be redriven is told before anybody tries.
func TestRedriveStatus(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	now := time.Now()
	x := ebb.Execution{Service: service, Machine: "m", Status: ebb.ExecutionFailed, StartedAt: now, StoppedAt: now}
	for _, c := range []struct {
		change func(*ebb.Execution)
		want   string
	}{
		{func(*ebb.Execution) {}, "REDRIVABLE "},
		{func(x *ebb.Execution) { x.MapRun = "r" }, "REDRIVABLE_BY_MAP_RUN "},
		{func(x *ebb.Execution) { x.Status = ebb.ExecutionRunning }, "NOT_REDRIVABLE Execution is RUNNING and cannot be redriven"},
		{func(x *ebb.Execution) { x.Status = ebb.ExecutionSucceeded }, "NOT_REDRIVABLE Execution is SUCCEEDED and cannot be redriven"},
		{func(x *ebb.Execution) { x.StoppedAt = now.Add(-15 * 24 * time.Hour) }, "NOT_REDRIVABLE Execution redrivable period exceeded"},
		{func(x *ebb.Execution) { x.StartedAt = now.Add(-366 * 24 * time.Hour) }, "NOT_REDRIVABLE Execution has exceeded the max execution time"},
	} {
		y := x
		c.change(&y)
		if status, reason := Redrivable(&y, now); status+" "+reason != c.want {
			t.Errorf("got %s %s, want %s", status, reason, c.want)
		}
	}
	if status, reason, err := r.RedriveStatus(ctx, &x); err != nil || status != notRedrivable || reason != "State machine is in DELETING status" {
		t.Error(status, reason, err)
	}
	r.create("m", "", pass)
	if status, _, err := r.RedriveStatus(ctx, &x); err != nil || status != "REDRIVABLE" {
		t.Error(status, err)
	}
}

// The ARN of a distributed Map state is not that of its state machine.
func TestMapStateARN(t *testing.T) {
	r := newRig(t)
	machine := r.create("m", "", pass)
	if _, _, err := r.Start(t.Context(), Start{StateMachine: machine + "/label"}); ebb.TypeOf(err) != ebb.TypeValidation {
		t.Error(err)
	}
}

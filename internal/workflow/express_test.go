package workflow

import (
	"context"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestExpress(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	r.functions["raises"] = func(context.Context, []byte) (any, error) { return nil, &lambdaError{"no", "ValueError"} }
	ran := make(chan string, 1)
	r.functions["told"] = func(_ context.Context, p []byte) (any, error) { ran <- string(p); return nil, nil }
	sync := func(definition, input string) *ExpressResult {
		t.Helper()
		res, err := r.StartSync(ctx, Start{StateMachine: r.create("m"+newID()[24:], ebb.StateMachineExpress, definition), Input: &input})
		must(t, err)
		return res
	}
	res := sync(`{"StartAt": "M", "States": {"M": {"Type": "Map", "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "OutputPath": "$.Payload", "Next": "W"}, "W": {"Type": "Wait", "Seconds": 1, "End": true}}}, "End": true}}}`, `[1, 2]`)
	if res.Status != ebb.ExecutionSucceeded || *res.Outcome.Output != `[1,2]` || !strings.Contains(res.ARN, ":express:") {
		t.Errorf("%+v %s", res, str(res.Outcome.Cause))
	}
	if res := sync(invokeTask("raises", ""), `{}`); res.Status != ebb.ExecutionFailed || *res.Outcome.Error != "ValueError" {
		t.Errorf("%+v", res)
	}
	if res := sync(strings.Replace(waits, `"StartAt"`, `"TimeoutSeconds": 1, "StartAt"`, 1), `{}`); res.Status != ebb.ExecutionTimedOut {
		t.Errorf("%+v", res)
	}
	arn, _, err := r.Start(ctx, Start{StateMachine: r.create("async", ebb.StateMachineExpress, invokeTask("told", "")), Input: new(`{"x":1}`)})
	must(t, err)
	if got := <-ran; got != `{"x":1}` {
		t.Error(got)
	}
	if _, err := r.Execution(ctx, arn); ebb.TypeOf(err) != TypeInvalidArn {
		t.Error(err)
	}
	_, _, err = r.CreateStateMachine(ctx, Create{StateMachineKey: ebb.StateMachineKey{Service: service, Name: "x"}, Type: ebb.StateMachineExpress, Role: testRole,
		Definition: strings.Replace(invokeTask("f", ""), "lambda:invoke", "lambda:invoke.waitForTaskToken", 1)})
	if ebb.TypeOf(err) != TypeInvalidDefinition {
		t.Error(err)
	}
	if _, err := r.StartSync(ctx, Start{StateMachine: r.create("std", "", pass)}); ebb.TypeOf(err) != TypeStateMachineTypeNotSupported {
		t.Error(err)
	}
}

// TestExpressOfChangedMachine: what an ARN means is remembered only until something
// is written; a start after a change, or the end, of a state machine knows of it.
func TestExpressOfChangedMachine(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	key := ebb.StateMachineKey{Service: service, Name: "m"}
	arn := r.create("m", ebb.StateMachineExpress, pass)
	_, err := r.Publish(ctx, key, "", "")
	must(t, err)
	start := func(arn, want string) {
		t.Helper()
		for range 2 { // the second time from memory
			res, err := r.StartSync(ctx, Start{StateMachine: arn, Input: new(`1`)})
			must(t, err)
			if *res.Outcome.Output != want {
				t.Errorf("%s: %s, want %s", arn, *res.Outcome.Output, want)
			}
		}
	}
	start(arn, `1`)
	for _, result := range []string{"2", "3"} {
		changed := strings.Replace(pass, `"End"`, `"Result": `+result+`, "End"`, 1)
		_, _, err := r.UpdateStateMachine(ctx, key, Update{Definition: &changed})
		must(t, err)
		start(arn, result)
		start(arn+":1", `1`)
	}
	must(t, r.DeleteStateMachine(ctx, key))
	if _, err := r.StartSync(ctx, Start{StateMachine: arn}); err == nil {
		t.Error("what is deleted was started")
	}
}

// TestTargetsAreRemembered: while nothing is written, an ARN is looked up once.
func TestTargetsAreRemembered(t *testing.T) {
	r := newRig(t)
	arn := r.create("m", ebb.StateMachineExpress, pass)
	resolve := func() *target {
		t.Helper()
		got, err := r.resolve(t.Context(), arn)
		must(t, err)
		return got
	}
	before := resolve()
	if _, alone := r.store.Mark(); alone != (before == resolve()) {
		t.Error("looked up again, or not")
	}
	r.create("other", "", pass)
	if before == resolve() {
		t.Error("remembered beyond a write")
	}
}

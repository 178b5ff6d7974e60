package workflow

import (
	"context"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func invokeTask(function, more string) string {
	return `{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "` + function + `", "Payload.$": "$"}, ` + more + `"End": true}}}`
}

func TestTaskHistory(t *testing.T) {
	r := newRig(t)
	x := r.run(invokeTask("f", `"OutputPath": "$.Payload", `), `{"a": 1}`)
	is(t, x, ebb.ExecutionSucceeded, `{"a":1}`)
	equal(t, "history", r.types(x), []string{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSucceeded", "TaskStateExited", "ExecutionSucceeded"})
	x = r.run(`{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f", "End": true}}}`, `[1]`)
	is(t, x, ebb.ExecutionSucceeded, `[1]`)
	equal(t, "history", r.types(x), []string{"ExecutionStarted", "TaskStateEntered", "LambdaFunctionScheduled", "LambdaFunctionStarted", "LambdaFunctionSucceeded", "TaskStateExited", "ExecutionSucceeded"})
}

func TestTaskFailures(t *testing.T) {
	r := newRig(t)
	r.functions["raises"] = func(context.Context, []byte) (any, error) { return nil, &lambdaError{"no", "ValueError"} }
	is(t, r.run(invokeTask("raises", ""), `{}`), ebb.ExecutionFailed, `ValueError: {"errorMessage":"no","errorType":"ValueError"}`)
	is(t, r.run(invokeTask("missing", ""), `{}`), ebb.ExecutionFailed, `Lambda.ResourceNotFoundException: Function not found: arn:aws:lambda:us-east-1:000000000000:function:missing (Service: Lambda, Status Code: 404, Request ID: `)
	is(t, r.run(invokeTask("arn:aws:lambda:us-east-1:111111111111:function:f", ""), `{}`), ebb.ExecutionFailed, "Lambda.AccessDeniedException: ")
	is(t, r.run(strings.Replace(invokeTask("f", ""), "lambda:invoke", "sqs:sendMessage", 1), `{}`), ebb.ExecutionFailed, "States.Runtime: The resource 'arn:aws:states:::sqs:sendMessage' is not offered by this ebb")
	n := 0
	r.functions["flaky"] = func(context.Context, []byte) (any, error) {
		if n++; n < 3 {
			return nil, &lambdaError{"busy", "Busy"}
		}
		return "ok", nil
	}
	x := r.run(invokeTask("flaky", `"Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "BackoffRate": 1, "JitterStrategy": "FULL"}], "OutputPath": "$.Payload", `), `{}`)
	is(t, x, ebb.ExecutionSucceeded, `"ok"`)
}

func TestTaskTimeout(t *testing.T) {
	r := newRig(t)
	leave := make(chan struct{})
	r.functions["slow"] = func(context.Context, []byte) (any, error) { <-leave; return nil, nil }
	x := r.run(invokeTask("slow", `"TimeoutSeconds": 1, `), `{}`)
	close(leave)
	is(t, x, ebb.ExecutionFailed, "States.Timeout: -")
	equal(t, "history", r.types(x), []string{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskTimedOut", "ExecutionFailed"})
}

func TestCallback(t *testing.T) {
	r := newRig(t)
	tokens := make(chan string, 1)
	r.functions["ask"] = func(_ context.Context, payload []byte) (any, error) {
		tokens <- strings.Trim(string(payload), `"`)
		return nil, nil
	}
	definition := `{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": {"FunctionName": "ask", "Payload.$": "$$.Task.Token"}, "End": true}}}`
	machine := r.create("callback", "", definition)
	ctx := t.Context()
	arn := r.begin(machine, `{}`)
	token := <-tokens
	must(t, r.SendHeartbeat(ctx, service, token))
	if err := r.SendSuccess(ctx, service, token, `{`); ebb.TypeOf(err) != TypeInvalidOutput {
		t.Error(err)
	}
	if err := r.SendSuccess(ctx, "111111111111", token, `1`); ebb.TypeOf(err) != TypeInvalidToken {
		t.Error(err)
	}
	must(t, r.SendSuccess(ctx, service, token, `{"yes": true}`))
	x := r.end(arn)
	is(t, x, ebb.ExecutionSucceeded, `{"yes":true}`)
	if err := r.SendSuccess(ctx, service, token, `1`); ebb.TypeOf(err) != TypeTaskTimedOut {
		t.Error(err)
	}
	arn = r.begin(machine, `{}`)
	name, cause := "No", "because"
	must(t, r.SendFailure(ctx, service, <-tokens, &name, &cause))
	is(t, r.end(arn), ebb.ExecutionFailed, "No: because")
	arn = r.begin(r.create("impatient", "", strings.Replace(definition, `"End"`, `"HeartbeatSeconds": 1, "TimeoutSeconds": 9, "End"`, 1)), `{}`)
	<-tokens
	x = r.end(arn)
	is(t, x, ebb.ExecutionFailed, "States.HeartbeatTimeout: -")
	equal(t, "history", r.types(x), []string{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskTimedOut", "ExecutionFailed"})
}

func TestActivity(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	a, err := r.CreateActivity(ctx, service, "work", nil)
	must(t, err)
	machine := r.create("m", "", `{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "`+a.ARN("us-east-1")+`", "HeartbeatSeconds": 60, "End": true}}}`)
	type task struct{ token, input string }
	got := make(chan task, 1)
	go func() {
		token, input, err := r.ActivityTask(ctx, service, "work", "w1")
		if err != nil {
			t.Error(err)
		}
		got <- task{token, input}
	}()
	arn := r.begin(machine, `{"n": 1}`)
	one := <-got
	if one.input != `{"n":1}` {
		t.Error(one.input)
	}
	must(t, r.SendSuccess(ctx, service, one.token, `2`))
	x := r.end(arn)
	is(t, x, ebb.ExecutionSucceeded, `2`)
	equal(t, "history", r.types(x), []string{"ExecutionStarted", "TaskStateEntered", "ActivityScheduled", "ActivityStarted", "ActivitySucceeded", "TaskStateExited", "ExecutionSucceeded"})
	// A task of an execution that was stopped is given to nobody.
	arn = r.begin(machine, `{}`)
	_, err = r.Stop(ctx, arn, nil, nil)
	must(t, err)
	short, cancel := context.WithCancel(ctx)
	cancel()
	if token, _, err := r.ActivityTask(short, service, "work", ""); token != "" || err != nil && ebb.KindOf(err) != ebb.Unavailable {
		t.Error(token, err)
	}
}

func TestNested(t *testing.T) {
	r := newRig(t)
	child := r.create("child", "", `{"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{"Variable": "$.ok", "BooleanEquals": true, "Next": "Y"}], "Default": "N"}, "Y": {"Type": "Pass", "Result": {"x": 1}, "End": true}, "N": {"Type": "Fail", "Error": "Bad", "Cause": "it is"}}}`)
	parent := func(pattern, more string) string {
		return `{"StartAt": "P", "States": {"P": {"Type": "Task", "Resource": "arn:aws:states:::states:startExecution` + pattern + `", "Parameters": {"StateMachineArn": "` + child + `", "Input.$": "$"}, ` + more + `"End": true}}}`
	}
	is(t, r.run(parent(".sync:2", `"OutputPath": "$.Output", `), `{"ok": true}`), ebb.ExecutionSucceeded, `{"x":1}`)
	is(t, r.run(parent(".sync", `"OutputPath": "$.Output", `), `{"ok": true}`), ebb.ExecutionSucceeded, `"{\"x\":1}"`)
	x := r.run(parent(".sync:2", ""), `{"ok": false}`)
	is(t, x, ebb.ExecutionFailed, `States.TaskFailed: {"Cause":"it is","Error":"Bad",`)
	equal(t, "history", r.types(x), []string{"ExecutionStarted", "TaskStateEntered", "TaskScheduled", "TaskStarted", "TaskSubmitted", "TaskFailed", "ExecutionFailed"})
	x = r.run(parent("", `"ResultSelector": {"a.$": "$.ExecutionArn"}, `), `{"ok": true}`)
	if x.Status != ebb.ExecutionSucceeded || !strings.Contains(*x.Outcome.Output, ":execution:child:") {
		t.Error(str(x.Outcome.Output), str(x.Outcome.Cause))
	}
	// A parent that is stopped stops what it waits for.
	slow := r.create("slow", "", `{"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 1000, "End": true}}}`)
	arn := r.begin(r.create("stopped", "", strings.Replace(parent(".sync", ""), child, slow, 1)), `{}`)
	var kids []*ebb.Execution
	r.until("the child", func() bool {
		kids = r.listed("slow")
		return len(kids) == 1
	})
	_, err := r.Stop(t.Context(), arn, nil, nil)
	must(t, err)
	is(t, r.end(kids[0].ARN("us-east-1")), ebb.ExecutionAborted, "-: -")
}

package workflow

import (
	"context"
	"strconv"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// large is twice what the States Language allows a payload to be.
const large = 512 << 10

// largeMachine has a large result go through three states.
const largeMachine = `{"StartAt": "Make", "States": {
	"Make": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "make"}, "OutputPath": "$.Payload", "Next": "Keep"},
	"Keep": {"Type": "Wait", "Seconds": 0, "Next": "Use"},
	"Use": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "use", "Payload.$": "$"}, "ResultPath": "$.used", "End": true}}}`

func largeRig(t *testing.T, name, offload string) (r *rig, machine string) {
	r = newRig(t)
	r.functions["make"] = func(context.Context, []byte) (any, error) {
		return map[string]string{"text": strings.Repeat("x", large)}, nil
	}
	r.functions["use"] = func(_ context.Context, payload []byte) (any, error) { return len(payload), nil }
	m, _, err := r.CreateStateMachine(t.Context(), Create{StateMachineKey: ebb.StateMachineKey{Service: service, Name: name},
		Definition: largeMachine, Role: testRole, Tags: map[string]string{ebb.TagOffload: offload}})
	must(t, err)
	return r, ebb.StateMachineARN("us-east-1", m.StateMachineKey, "")
}

// TestOffload: the payloads of a state machine that opts in may be larger; they
// are not in the database, and are there after a restart.
func TestOffload(t *testing.T) {
	r, machine := largeRig(t, "large", "true")
	arn := r.begin(machine, `{}`)
	x := r.end(arn)
	if x.Status != ebb.ExecutionSucceeded || !strings.Contains(str(x.Outcome.Output), `"Payload":`+strconv.Itoa(large+len(`{"text":""}`))) {
		t.Fatalf("%s %s %.100s", x.Status, str(x.Outcome.Error), str(x.Outcome.Cause))
	}
	payloads := make(map[ebb.Digest]bool)
	must(t, r.store.Read(t.Context(), func(tx *store.Tx) error {
		err := tx.ExecutionEvents(x.ID, 0, func(sequence int64, events []byte) error {
			if len(events) > maxInline {
				t.Errorf("row %d has %d bytes", sequence, len(events))
			}
			return nil
		})
		if err != nil {
			return err
		}
		return tx.Payloads(func(d ebb.Digest) { payloads[d] = true })
	}))
	if len(payloads) == 0 {
		t.Error("nothing is kept elsewhere")
	}
	r.stop()
	r.open(Config{})
	types := r.types(x)
	if len(types) == 0 || types[len(types)-1] != "ExecutionSucceeded" {
		t.Errorf("history after a restart: %v", types)
	}
	events, _, err := r.History(t.Context(), x, 0, 1000, true)
	must(t, err)
	if out := events[0].Details.Output; out == nil || len(out.String()) < large {
		t.Error("the output is not whole after a restart")
	}
	must(t, r.store.Tx(t.Context(), func(tx *store.Tx) error { return tx.DeleteExecution(x.ID) }))
	must(t, r.store.Read(t.Context(), func(tx *store.Tx) error {
		return tx.Payloads(func(d ebb.Digest) { t.Errorf("payload %s of an execution that is no more", d) })
	}))
}

func TestNoOffload(t *testing.T) {
	r, machine := largeRig(t, "small", "false")
	is(t, r.end(r.begin(machine, `{}`)), ebb.ExecutionFailed, "States.DataLimitExceeded: The state/task 'arn:aws:states:::lambda:invoke' returned a result with a size exceeding the maximum number of bytes service limit.")
}

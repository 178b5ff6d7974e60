package workflow

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
)

// logOf is what a state machine has logged: types of events, and the lines.
func (r *rig) logOf(name string) (types []string, lines []string) {
	r.t.Helper()
	q := logs.Query{FunctionKey: ebb.WorkflowLog(ebb.StateMachineKey{Service: service, Name: name})}
	must(r.t, r.logs.Query(context.Background(), q, func(e logs.Entry) error {
		var line logged
		must(r.t, json.Unmarshal(e.Text, &line))
		types, lines = append(types, e.Level+" "+line.Type), append(lines, string(e.Text))
		return nil
	}))
	return types, lines
}

func TestExecutionLogs(t *testing.T) {
	fails := `{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "raises", "Payload.$": "$"}, "End": true}}}`
	all := []string{"INFO ExecutionStarted", "INFO TaskStateEntered", "INFO TaskScheduled", "INFO TaskStarted", "ERROR TaskFailed", "FATAL ExecutionFailed"}
	for _, c := range []struct {
		name string
		kind string
		ebb.StateMachineLogging
		want []string
	}{
		{"all", ebb.StateMachineStandard, ebb.StateMachineLogging{Level: logAll, IncludeExecutionData: true}, all},
		{"express", ebb.StateMachineExpress, ebb.StateMachineLogging{Level: logAll}, all},
		{"error", ebb.StateMachineStandard, ebb.StateMachineLogging{Level: logError}, all[4:]},
		{"fatal", ebb.StateMachineExpress, ebb.StateMachineLogging{Level: logFatal}, all[5:]},
		{"off", ebb.StateMachineStandard, ebb.StateMachineLogging{Level: "OFF"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.functions["raises"] = func(context.Context, []byte) (any, error) { return nil, &lambdaError{"no", "ValueError"} }
			m, _, err := r.CreateStateMachine(t.Context(), Create{StateMachineKey: ebb.StateMachineKey{Service: service, Name: c.name},
				Type: c.kind, Definition: fails, Role: testRole, Logging: c.StateMachineLogging})
			must(t, err)
			arn := ebb.StateMachineARN("us-east-1", m.StateMachineKey, "")
			if c.kind == ebb.StateMachineExpress {
				_, err = r.StartSync(t.Context(), Start{StateMachine: arn, Input: new(`{"pin": 1}`)})
				must(t, err)
			} else {
				is(t, r.end(r.begin(arn, `{"pin": 1}`)), ebb.ExecutionFailed, "ValueError: ")
			}
			var types, lines []string
			r.until("the log, which follows the history", func() bool {
				types, lines = r.logOf(c.name)
				return len(types) >= len(c.want)
			})
			equal(t, "log", types, c.want)
			if len(lines) == 0 {
				return
			}
			var first map[string]any
			must(t, json.Unmarshal([]byte(lines[0]), &first))
			if c.IncludeExecutionData != (first["details"].(map[string]any)["input"] != nil) && len(c.want) == len(all) {
				t.Errorf("data in the log: %s", lines[0])
			}
			if arn, _ := first["execution_arn"].(string); arn == "" || first["id"] == "" || first["event_timestamp"] == "" {
				t.Errorf("a line: %s", lines[0])
			}
		})
	}
}

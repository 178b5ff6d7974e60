package workflow

import (
	"context"
	"encoding/json"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

// callEvents is arn:aws:states:::events:putEvents. Details may be JSON as it is;
// the execution and its state machine are added to the resources of each event;
// and an entry that the bus did not take fails the task.
func (e *Engine) callEvents(ctx context.Context, c *call) outcome {
	o := document(c.Parameters)
	if o == nil || e.deps.Call == nil {
		return failed(notOffered(c.Resource))
	}
	list, _ := o.Get("Entries")
	entries, _ := list.([]any)
	arns := []any{c.execution.ARN(e.cfg.Region), ebb.StateMachineARN(e.cfg.Region, c.machine.revision.StateMachineKey, "")}
	put := make([]any, len(entries))
	for i, entry := range entries {
		put[i] = entry
		if fields, ok := entry.(*jsonata.Object); ok {
			put[i] = putEntry(fields, arns)
		}
	}
	answer, ok, err := e.deps.Call(ctx, c.api("eventbridge", "putEvents", []byte(jsonata.Text(o.With("Entries", put)))))
	if !ok {
		return failed(notOffered(c.Resource))
	}
	if err != nil {
		return notCalled(err, "eventbridge")
	}
	var failures struct{ FailedEntryCount int }
	if err := json.Unmarshal(answer, &failures); err != nil {
		return outcome{err: err}
	}
	if failures.FailedEntryCount > 0 {
		return failed(&failure{name: "EventBridge.FailedEntry", cause: string(answer)})
	}
	v, err := asl.ParseValue(answer)
	return outcome{output: &v, err: err}
}

func putEntry(fields *jsonata.Object, arns []any) *jsonata.Object {
	if detail, ok := fields.Get("Detail"); ok {
		if _, text := detail.(string); !text {
			fields = fields.With("Detail", jsonata.Text(detail))
		}
	}
	resources, _ := fields.Get("Resources")
	given, _ := resources.([]any)
	return fields.With("Resources", append(given[:len(given):len(given)], arns...))
}

// api is an operation of an AWS API, with the role of the call's state machine.
func (c *call) api(api, operation string, parameters []byte) Call {
	return Call{
		Service: c.execution.Service, Role: c.role(), API: api, Operation: operation,
		Parameters: parameters, Trace: c.execution.Settings.TraceHeader,
	}
}

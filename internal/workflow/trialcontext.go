package workflow

import (
	"strings"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

// contextFields are the members of a context object that a trial may be given,
// by their path, and their JSON types; "" = any. It is never written to.
var contextFields = map[string]string{
	"Execution": "object", "Execution.Id": "string", "Execution.Input": "", "Execution.Name": "string", "Execution.RoleArn": "string",
	"Execution.StartTime": "string", "Execution.RedriveCount": "number", "Execution.RedriveTime": "string",
	"State": "object", "State.Name": "string", "State.EnteredTime": "string", "State.RetryCount": "number",
	"StateMachine": "object", "StateMachine.Id": "string", "StateMachine.Name": "string",
	"Task": "object", "Task.Token": "string",
}

// trialContext checks the context object that a state is to be tried with; nil
// when the one that would be is to be used.
func trialContext(m *asl.Machine, t TestState) (*asl.Value, error) {
	if t.Context == "" {
		return nil, nil
	}
	refuse := func(format string, args ...any) (*asl.Value, error) {
		return nil, invalid(ebb.TypeValidation, "Invalid Context object provided: "+format, args...)
	}
	if t.Mock == nil {
		return nil, invalid(ebb.TypeValidation, "A Context object can only be specified when a mock is specified")
	}
	v, err := asl.ParseValue([]byte(t.Context))
	if err != nil {
		return refuse("%s", jsonFault(t.Context, err))
	}
	o := document(v)
	if o == nil {
		return refuse("it must be a JSON object")
	}
	if _, has := o.Get("Map"); has {
		return refuse("'Map' field is not supported when mocking a Context object")
	}
	if fault := contextFault(o, ""); fault != "" {
		return refuse("%s", fault)
	}
	call, isTask := m.CallOf(t.State)
	waits := call.Kind == "activity" || strings.HasPrefix(call.Pattern, "sync") || call.Pattern == "waitForTaskToken"
	if _, has := o.Get("Task"); has && !(isTask && waits) {
		return refuse("Context object contains 'Task' when state is not a Task state with a '.sync' or '.waitForTaskToken' service integration pattern")
	}
	return &v, nil
}

// contextFault words the first member that does not belong, or "".
func contextFault(o *jsonata.Object, within string) string {
	for i := range o.Len() {
		name, v := o.At(i)
		kind, known := contextFields[within+name]
		inner, isObject := v.(*jsonata.Object)
		_, isText := v.(string)
		_, isNumber := v.(jsonata.Number)
		switch {
		case !known:
			return "Field '" + name + "' is not allowed"
		case kind == "object" && !isObject:
			return within + name + " must be an object"
		case kind == "string" && !isText:
			return within + name + " must be a string"
		case kind == "number" && !isNumber:
			return within + name + " must be a number"
		case kind == "object":
			if fault := contextFault(inner, name+"."); fault != "" {
				return fault
			}
		}
	}
	return ""
}

package statesapi

import (
	"reflect"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/workflow"
)

func (a *API) testState(c *call, in *TestStateInput) (*TestStateOutput, error) {
	if err := a.anywhere(c, "stateMachine"); err != nil {
		return nil, err
	}
	t := workflow.TestState{
		Service: c.service(), Definition: *in.Definition, State: deref(in.StateName), Role: deref(in.RoleArn),
		Input: "{}", Variables: deref(in.Variables), Context: deref(in.Context),
	}
	if in.Input != nil {
		t.Input = *in.Input
	}
	if in.Mock != nil {
		if deref(in.RevealSecrets) {
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "TestState does not support RevealSecrets when a mock is specified.")
		}
		t.Mock = &workflow.Mock{Result: in.Mock.Result}
		if e := in.Mock.ErrorOutput; e != nil {
			t.Mock.Failed, t.Mock.Error, t.Mock.Cause = true, e.Error, e.Cause
		}
	}
	if s := in.StateConfiguration; s != nil {
		t.Retries, t.Failures, t.Items = int64(deref(s.RetrierRetryCount)), int64(deref(s.MapIterationFailureCount)), deref(s.MapItemReaderData)
	}
	tried, err := a.engine.TestState(c, t)
	if err != nil {
		return nil, err
	}
	out := &TestStateOutput{Status: &tried.Status, Error: tried.Error, Cause: tried.Cause}
	if tried.Output != nil {
		out.Output = new(tried.Output.String())
	}
	if tried.Next != "" {
		out.NextState = &tried.Next
	}
	if level := deref(in.InspectionLevel); level == "DEBUG" || level == "TRACE" {
		out.InspectionData = inspection(tried)
	}
	return out, nil
}

// inspection is what was seen on the way, as the API has it.
func inspection(t *asl.Tried) *InspectionData {
	out := &InspectionData{}
	v := reflect.ValueOf(out).Elem()
	for name, value := range t.Inspection {
		f := v.FieldByNameFunc(func(field string) bool { return lowerFirst(field) == name })
		if !f.IsValid() {
			continue
		}
		text := value.String()
		switch f.Interface().(type) {
		case *string:
			f.Set(reflect.ValueOf(&text))
		case *int32:
			if n, ok := value.V.(asl.Number); ok {
				i, _ := n.Int()
				f.Set(reflect.ValueOf(new(int32(i))))
			}
		case *float64:
			if n, ok := value.V.(asl.Number); ok {
				f.Set(reflect.ValueOf(new(n.Float())))
			}
		}
	}
	if t.Variables != nil {
		out.Variables = new(t.Variables.String())
	}
	if t.RetryIndex != nil || t.CatchIndex != nil {
		out.ErrorDetails = &InspectionErrorDetails{}
		if t.CatchIndex != nil {
			out.ErrorDetails.CatchIndex = new(int32(*t.CatchIndex))
		}
		if t.RetryIndex != nil {
			out.ErrorDetails.RetryIndex = new(int32(*t.RetryIndex))
			out.ErrorDetails.RetryBackoffIntervalSeconds = new(int32(t.RetryDelay.Seconds()))
		}
	}
	return out
}

func lowerFirst(s string) string { return string(s[0]|0x20) + s[1:] }

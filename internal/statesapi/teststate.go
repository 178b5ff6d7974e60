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
		t.Mock = &workflow.Mock{Result: in.Mock.Result, Check: deref(in.Mock.FieldValidationMode)}
		if e := in.Mock.ErrorOutput; e != nil {
			t.Mock.Failed, t.Mock.Error, t.Mock.Cause = true, e.Error, e.Cause
		}
	}
	if s := in.StateConfiguration; s != nil {
		t.Retries, t.Failures, t.Items = int64(deref(s.RetrierRetryCount)), int64(deref(s.MapIterationFailureCount)), s.MapItemReaderData
	}
	if t.Reveal = deref(in.RevealSecrets); t.Reveal {
		if err := a.auth.Authorize(c.principal, "states:RevealSecrets", "arn:aws:states:"+a.region+":"+string(c.service())+":stateMachine:*"); err != nil {
			return nil, err
		}
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
		out.InspectionData = inspection(&tried.Tried)
		if level == "TRACE" && tried.HTTP != nil {
			out.InspectionData.Request, out.InspectionData.Response = exchange(tried.HTTP)
		}
	}
	return out, nil
}

// exchange is what an HTTP task asked and was answered.
func exchange(x *workflow.Exchange) (*InspectionDataRequest, *InspectionDataResponse) {
	q, r := x.Request, x.Response
	request := &InspectionDataRequest{Protocol: &q.Protocol, Method: &q.Method, Url: &q.URL, Headers: &q.Headers, Body: &q.Body}
	if r.StatusCode == "" {
		return request, nil // there was no answer
	}
	return request, &InspectionDataResponse{Protocol: &r.Protocol, StatusCode: &r.StatusCode, StatusMessage: &r.StatusText, Headers: &r.Headers, Body: &r.Body}
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

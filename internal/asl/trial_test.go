package asl

import (
	"fmt"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// try tries a state; answer is given to what waits for one.
func try(t *testing.T, definition, input string, trial Trial, answer func(*Attempt)) Tried {
	t.Helper()
	m, problems := ParseState([]byte(definition), jsonata.New(jsonata.Config{}))
	if m == nil {
		t.Fatal(problems)
	}
	trial.Input = Value{mustValue(t, input)}
	a, ok := m.Try(trial, Env{Now: time.Unix(1, 0), Seed: 1})
	if !ok {
		t.Fatal("no state")
	}
	if a.Waits() {
		answer(a)
	}
	return a.Result()
}

func TestTrial(t *testing.T) {
	name, cause := "E", "c"
	fails := func(a *Attempt) { a.Fail(&name, &cause) }
	lambda := `{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"p.$": "$.a"}, "ResultSelector": {"r.$": "$.x"}, "ResultPath": "$.out", `
	r := try(t, lambda+`"Next": "N"}`, `{"a": 1}`, Trial{}, func(a *Attempt) {
		if a.Task().Parameters.String() != `{"p":1}` {
			t.Error(a.Task().Parameters)
		}
		a.Succeed(Value{mustValue(t, `{"x": 2}`)})
	})
	want := map[string]string{"input": `{"a":1}`, "afterInputPath": `{"a":1}`, "afterParameters": `{"p":1}`, "result": `{"x":2}`, "afterResultSelector": `{"r":2}`, "afterResultPath": `{"a":1,"out":{"r":2}}`}
	got := map[string]string{}
	for k, v := range r.Inspection {
		got[k] = v.String()
	}
	if r.Status != TriedSucceeded || r.Next != "N" || r.Output.String() != `{"a":1,"out":{"r":2}}` || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v\n%v", r, got)
	}
	r = try(t, lambda+`"Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 2, "MaxAttempts": 3}], "End": true}`, `{"a": 1}`, Trial{Retries: 1}, fails)
	if r.Status != TriedRetriable || *r.RetryIndex != 0 || r.RetryDelay != 4*time.Second || *r.Error != "E" {
		t.Errorf("%+v", r)
	}
	r = try(t, lambda+`"Catch": [{"ErrorEquals": ["States.ALL"], "Next": "C"}], "End": true}`, `{"a": 1}`, Trial{}, fails)
	if r.Status != TriedCaught || r.Next != "C" || *r.Cause != "c" || r.Output.String() != `{"Error":"E","Cause":"c"}` {
		t.Errorf("%+v", r)
	}
	r = try(t, lambda+`"End": true}`, `{"a": 1}`, Trial{}, fails)
	if r.Status != TriedFailed || *r.Error != "E" || r.Output != nil {
		t.Errorf("%+v", r)
	}
	r = try(t, `{"Type": "Wait", "Seconds": 1000, "End": true}`, `{}`, Trial{}, nil)
	if r.Status != TriedSucceeded {
		t.Errorf("%+v", r)
	}
	r = try(t, `{"Type": "Map", "MaxConcurrency": 3, "ItemSelector": {"v.$": "$$.Map.Item.Value"}, "ItemProcessor": {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}`, `[1, 2]`, Trial{}, func(a *Attempt) { a.Succeed(Value{mustValue(t, `["a", "b"]`)}) })
	if r.Status != TriedSucceeded || r.Output.String() != `["a","b"]` || r.Inspection["afterItemSelector"].String() != `[{"v":1},{"v":2}]` || r.Inspection["maxConcurrency"].String() != "3" {
		t.Errorf("%+v", r)
	}
}

package rehearse

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func machine(t *testing.T, definition string) *asl.Machine {
	t.Helper()
	m, problems := asl.Parse([]byte(definition), jsonata.New(jsonata.Config{}))
	if m == nil {
		t.Fatal(problems)
	}
	return m
}

func value(t *testing.T, text string) *asl.Value {
	t.Helper()
	v, err := asl.ParseValue([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return &v
}

func play(t *testing.T, definition, input string, mocks map[string]Mocks) (*Result, error) {
	t.Helper()
	p := &Play{Machine: machine(t, definition), Name: "m", Input: *value(t, input), Mocks: mocks}
	got, err := p.Run()
	again, err2 := p.Run()
	if !reflect.DeepEqual(got, again) || (err == nil) != (err2 == nil) {
		t.Errorf("not the same twice: %+v, %+v", got, again)
	}
	return got, err
}

const retried = `{"StartAt": "A", "States": {
	"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f", "Payload.$": "$"}, "TimeoutSeconds": 10,
		"Retry": [{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 3}], "Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}], "Next": "W"},
	"W": {"Type": "Wait", "Seconds": 3600, "End": true},
	"Late": {"Type": "Succeed"}}}`

func TestSequenceAndTime(t *testing.T) {
	got, err := play(t, retried, `{"x": 1}`, map[string]Mocks{"A": {{Error: "Busy"}, {Error: "Busy", Delay: time.Second}, {Output: value(t, `{"y": 2}`), Delay: 3 * time.Second}}})
	if err != nil {
		t.Fatal(err)
	}
	want := 2*time.Second + time.Second + 6*time.Second + 3*time.Second + time.Hour
	if got.Status != asl.Succeeded || got.Output.String() != `{"y":2}` || got.Took != want || len(got.Calls) != 3 || !reflect.DeepEqual(got.Path, []string{"A", "W"}) {
		t.Errorf("%+v, want %s", got, want)
	}
}

func TestDelayBecomesTimeout(t *testing.T) {
	got, err := play(t, retried, `{}`, map[string]Mocks{"A": {{Delay: time.Minute}}})
	if err != nil || got.Took != 10*time.Second || !reflect.DeepEqual(got.Path, []string{"A", "Late"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMocksThatLack(t *testing.T) {
	for want, mocks := range map[string]map[string]Mocks{
		"has no mock":      nil,
		"has no mock left": {"A": {{Error: "Busy"}, {Error: "Busy"}}},
		`{"FunctionName":`: {"A": {{When: value(t, `{"Payload": {"x": 2}}`)}}},
	} {
		got, err := play(t, retried, `{"x": 1}`, mocks)
		if err == nil || !strings.Contains(err.Error(), want) || got.Status != "" {
			t.Errorf("%v: %+v, %v", mocks, got, err)
		}
	}
}

const distributed = `{"StartAt": "M", "States": {"M": {"Type": "Map", "ToleratedFailureCount": 1, "ItemBatcher": {"MaxItemsPerBatch": 2},
	"ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}, "Parameters": {"Bucket": "b", "Key": "k"}},
	"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "C", "States": {
		"C": {"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Parameters": {"t.$": "$$.Task.Token", "i.$": "$.Items"}, "End": true}}}, "End": true}}}`

func TestDistributedMap(t *testing.T) {
	mocks := map[string]Mocks{
		"M": {{Items: []any{jsonata.Number("1"), jsonata.Number("2"), jsonata.Number("3")}}},
		"C": {{When: value(t, `{"i": [3]}`), Error: "Lost"}, {Output: value(t, `"done"`), Delay: time.Minute}},
	}
	got, err := play(t, distributed, `{}`, mocks)
	if err != nil || got.Status != asl.Succeeded || got.Output.String() != `["done"]` || got.Took != time.Minute || len(got.Calls) != 2 {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = play(t, distributed, `{}`, map[string]Mocks{"M": {{Output: value(t, `[7]`)}}})
	if err != nil || got.Output.String() != `[7]` {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = play(t, strings.Replace(distributed, `"ToleratedFailureCount": 1`, `"ToleratedFailureCount": 0`, 1), `{}`, mocks)
	if err != nil || got.Status != asl.Failed || *got.Error != asl.ErrToleratedExceeded {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestEndless: an execution that goes round for ever ends as it would, by the
// limit of its history.
func TestEndless(t *testing.T) {
	got, err := play(t, `{"StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 1, "Next": "B"}, "B": {"Type": "Choice", "Choices": [{"Variable": "$.x", "IsPresent": true, "Next": "C"}], "Default": "A"}, "C": {"Type": "Succeed"}}}`, `{}`, nil)
	if err != nil || got.Status != asl.Failed || got.Took < time.Hour {
		t.Errorf("%s after %s, %v", got.Status, got.Took, err)
	}
}

func TestOneState(t *testing.T) {
	trial := &Trial{Machine: machine(t, retried), Name: "m", State: "A", Input: *value(t, `{"x": 1}`), Mock: &Mock{Error: "Busy"}}
	got, call, err := trial.Run()
	if err != nil || got.Status != asl.TriedRetriable || call == nil || call.Parameters.String() != `{"FunctionName":"f","Payload":{"x":1}}` {
		t.Errorf("%+v, %+v, %v", got, call, err)
	}
	trial.Mock = &Mock{Output: value(t, `5`)}
	if got, _, err = trial.Run(); err != nil || got.Status != asl.TriedSucceeded || got.Next != "W" || got.Output.String() != "5" {
		t.Errorf("%+v, %v", got, err)
	}
	trial.Mock = nil
	if _, _, err = trial.Run(); err == nil {
		t.Error("a call without a mock is no error")
	}
	trial.State = "X"
	if _, _, err = trial.Run(); err == nil {
		t.Error("a state that is not there is no error")
	}
}

func TestContains(t *testing.T) {
	for _, c := range []struct {
		have, part string
		want       bool
	}{
		{`{"a": 1, "b": {"c": 2}}`, `{"b": {}}`, true},
		{`{"a": 1, "b": {"c": 2}}`, `{"b": {"c": 3}}`, false},
		{`{"a": 1}`, `{"x": 1}`, false},
		{`[1]`, `[1]`, true},
		{`[1, 2]`, `[1]`, false},
		{`1`, `{}`, false},
	} {
		if got := Contains(value(t, c.have).V, value(t, c.part).V); got != c.want {
			t.Errorf("%s contains %s: %t", c.have, c.part, got)
		}
	}
}

package asl

import (
	"strings"
	"testing"
)

func TestDataLimit(t *testing.T) {
	definition := `{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Catch": [{"ErrorEquals": ["CATCH"], "ResultPath": null, "Next": "B"}], "End": true}, "B": {"Type": "Succeed"}}}`
	large := &Value{strings.Repeat("x", MaxPayload-1)} // and two quotes
	for catch, want := range map[string]Status{ErrAll: Failed, ErrDataLimitExceeded: Succeeded} {
		s := newSimulation(t, mustMachine(t, strings.ReplaceAll(definition, "CATCH", catch)))
		s.task = func(*Task) []Event { return []Event{{Kind: TaskSucceeded, Output: large}} }
		end := s.run(mustValue(t, `{}`))
		if end.Status != want {
			t.Errorf("caught by %s: %s", catch, end)
		}
		if want == Failed && (*end.Error != ErrDataLimitExceeded || !strings.Contains(*end.Cause, "returned a result with a size exceeding the maximum number of bytes service limit")) {
			t.Error(end)
		}
		s.checkFold(true)
	}
	fits := &Value{strings.Repeat("x", MaxPayload-2)}
	s := newSimulation(t, mustMachine(t, strings.ReplaceAll(definition, "CATCH", ErrAll)))
	s.task = func(*Task) []Event { return []Event{{Kind: TaskSucceeded, Output: fits}} }
	if end := s.run(mustValue(t, `{}`)); end.Status != Succeeded {
		t.Error(end.Status, str(end.Error))
	}
}

func TestToken(t *testing.T) {
	m := mustMachine(t, `{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": {"token.$": "$$.Task.Token"}, "End": true}}}`)
	var tokens []string
	for seed := range uint64(2) {
		s := newSimulation(t, m)
		s.seed = seed
		s.task = func(task *Task) []Event {
			tokens = append(tokens, task.Token)
			if v, _ := task.Parameters.V.(*Object).Get("token"); v != task.Token {
				t.Errorf("%v is not %s", v, task.Token)
			}
			return []Event{{Kind: TaskSucceeded}}
		}
		s.run(mustValue(t, `{}`))
	}
	if tokens[0] == tokens[1] || len(tokens[0]) > 2048 {
		t.Error(tokens)
	}
	execution, op, err := ParseToken(tokens[0])
	if err != nil || execution != (&simulation{}).execution().ID || op != 1 {
		t.Error(execution, op, err)
	}
	for _, bad := range []string{"", "x", "e30="} {
		if _, _, err := ParseToken(bad); err == nil {
			t.Errorf("%q is a token", bad)
		}
	}
}

func TestParseResource(t *testing.T) {
	for arn, want := range map[string]Resource{
		"arn:aws:lambda:us-east-1:1:function:f:live":                   {Kind: "lambda"},
		"arn:aws:states:us-east-1:1:activity:a":                        {Kind: "activity"},
		"arn:aws:states:::lambda:invoke":                               {Kind: "task", Type: "lambda", API: "invoke"},
		"arn:aws:states:::lambda:invoke.waitForTaskToken":              {Kind: "task", Type: "lambda", API: "invoke.waitForTaskToken", Pattern: "waitForTaskToken"},
		"arn:aws:states:::states:startExecution.sync:2":                {Kind: "task", Type: "states", API: "startExecution.sync:2", Pattern: "sync:2"},
		"arn:aws:states:::aws-sdk:s3:getObject":                        {Kind: "task", Type: "aws-sdk:s3", API: "getObject"},
		"arn:aws:states:::aws-sdk:sfn:startExecution.waitForTaskToken": {Kind: "task", Type: "aws-sdk:sfn", API: "startExecution.waitForTaskToken", Pattern: "waitForTaskToken"},
	} {
		if got := ParseResource(arn); got != want {
			t.Errorf("%s: %+v", arn, got)
		}
	}
}

func TestBatches(t *testing.T) {
	inputs := func(n int) []Value {
		all := make([]Value, n)
		for i := range all {
			all[i] = Value{intNumber(int64(i))}
		}
		return all
	}
	for _, c := range []struct {
		batch *ItemBatch
		want  string
	}{
		{nil, `0 1 2 3 4`},
		{&ItemBatch{MaxItems: 2}, `{"Items":[0,1]} {"Items":[2,3]} {"Items":[4]}`},
		{&ItemBatch{MaxBytes: int64(len(`{"Items":[]}`) + 6)}, `{"Items":[0,1,2]} {"Items":[3,4]}`},
		{&ItemBatch{MaxBytes: 1, Input: &Value{"x"}}, `{"Items":[0],"BatchInput":"x"} {"Items":[1],"BatchInput":"x"} {"Items":[2],"BatchInput":"x"} {"Items":[3],"BatchInput":"x"} {"Items":[4],"BatchInput":"x"}`},
	} {
		run := &MapRun{Batch: c.batch}
		var texts []string
		for _, v := range run.Batches(inputs(5)) {
			texts = append(texts, v.String())
		}
		if got := strings.Join(texts, " "); got != c.want {
			t.Errorf("%+v: %s, want %s", c.batch, got, c.want)
		}
	}
}

func TestExceeded(t *testing.T) {
	count, percentage, zero := int64(2), 10.0, int64(0)
	for _, c := range []struct {
		run           MapRun
		failed, total int64
		want          bool
	}{
		{MapRun{}, 0, 5, false}, {MapRun{}, 1, 5, true},
		{MapRun{ToleratedCount: &count}, 2, 5, false}, {MapRun{ToleratedCount: &count}, 3, 5, true},
		{MapRun{ToleratedPercentage: &percentage}, 1, 10, false}, {MapRun{ToleratedPercentage: &percentage}, 2, 10, true},
		{MapRun{ToleratedCount: &count, ToleratedPercentage: &percentage}, 2, 10, true},
		{MapRun{ToleratedCount: &zero}, 1, 10, true},
	} {
		if got := c.run.Exceeded(c.failed, c.total); got != c.want {
			t.Errorf("%+v: %d of %d: %t", c.run, c.failed, c.total, got)
		}
	}
}

// A distributed Map end to end: items are read, selected, batched and run by
// child executions of the item processor.
func TestDistributedMap(t *testing.T) {
	m := mustMachine(t, `{"StartAt": "M", "States": {"M": {"Type": "Map", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON", "MaxItemsPath": "$.max"}, "Parameters": {"Bucket": "b", "Key.$": "$.key"}},
		"ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "key.$": "$.key"}, "ToleratedFailureCountPath": "$.tolerated",
		"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "T", "States": {"T": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "ResultSelector": {"at.$": "$$.Map.Item.Index", "got.$": "$.v"}, "End": true}}}, "End": true}}}`)
	for _, c := range []struct{ tolerated, want string }{
		{`"1"`, `SUCCEEDED [{"at":0,"got":"x"},{"at":2,"got":"z"}]`},
		{`0`, `FAILED States.ExceedToleratedFailureThreshold The specified tolerated failure threshold was exceeded`},
	} {
		s := newSimulation(t, m)
		s.read = func(r *ItemReader) []any {
			if r.MaxItems != 3 || r.Parameters.String() != `{"Bucket":"b","Key":"k"}` || r.Config.String() != `{"InputType":"JSON"}` {
				t.Errorf("%+v", r)
			}
			return []any{"x", "y", "z", "beyond"}
		}
		s.task = func(task *Task) []Event {
			if v, _ := task.Parameters.V.(*Object).Get("v"); v == "y" {
				return []Event{failed(0, TaskFailed, "Bad", "")}
			}
			output := task.Parameters
			return []Event{{Kind: TaskSucceeded, Output: &output}}
		}
		if end := s.run(mustValue(t, `{"key": "k", "max": 3, "tolerated": `+c.tolerated+`}`)); end.String() != c.want {
			t.Errorf("%s, want %s", end, c.want)
		}
		s.checkFold(true)
	}
}

func TestWildcard(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"log-*.txt", "log-2.txt", true}, {"*", "", true}, {"a*b*c", "aXbYc", true}, {"a*b*c", "acb", false}, {`a\*`, "a*", true}, {`a\*`, "ab", false},
		{"a*a", "a", false}, {"*x*", "axb", true}, {"abc", "abc", true}, {"abc", "abcd", false}, {`\\*`, `\x`, true},
	} {
		if got := wildcard(c.pattern, c.text); got != c.want {
			t.Errorf("%s %s: %t", c.pattern, c.text, got)
		}
	}
}

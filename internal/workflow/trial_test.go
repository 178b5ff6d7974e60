package workflow

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// trialStates are single states to try.
const (
	trialTask  = `{"Type": "Task", "Resource": "arn:aws:states:::states:startExecution", "Parameters": {"StateMachineArn": "m"}, "End": true}`
	trialToken = `{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "Parameters": {"FunctionName": "f", "Payload": {"t.$": "$$.Task.Token"}}, "End": true}`
	trialPass  = `{"Type": "Pass", "End": true}`
	trialMap   = `{"Type": "Map", "Label": "L", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b", "Key": "k"}, "ReaderConfig": CONFIG},
		"ItemSelector": {"v.$": "$$.Map.Item.Value"}, "ToleratedFailureCount": 1,
		"ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}, "End": true}`
)

func TestMocksAreChecked(t *testing.T) {
	r := newRig(t)
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		definition, context string
		mock                *Mock
		want                string
	}{
		{trialTask, "", &Mock{Result: text(`{}`)}, "Required field 'ExecutionArn' is missing"},
		{trialTask, "", &Mock{Result: text(`{}`), Check: ValidateStrict}, "Required field 'ExecutionArn' is missing"},
		{trialTask, "", &Mock{Result: text(`{}`), Check: ValidatePresent}, ""},
		{trialTask, "", &Mock{Result: text(`{"StartDate": 1}`), Check: ValidatePresent}, "Field 'StartDate' must be a string"},
		{trialTask, "", &Mock{Result: text(`{"StartDate": 1}`), Check: ValidateNone}, ""},
		{trialTask, "", &Mock{Result: text(`{`)}, "must be valid JSON"},
		{trialTask, "", &Mock{Result: text(`{}`), Failed: true}, "only one of the following fields: [result, errorOutput]"},
		{trialPass, "", &Mock{Result: text(`{}`)}, "State type 'Pass' is not supported when a mock is specified"},
		{trialTask, `{"Execution": {"Id": 1}}`, &Mock{Failed: true}, "Execution.Id must be a string"},
		{trialTask, `{"Execution": {"colour": 1}}`, &Mock{Failed: true}, "Field 'colour' is not allowed"},
		{trialTask, `{"Colour": {}}`, &Mock{Failed: true}, "Field 'Colour' is not allowed"},
		{trialTask, `{"Map": {}}`, &Mock{Failed: true}, "'Map' field is not supported"},
		{trialTask, `{"Task": {"Token": "t"}}`, &Mock{Failed: true}, "contains 'Task' when state is not"},
		{trialTask, `[]`, &Mock{Failed: true}, "must be a JSON object"},
		{trialTask, `{"State": {"RetryCount": "1"}}`, &Mock{Failed: true}, "State.RetryCount must be a number"},
		{trialTask, `{}`, nil, "can only be specified when a mock is specified"},
		{trialToken, `{"Task": {"Token": "t"}}`, &Mock{Result: text(`7`)}, ""},
		{strings.Replace(trialMap, "CONFIG", `{"InputType": "JSON"}`, 1), "", &Mock{Result: text(`[]`)}, "ItemReader data must be specified"},
	} {
		_, err := r.TestState(t.Context(), TestState{Service: service, Definition: c.definition, Input: "{}", Context: c.context, Mock: c.mock})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s %s: %v", c.definition, c.context, err)
		case c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), "ValidationException") || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s %s: got %v, want %s", c.definition, c.context, err, c.want)
		}
	}
}

// What would wait for somebody else is tried with a mock only.
func TestTrialsThatWantAMock(t *testing.T) {
	r := newRig(t)
	for definition, want := range map[string]string{
		trialToken: "'.waitForTaskToken'",
		strings.Replace(trialTask, "startExecution", "startExecution.sync:2", 1):                                            "'.sync:2'",
		`{"Type": "Task", "Resource": "arn:aws:states:us-east-1:000000000000:activity:a", "End": true}`:                     "Activity tasks",
		`{"Type": "Parallel", "Branches": [{"StartAt": "A", "States": {"A": {"Type": "Pass", "End": true}}}], "End": true}`: "Map or Parallel",
	} {
		_, err := r.TestState(t.Context(), TestState{Service: service, Definition: definition, Input: "{}"})
		if ebb.TypeOf(err) != TypeInvalidDefinition || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", definition, err)
		}
	}
}

// A task that is tried takes no longer than it may.
func TestTrialTimesOut(t *testing.T) {
	r := newRig(t)
	r.functions["f"] = func(ctx context.Context, _ []byte) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	got, err := r.TestState(t.Context(), TestState{Service: service, Definition: `{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, "TimeoutSeconds": 1, "End": true}`, Role: testRole, Input: "{}"})
	must(t, err)
	if got.Status != asl.TriedFailed || *got.Error != asl.ErrTimeout {
		t.Errorf("%+v", got)
	}
}

// A task that is tried ends after five minutes, whatever it may take of its own.
func TestTrialLimit(t *testing.T) {
	for _, own := range []string{"", `"TimeoutSeconds": 86400, `} {
		synctest.Test(t, func(t *testing.T) {
			r := bareRig(t)
			r.functions["f"] = func(ctx context.Context, _ []byte) (any, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			e, began := New(Config{}, Deps{Invoke: r.invoke, Permit: r.permit}), time.Now()
			got, err := e.TestState(t.Context(), TestState{Service: service, Definition: `{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "f"}, ` + own + `"End": true}`, Role: testRole, Input: "{}"})
			must(t, err)
			if took := time.Since(began); took != 5*time.Minute || got.Status != asl.TriedFailed || *got.Error != asl.ErrTimeout {
				t.Errorf("after %v: %+v", took, got)
			}
		})
	}
}

// The context object that a trial makes is that of an Express execution.
func TestTrialContext(t *testing.T) {
	r := newRig(t)
	got, err := r.TestState(t.Context(), TestState{Service: service, Definition: `{"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.context %}", "End": true}`, Role: testRole, Input: "{}"})
	must(t, err)
	out := got.Output.String()
	if !strings.Contains(out, `"Id":"arn:aws:states:us-east-1:000000000000:express:TestState:`) || strings.Contains(out, "RedriveCount") || !strings.Contains(out, `"Name":"StateName"`) {
		t.Error(out)
	}
}

// What a reader reads comes in the form it has where it is.
func TestTrialOfAReader(t *testing.T) {
	r := newRig(t)
	result, cause := `[]`, "no"
	for _, c := range []struct{ config, data, items, pointed, status string }{
		{`{"InputType": "JSON"}`, `[1, 2]`, `[{"v":1},{"v":2}]`, "", asl.TriedSucceeded},
		{`{"InputType": "JSON", "ItemsPointer": "/a"}`, `{"a": [1]}`, `[{"v":1}]`, `[1]`, asl.TriedSucceeded},
		{`{"InputType": "JSONL", "MaxItems": 1}`, "1\n2\n", `[{"v":1}]`, "", asl.TriedSucceeded},
		{`{"InputType": "CSV", "CSVHeaderLocation": "FIRST_ROW"}`, "a,b\n1,2\n", `[{"v":{"a":"1","b":"2"}}]`, "", asl.TriedSucceeded},
		{`{"InputType": "JSON"}`, `{`, "", "", asl.TriedFailed},
	} {
		got, err := r.TestState(t.Context(), TestState{Service: service, Definition: strings.Replace(trialMap, "CONFIG", c.config, 1), Input: "{}", Items: &c.data, Mock: &Mock{Result: &result}})
		must(t, err)
		seen := func(name string) string {
			if v, ok := got.Inspection[name]; ok {
				return v.String()
			}
			return ""
		}
		if got.Status != c.status || seen("afterItemSelector") != c.items || seen("afterItemsPointer") != c.pointed || seen("afterItemsPath") != "" {
			t.Errorf("%s %s: %s %v", c.config, c.data, got.Status, got.Inspection)
		}
		if c.status == asl.TriedFailed && *got.Error != asl.ErrItemReaderFailed {
			t.Errorf("%s", *got.Error)
		}
	}
	data := `[1, 2, 3]`
	trial := TestState{Service: service, Definition: strings.Replace(trialMap, "CONFIG", `{"InputType": "JSON"}`, 1), Input: "{}", Items: &data, Failures: 2, Mock: &Mock{Result: &result}}
	got, err := r.TestState(t.Context(), trial)
	must(t, err)
	if got.Status != asl.TriedFailed || *got.Error != asl.ErrToleratedExceeded {
		t.Errorf("%+v", got)
	}
	trial.Mock = &Mock{Failed: true, Error: &cause, Cause: &cause}
	if got, err = r.TestState(t.Context(), trial); err != nil || *got.Error != cause {
		t.Errorf("the mocked error counts more than failed iterations: %+v %v", got, err)
	}
}

// An HTTP task that is tried shows what was sent, and of what the connection
// added only to those who may see it.
func TestTrialOfAnHTTPTask(t *testing.T) {
	r := newRig(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Back", "b")
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("taken"))
	}))
	t.Cleanup(server.Close)
	r.secrets["key"] = `{"AuthorizationType": "API_KEY", "AuthParameters": {"ApiKeyAuthParameters": {"ApiKeyName": "X-Key", "ApiKeyValue": "k1"},
		"InvocationHttpParameters": {"QueryStringParameters": [{"Key": "secret", "Value": "s1"}]}}}`
	definition := `{"Type": "Task", "Resource": "arn:aws:states:::http:invoke", "Parameters": {"ApiEndpoint": "` + server.URL + `/a", "Method": "POST", "Headers": {"X-Mine": "m"},
		"RequestBody": {"n": 1}, "Authentication": {"ConnectionArn": "` + connectionARN + `key"}}, "End": true}`
	for _, reveal := range []bool{false, true} {
		got, err := r.TestState(t.Context(), TestState{Service: service, Definition: definition, Role: testRole, Input: "{}", Reveal: reveal})
		must(t, err)
		if got.Status != asl.TriedSucceeded || got.HTTP == nil {
			t.Fatalf("%+v", got)
		}
		q, a := got.HTTP.Request, got.HTTP.Response
		if q.Protocol != "http" || q.Method != "POST" || q.Body != `{"n":1}` || !strings.Contains(q.Headers, "X-Mine: m") || !strings.HasPrefix(q.URL, server.URL+"/a") {
			t.Errorf("%+v", q)
		}
		if strings.Contains(q.Headers, "X-Key: k1") != reveal || strings.Contains(q.URL, "secret=s1") != reveal {
			t.Errorf("reveal %t: %+v", reveal, q)
		}
		if a.StatusCode != "202" || a.StatusText != "Accepted" || a.Body != "taken" || !strings.Contains(a.Headers, "X-Back: b") {
			t.Errorf("%+v", a)
		}
	}
}

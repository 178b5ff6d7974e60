package workflow

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestPutEvents(t *testing.T) {
	r := newRig(t)
	var asked []Call
	answer := `{"FailedEntryCount":0,"Entries":[{"EventId":"1"}]}`
	r.deps.Call = func(_ context.Context, c Call) (json.RawMessage, bool, error) {
		asked = append(asked, c)
		return json.RawMessage(answer), c.API == "eventbridge", nil
	}
	put := `{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::events:putEvents", "End": true,
		"Parameters": {"Entries": [{"Source": "bank", "DetailType": "Booked", "Detail": {"n.$": "$.n"}, "Resources": ["r"]}, {"Source": "bank", "DetailType": "Booked", "Detail": "{}"}]}}}}`
	x := r.run(put, `{"n": 7}`)
	is(t, x, ebb.ExecutionSucceeded, answer)
	machine := ebb.StateMachineARN("us-east-1", ebb.StateMachineKey{Service: service, Name: x.Machine}, "")
	own := `"` + x.ARN("us-east-1") + `","` + machine + `"`
	want := `{"Entries":[{"Source":"bank","DetailType":"Booked","Detail":"{\"n\":7}","Resources":["r",` + own + `]},{"Source":"bank","DetailType":"Booked","Detail":"{}","Resources":[` + own + `]}]}`
	if len(asked) != 1 || asked[0].Operation != "putEvents" || asked[0].Role != testRole || string(asked[0].Parameters) != want {
		t.Errorf("asked %+v\nwant %s", asked, want)
	}
	answer = `{"FailedEntryCount":1,"Entries":[{"EventId":"1"},{"ErrorCode":"InvalidArgument"}]}`
	is(t, r.run(put, `{"n": 7}`), ebb.ExecutionFailed, "EventBridge.FailedEntry: "+answer)
	is(t, r.run(strings.Replace(put, "events:putEvents", "aws-sdk:iam:listUsers", 1), `{"n": 7}`), ebb.ExecutionFailed, "States.Runtime: The resource 'arn:aws:states:::aws-sdk:iam:listUsers' is not offered")
}

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// says is a function that prints what it gets.
var says = platform.Function{Runtime: "python3", Handler: "app.handler", Files: map[string]string{"app.py": `
import json
def handler(event, context):
    print("got", json.dumps(event, sort_keys=True))
`}}

// rule makes a rule of the event bus that ends with the test.
func rule(t *testing.T, name, target string, s client.TriggerSettings, pattern string) *client.Trigger {
	t.Helper()
	s.Target, s.Event = target, json.RawMessage(`{"pattern":`+pattern+`}`)
	tr, err := shared.Client.CreateTrigger(t.Context(), name, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _, _, _ = shared.CLI(t.Context(), "trigger", "rm", name) })
	return tr
}

// heard waits until a function's log has a text.
func heard(t *testing.T, function, text string) {
	t.Helper()
	await(t, text, func() bool { return strings.Contains(cli(t, shared, 0, "logs", function), text) })
}

// TestEventBus: a CloudEvent, and what boto3 puts, outside and within a box,
// reach functions by rules; the same CloudEvent again does not.
func TestEventBus(t *testing.T) {
	f := deploy(t, says)
	source := name(t)
	rule(t, source, f, client.TriggerSettings{}, `{"source":["`+source+`"],"detail":{"n":[{"numeric":["<",100]}]}}`)
	event := client.CloudEvent{ID: "one", Source: source, Type: "Order Placed", Data: json.RawMessage(`{"n":1}`)}
	other := client.CloudEvent{ID: "two", Source: source, Type: "Order Placed", Data: json.RawMessage(`{"n":100}`)}
	put, err := shared.Client.PutEvents(t.Context(), []client.CloudEvent{event, event, other})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(put) != "[{one 1 false  } {one 1 true  } {two 0 false  }]" {
		t.Errorf("%+v", put)
	}
	heard(t, f, `"detail": {"n": 1}, "detail-type": "Order Placed", "id": "one"`)
	out, errs, code, err := shared.Python(t.Context(), "testdata/events.py", source)
	if err != nil || code != 0 {
		t.Fatalf("exit %d, %v:\n%s%s", code, err, out, errs)
	}
	heard(t, f, `"detail": {"n": 2}`)
	inside := platform.Function{Name: f + "-inside", Runtime: "python3", Handler: "app.handler", TimeoutS: 30, Files: map[string]string{"app.py": `
import boto3, json
def handler(event, context):
    return boto3.client("events").put_events(Entries=[{"Source": event["source"], "DetailType": "T", "Detail": json.dumps({"n": 3})}])["Entries"]
`}}
	if err := shared.Create(t.Context(), inside); err != nil {
		t.Fatal(err)
	}
	if answer, failed, err := shared.Invoke(t.Context(), inside.Name, `{"source":"x"}`); err != nil || failed == "" || !strings.Contains(answer, "is not authorized to perform: events:PutEvents") {
		t.Errorf("a role that allows nothing: %s %s %v", answer, failed, err)
	}
	if _, err := shared.Client.PutRole(t.Context(), inside.Name, json.RawMessage(`{"Statement":[{"Effect":"Allow","Action":"events:PutEvents","Resource":"arn:aws:events:*:*:event-bus/default"}]}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := shared.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{
		FunctionName: &inside.Name, Role: aws.String("arn:aws:iam::000000000000:role/" + inside.Name)}); err != nil {
		t.Fatal(err)
	}
	if answer := invoke(t, shared, inside.Name, `{"source":"`+source+`"}`); !strings.Contains(answer, "EventId") {
		t.Error(answer)
	}
	heard(t, f, `"detail": {"n": 3}`)
	if n := strings.Count(cli(t, shared, 0, "logs", f), `"id": "one"`); n != 1 {
		t.Errorf("delivered %d times", n)
	}
}

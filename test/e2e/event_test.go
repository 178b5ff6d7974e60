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

// TestFailedDelivery: a target that fails is tried again as the trigger says, then
// its failure destination has the event; it is counted, measured, and an event
// that a rule has a function get. A failure to tell of it is not told of.
func TestFailedDelivery(t *testing.T) {
	source := name(t)
	bad := platform.Function{Name: source + "-bad", Runtime: "python3", Handler: "app.handler", Env: map[string]string{"EBB_ASYNC_RETRY_DELAYS": "100ms"},
		Files: map[string]string{"app.py": `
def handler(event, context):
    print("tried", event["source"])
    raise ValueError("no")
`}}
	for _, f := range []string{"-destination", "-alarm"} {
		hears := says
		hears.Name = source + f
		if err := shared.Create(t.Context(), hears); err != nil {
			t.Fatal(err)
		}
	}
	if err := shared.Create(t.Context(), bad); err != nil {
		t.Fatal(err)
	}
	once, never := 1, 0
	rule(t, source, bad.Name, client.TriggerSettings{MaxRetries: &once, OnFailure: source + "-destination"}, `{"source":["`+source+`"]}`)
	rule(t, source+"-alarm", source+"-alarm", client.TriggerSettings{}, `{"source":["ebb.trigger"],"detail-type":["Delivery Failed"],"detail":{"trigger":[{"prefix":"`+source+`"}]}}`)
	rule(t, source+"-loop", bad.Name, client.TriggerSettings{MaxRetries: &never}, `{"source":["ebb.trigger"],"detail":{"trigger":[{"prefix":"`+source+`"}]}}`)
	if _, err := shared.Client.PutEvents(t.Context(), []client.CloudEvent{{ID: "1", Source: source, Type: "T"}}); err != nil {
		t.Fatal(err)
	}
	heard(t, source+"-alarm", `"detail-type": "Delivery Failed"`)
	heard(t, source+"-destination", `"condition": "RetriesExhausted"`)
	counts := func(name string, want client.TriggerCounts) {
		t.Helper()
		var tr *client.Trigger
		await(t, fmt.Sprintf("%s with %+v", name, want), func() bool {
			var err error
			if tr, err = shared.Client.Trigger(t.Context(), name); err != nil {
				t.Fatal(err)
			}
			return tr.State.Counts == want
		})
		if failing := want.Dead > 0; failing != (tr.State.Status == "failing") || failing != (tr.State.Since != nil) || failing != strings.HasPrefix(tr.State.Result, "RetriesExhausted") {
			t.Errorf("%+v", tr.State)
		}
	}
	counts(source, client.TriggerCounts{Taken: 1, Retried: 1, Dead: 1})
	counts(source+"-alarm", client.TriggerCounts{Taken: 1, Delivered: 1})
	counts(source+"-loop", client.TriggerCounts{Taken: 1, Dead: 1})
	tried := cli(t, shared, 0, "logs", bad.Name)
	if n := strings.Count(tried, "tried "+source); n != 2 {
		t.Errorf("tried %d times", n)
	}
	if n := strings.Count(tried, "tried ebb.trigger"); n != 1 {
		t.Errorf("told of %d times: an alarm that fails makes alarms", n)
	}
	_, text := scrapeOf(t, shared)
	for _, want := range []string{
		`ebb_trigger_events_total{kind="event",outcome="dead",service="000000000000",trigger="` + source + `"} 1`,
		`ebb_trigger_failing{kind="event",service="000000000000",trigger="` + source + `"} 1`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("metrics lack %s", want)
		}
	}
}

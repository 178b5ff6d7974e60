package trigger

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// ec2 is the event of EventBridge's own examples.
const ec2 = `{"version":"0","id":"7bf73129","detail-type":"EC2 Instance State-change Notification","source":"aws.ec2","account":"123456789012",
"time":"2015-11-11T21:29:54Z","region":"us-east-1","resources":["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111","arn:b"],
"detail":{"instance-id":"i-0123456789","state":"RUNNING","n":7,"big":9007199254740993,"ok":true,"none":null,"said":"a \"b\" \\ \n<","list":[{"x":1},{"x":2}]}}`

func transformed(in ebb.TriggerInput) (string, error) {
	t := &ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: "123456789012", Name: "ec2"}, Kind: ebb.TriggerEvent, Input: in}
	if err := checkInput(t); err != nil {
		return "", err
	}
	made, err := Input(t, "us-east-1", time.Date(2026, 11, 20, 12, 0, 0, 5e6, time.UTC), []byte(ec2))
	return string(made), err
}

// TestTransformer: what EventBridge's documentation says of templates: outside
// quotes a variable is its JSON, within them its text, objects there without
// their quotes; and the result is JSON whatever stands in the event.
func TestTransformer(t *testing.T) {
	paths := map[string]string{
		"instance": "$.detail.instance-id", "state": "$.detail.state", "n": "$.detail.n", "big": "$.detail.big", "ok": "$.detail.ok",
		"none": "$.detail.none", "said": "$.detail.said", "detail": "$.detail.list", "all": "$.detail.list[*].x", "second": "$.resources[1]",
		"missing": "$.detail.missing.x", "first": "$['resources'][0]", "type": `$["detail-type"]`,
	}
	for template, want := range map[string]string{
		`"instance <instance> is in <state>"`:                         `"instance i-0123456789 is in RUNNING"`,
		`"instance \"<instance>\" is in <state>"`:                     `"instance \"i-0123456789\" is in RUNNING"`,
		`{"instance": <instance>, "state": [9, <state>, true]}`:       `{"instance": "i-0123456789", "state": [9, "RUNNING", true]}`,
		`{"instance": "<instance>", "text": "<instance> <n>/<ok>"}`:   `{"instance": "i-0123456789", "text": "i-0123456789 7/true"}`,
		`{"n": <n>, "big": <big>, "ok": <ok>, "none": <none>}`:        `{"n": 7, "big": 9007199254740993, "ok": true, "none": null}`,
		`{"detail": <detail>}`:                                        `{"detail": [{"x":1},{"x":2}]}`,
		`"Detail is <detail>"`:                                        `"Detail is [{x:1},{x:2}]"`,
		`{"x": <all>, "r": <second>, "f": <first>, "t": <type>}`:      `{"x": [1,2], "r": "arn:b", "f": "arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111", "t": "EC2 Instance State-change Notification"}`,
		`{"m": <missing>, "t": "[<missing>]"}`:                        `{"m": "", "t": "[]"}`,
		`{"s": <said>, "t": "<said>"}`:                                `{"s": "a \"b\" \\ \n<", "t": "a \"b\" \\ \n<"}`,
		`{"key<n>": "a < b > c"}`:                                     `{"key7": "a < b > c"}`,
		`{"r": <aws.events.rule-arn>, "n": "<aws.events.rule-name>"}`: `{"r": "arn:aws:events:us-east-1:123456789012:rule/ec2", "n": "ec2"}`,
		`{"at": <aws.events.event.ingestion-time>}`:                   `{"at": "2026-11-20T12:00:00.005Z"}`,
		`<instance>`: `"i-0123456789"`,
	} {
		got, err := transformed(ebb.TriggerInput{InputTransformer: &ebb.InputTransformer{InputPathsMap: paths, InputTemplate: template}})
		if err != nil || got != want || !json.Valid([]byte(got)) {
			t.Errorf("%s\n got %s %v\nwant %s", template, got, err, want)
		}
	}
	got, err := transformed(ebb.TriggerInput{InputTransformer: &ebb.InputTransformer{InputTemplate: `{"e": <aws.events.event>, "j": <aws.events.event.json>}`}})
	var doc struct{ E, J map[string]any }
	if err := json.Unmarshal([]byte(got), &doc); err != nil || doc.E["detail"] != nil || doc.J["detail"] == nil || doc.E["id"] != "7bf73129" {
		t.Errorf("%s %v", got, err)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestInput(t *testing.T) {
	for want, in := range map[string]ebb.TriggerInput{
		`"RUNNING"`:             {InputPath: "$.detail.state"},
		`[{"x":1},{"x":2}]`:     {InputPath: "$.detail.list"},
		`null`:                  {InputPath: "$.nothing"},
		`{"always":"the same"}`: {Input: json.RawMessage(`{"always":"the same"}`)},
		ec2:                     {},
	} {
		if got, err := transformed(in); err != nil || got != want {
			t.Errorf("got %s %v, want %s", got, err, want)
		}
	}
}

func TestInputRefuses(t *testing.T) {
	transformer := func(template string, paths map[string]string) ebb.TriggerInput {
		return ebb.TriggerInput{InputTransformer: &ebb.InputTransformer{InputTemplate: template, InputPathsMap: paths}}
	}
	for says, in := range map[string]ebb.TriggerInput{
		`inputPath: "detail" is not a JSON path`:                        {InputPath: "detail"},
		`inputPath: "$.a[x]"`:                                           {InputPath: "$.a[x]"},
		`inputPath: "$..a"`:                                             {InputPath: "$..a"},
		`only one of them`:                                              {InputPath: "$.a", Input: json.RawMessage("1")},
		`inputTransformer.inputTemplate: missing`:                       transformer("", nil),
		`inputTransformer.inputTemplate: <x> is not in inputPathsMap`:   transformer(`{"a":<x>}`, nil),
		`inputTransformer.inputTemplate: is not JSON`:                   transformer(`<x> is up`, map[string]string{"x": "$.x"}),
		`inputTransformer.inputPathsMap: "AWS.x" is not`:                transformer(`1`, map[string]string{"AWS.x": "$.x"}),
		`inputTransformer.inputPathsMap.x: "x" is not a JSON path`:      transformer(`<x>`, map[string]string{"x": "x"}),
		`inputTransformer.inputTemplate: 8193 bytes are more than 8192`: transformer(strings.Repeat("1", 8193), nil),
		`input: 8193 bytes`:                                             {Input: json.RawMessage(strings.Repeat("1", 8193))},
	} {
		tr := sample("t")
		tr.Kind, tr.Input = ebb.TriggerObject, in
		if err := checkInput(&tr); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	tr := sample("t")
	tr.Kind = ebb.TriggerHTTP // whose function answers the request itself
	tr.Input.InputPath = "$.x"
	if err := checkInput(&tr); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), "gets the event itself") {
		t.Error(err)
	}
}

// TestFilter: patterns see JSON as it is, the JSON or the text that bytes of a
// source spell; what is no JSON is asked for by no pattern.
func TestFilter(t *testing.T) {
	filter := func(patterns ...string) *Filter {
		tr := sample("t")
		for _, p := range patterns {
			tr.Filters = append(tr.Filters, json.RawMessage(p))
		}
		f, err := NewFilter(&tr)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	for _, c := range []struct {
		event    string
		want     bool
		patterns []string
	}{
		{`{"a":1}`, true, nil},
		{`not JSON`, true, nil},
		{`not JSON`, false, []string{`{"a":[1]}`}},
		{`{"a":1} {"a":1}`, false, []string{`{"a":[1]}`}},
		{`{"a":1}`, true, []string{`{"a":[2]}`, `{"a":[1]}`}},
		{`{"a":1}`, false, []string{`{"a":[2]}`, `{"a":[3]}`}},
		{`{"Records":[{"s3":{"object":{"key":"in/a.csv"}}}]}`, true, []string{`{"Records":{"s3":{"object":{"key":[{"suffix":".csv"}]}}}}`}},
	} {
		if got := filter(c.patterns...).Match([]byte(c.event)); got != c.want {
			t.Errorf("%s by %v: %v", c.event, c.patterns, got)
		}
	}
	record := func(key, value string) map[string]any {
		return map[string]any{"topic": "t", "key": Data([]byte(key)), "value": Data([]byte(value))}
	}
	f := filter(`{"value":{"amount":[{"numeric":[">",5]}]},"key":[{"prefix":"eu-"}]}`)
	for _, c := range []struct {
		key, value string
		want       bool
	}{
		{"eu-1", `{"amount":6}`, true}, {"eu-1", ` {"amount":6} `, true}, {"us-1", `{"amount":6}`, false}, {"eu-1", `{"amount":5}`, false},
		{"eu-1", "plain", false}, {"eu-1", `{"amount":`, false},
	} {
		if got := f.MatchValue(record(c.key, c.value)); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if !filter(`{"value":["7"]}`).MatchValue(record("", "7")) || !filter(`{"value":["{broken"]}`).MatchValue(record("", "{broken")) {
		t.Error("what is no object or list is its text")
	}
}

package manifest

import (
	"strings"
	"testing"
)

const withTriggers = `functions:
  report:
    runtime: python3
    handler: app.handler
    triggers:
      - name: nightly
        qualifier: prod
        paused: true
        timer: {schedule: cron(0 2 * * ? *), timezone: Asia/Shanghai, jitter: 30}
        maxRetries: 3
triggers:
  - name: orders
    target: ${workflows.orders}
    event:
      pattern:
        source: [shop]
        detail: {total: [{numeric: [">", 100]}]}
    inputPath: $.detail
`

func TestTriggers(t *testing.T) {
	m, err := Parse("ebb.yaml", []byte(withTriggers))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Functions[0].Triggers) != 1 || len(m.Triggers) != 1 || len(m.AllTriggers()) != 2 {
		t.Fatalf("%+v", m)
	}
	nightly, orders := m.AllTriggers()[0], m.AllTriggers()[1]
	if nightly.Name != "nightly" || nightly.Function != "report" || nightly.Qualifier != "prod" || nightly.Paused == nil || !*nightly.Paused || nightly.Position.Line != 6 {
		t.Errorf("%+v", nightly)
	}
	if want := `{"maxRetries":3,"timer":{"jitter":30,"schedule":"cron(0 2 * * ? *)","timezone":"Asia/Shanghai"}}`; string(nightly.Settings) != want {
		t.Errorf("%s", nightly.Settings)
	}
	text, problems := orders.Fill(func(name string) (string, bool) { return "arn of " + name, name == "workflows.orders" })
	if want := `{"event":{"pattern":{"detail":{"total":[{"numeric":["\u003e",100]}]},"source":["shop"]}},"inputPath":"$.detail","target":"arn of workflows.orders"}`; string(text) != want || problems != nil {
		t.Errorf("%s %v", text, problems)
	}
	if orders.Paused != nil || orders.Function != "" {
		t.Errorf("%+v", orders)
	}
	// What the platform says is said of the place.
	if p := nightly.Problem("ebb.yaml", "timer.schedule: field 1 is odd"); p.Error() != "ebb.yaml:9:17: triggers.nightly.timer.schedule: field 1 is odd" {
		t.Error(p.Error())
	}
	if p := orders.Problem("ebb.yaml", "event.pattern: source is odd"); p.Line != 15 {
		t.Error(p.Error())
	}
	if p := orders.Problem("ebb.yaml", "it cannot be"); p.Error() != "ebb.yaml:12:5: triggers.orders: it cannot be" {
		t.Error(p.Error())
	}
}

func TestTriggersRefused(t *testing.T) {
	const head = "functions:\n  f:\n    runtime: python3\n    handler: a.b\n"
	for text, says := range map[string]string{
		"    triggers: {}": "ebb.yaml:5:15: functions.f.triggers: must be a list, but is a mapping",
		"    triggers:\n      - name: a b\n        timer: {schedule: x}":                                                                "ebb.yaml:6:9: functions.f.triggers[0].name: a trigger's name is 1 to 64",
		"    triggers:\n      - timer: {schedule: x}":                                                                                   "functions.f.triggers[0].name: is missing",
		"    triggers:\n      - name: a":                                                                                                "ebb.yaml:6:9: functions.f.triggers[0]: must have one of ",
		"    triggers:\n      - name: a\n        timer: {schedule: x}\n        event: {pattern: {}}":                                    "; it has 2",
		"    triggers:\n      - name: a\n        timer: {scheduel: x}":                                                                  "ebb.yaml:7:17: functions.f.triggers[0].timer.scheduel: unknown key; did you mean schedule?",
		"    triggers:\n      - name: a\n        timer: {schedule: x, jitter: soon}":                                                    "ebb.yaml:7:30: functions.f.triggers[0].timer.jitter: must be a whole number",
		"    triggers:\n      - name: a\n        timer: {schedule: x, jitter: 100000}":                                                  "timer.jitter: 100000 is not between 0 and 86400",
		"    triggers:\n      - name: a\n        timer: {schedule: x, misfire: never}":                                                  "timer.misfire: must be once, skip, all",
		"    triggers:\n      - name: a\n        target: g\n        timer: {schedule: x}":                                               "functions.f.triggers[0].target: unknown key",
		"triggers:\n  - name: a\n    timer: {schedule: x}":                                                                              "triggers[0].target: is missing",
		"    triggers:\n      - name: a\n        timer: {schedule: x}\ntriggers:\n  - name: a\n    target: f\n    timer: {schedule: x}": "ebb.yaml:9:5: triggers.a: is at 6:9 already",
		"defaults:\n  triggers: []":                                                                                                     "ebb.yaml:6:13: defaults.triggers: belong under a function",
	} {
		_, err := Parse("ebb.yaml", []byte(head+text+"\n"))
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s\n%v\nwant %q", text, err, says)
		}
	}
}

package manifest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const withWorkflows = `
functions:
  hello: {runtime: python3, handler: a.b}
workflows:
  short: short.asl.json
  whole:
    type: EXPRESS
    role: worker
    logging: {level: ALL, data: true, to: "arn:aws:logs:us-east-1:000000000000:log-group:/w:*"}
    tracing: true
    tags: {team: a}
    values: {limit: "5"}
    aliases:
      live: published
      old: {version: 3, weights: {2: 0.25}}
    definition:
      StartAt: A
      States:
        A:
          Type: Task
          Resource: ${functions.hello}
          TimeoutSeconds: 5
          Retry: [{ErrorEquals: [States.ALL], BackoffRate: 1.5}]
          Comment: |
            two ${limit}
            lines
          End: true
`

func TestWorkflowsSection(t *testing.T) {
	m, err := Parse("ebb.yaml", []byte(withWorkflows))
	if err != nil {
		t.Fatal(err)
	}
	short, whole := m.Workflow("short"), m.Workflow("whole")
	if short == nil || short.File != "short.asl.json" || short.Type != "STANDARD" || short.Role != "default" || short.Logging.Level != "OFF" {
		t.Errorf("short: %+v", short)
	}
	if whole == nil || m.Workflow("none") != nil {
		t.Fatal("the wrong workflows are found")
	}
	if whole.Type != "EXPRESS" || whole.Role != "worker" || !whole.Tracing || whole.Tags["team"] != "a" ||
		whole.Logging != (WorkflowLogging{"ALL", true, "arn:aws:logs:us-east-1:000000000000:log-group:/w:*"}) ||
		!cmp.Equal(whole.Aliases, []Alias{{Name: "live", Version: "published"}, {Name: "old", Version: "3", Canary: "2", Weight: 0.25}}) {
		t.Errorf("whole: %+v", whole)
	}
	d, err := m.Definition(whole)
	if err != nil {
		t.Fatal(err)
	}
	text, problems := d.Fill(func(name string) (string, bool) { return `<"` + name + `">`, name != "limit" })
	if len(problems) != 1 || problems[0].Line != 24 || !strings.Contains(problems[0].Message, "${limit}") {
		t.Errorf("problems: %v", problems)
	}
	var got, wanted any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	_ = json.Unmarshal([]byte(`{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"<\"functions.hello\">","TimeoutSeconds":5,
		"Retry":[{"ErrorEquals":["States.ALL"],"BackoffRate":1.5}],"Comment":"two ${limit}\nlines\n","End":true}}}`), &wanted)
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Error(diff)
	}
}

func TestWorkflowsOnly(t *testing.T) {
	if m, err := Parse("ebb.yaml", []byte("workflows: {a: b.json}")); err != nil || len(m.Workflows) != 1 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWorkflowProblems(t *testing.T) {
	for text, want := range map[string]string{
		"workflows: {a b: x.json}":                                              "ebb.yaml:1:13: workflows.a b: a workflow's name",
		"workflows: {a: {type: EXPRESS}}":                                       "workflows.a.definition: is missing",
		"workflows: {a: {definition: x, type: FAST}}":                           "workflows.a.type: must be STANDARD or EXPRESS",
		"workflows: {a: {definition: x, logging: {level: ALL, to: somewhere}}}": "workflows.a.logging.to: must be the ARN",
		"workflows: {a: {definition: x, aliases: {live: latest}}}":              "workflows.a.aliases.live: leads to a published version",
		"workflows: {a: {definition: x, values: {1: x}}}":                       "workflows.a.values.1: a value's name",
		"workflows: {a: {definition: x, colour: red}}":                          "workflows.a.colour: unknown key",
	} {
		_, err := Parse("ebb.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// TestPlacesOfADefinition: JSON and YAML say where each part is.
func TestPlacesOfADefinition(t *testing.T) {
	files := map[string]string{
		"a.json": "{\n\t\"StartAt\": \"A\",\n\t\"States\": {\n\t\t\"A\": {\"Type\": \"Choice\", \"Choices\": [\n\t\t\t{\"Next\": \"B\"}]}\n\t}\n}\n",
		"a.yaml": "# a comment\nStartAt: A\nStates:\n  A: {Type: Choice, Choices: [\n      {Next: B}]}\n",
	}
	want := map[string][]Position{ // of the JSON, of the YAML
		"":                              {{1, 1}, {2, 1}},
		"/StartAt":                      {{2, 2}, {2, 1}},
		"/States/A":                     {{4, 3}, {4, 3}},
		"/States/A/Choices[0]/Next":     {{5, 5}, {5, 8}},
		"/States/A/Choices[0]/Variable": {{5, 4}, {5, 7}}, // not there
	}
	for i, file := range []string{"a.json", "a.yaml"} {
		d, err := ParseDefinition(file, []byte(files[file]))
		if err != nil {
			t.Fatal(err)
		}
		for location, at := range want {
			if got := d.Position(location); got != at[i] {
				t.Errorf("%s %s: %v, want %v", file, location, got, at[i])
			}
		}
	}
	for text, want := range map[string]string{
		"{\n \"a\": tru\n}": "x.json:2:10: invalid character",
		"{\"a\": 1":         "x.json:1:7: unexpected end",
		"":                  "x.json:1:1: unexpected end",
	} {
		if _, err := ParseDefinition("x.json", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), "ManifestInvalid: "+want) && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

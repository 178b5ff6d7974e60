package asl

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// Every problem is told, with its place; the wording of the first group was
// measured on AWS.
func TestDiagnostics(t *testing.T) {
	engine := jsonata.New(jsonata.Config{})
	for _, c := range []struct{ definition, want string }{
		{`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}}}`,
			`MISSING_END_STATE: Workflow has no terminal state at null`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}, "C": {"Type": "Pass", "End": true}}}`,
			`MISSING_TRANSITION_TARGET: State "C" is not reachable. at /States/C`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "NOPE"}}}`,
			`MISSING_TRANSITION_TARGET: Missing 'Next' target: NOPE at /States/A/Next|MISSING_END_STATE: Workflow has no terminal state at null`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{"Variable": "$.a", "IsNull": true, "Next": "X"}], "Default": "Y"}, "B": {"Type": "Succeed"}}}`,
			`MISSING_TRANSITION_TARGET: Missing 'Next' target: X at /States/A/Choices[0]/Next|MISSING_TRANSITION_TARGET: Missing 'Next' target: Y at /States/A/Default|MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B`},
		{`{"StartAt": "Z", "States": {"A": {"Type": "Succeed"}}}`,
			`MISSING_TRANSITION_TARGET: Missing 'Next' target: Z at /StartAt|MISSING_TRANSITION_TARGET: State "A" is not reachable. at /States/A`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Pass", "TimeoutSeconds": 1, "Catch": [], "End": true}}}`,
			`SCHEMA_VALIDATION_FAILED: Field 'TimeoutSeconds' is not supported at /States/A|SCHEMA_VALIDATION_FAILED: Field 'Catch' is not supported at /States/A`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Output": 1, "End": true}}}`,
			`SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/A`},
		{`{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Output": {"v": "{% phone %}", "w": "{% $$ %}"}, "End": true}}}`,
			`UNSUPPORTED_JSONATA_EXPRESSION: Reference to 'phone' at the top level is not supported. at /States/A/Output/v|UNSUPPORTED_JSONATA_EXPRESSION: Reference to '$$' at the top level is not supported. at /States/A/Output/w`},
		{`{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "Output": ["{% 1 + %}"], "End": true}}}`,
			`INVALID_JSONATA_EXPRESSION: Unexpected end of expression at /States/A/Output[0]`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Map", "MaxConcurrency": -1, "ToleratedFailurePercentage": 101, "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}, "End": true}}}`,
			`SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/A/MaxConcurrency|SCHEMA_VALIDATION_FAILED: Maximum value is 100.0 at /States/A/ToleratedFailurePercentage`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Map", "MaxConcurrency": 1, "MaxConcurrencyPath": "$.n", "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}, "End": true}}}`,
			`SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [MaxConcurrency, MaxConcurrencyPath] at /States/A`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{"Variable": "Test", "StringMatches": "x", "Next": "B"}]}, "B": {"Type": "Succeed"}}}`,
			`SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: Reference path didn't start with '$' at /States/A/Choices[0]/Variable`},

		{`{`, `INVALID_JSON_DESCRIPTION: expected a key at offset 1`},
		{` `, `MISSING_DESCRIPTION: The definition is empty`},
		{`null`, `MISSING_DESCRIPTION: The definition is empty`},
		{`{"StartAt": "", "States": {"": {"Type": "Succeed"}}}`,
			`SCHEMA_VALIDATION_FAILED: Value must not be empty at /StartAt|INVALID_STATE_NAME: State name must have 1 to 80 characters at /States/`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Map", "Label": "x", "ItemProcessor": ` + oneByOne("B") + `, "Next": "C"}, "C": {"Type": "Map", "Label": "x", "ItemProcessor": ` + oneByOne("D") + `, "Next": "E"}, "E": {"Type": "Map", "Label": "a b", "ItemProcessor": ` + oneByOne("F") + `, "End": true}}}`,
			`DUPLICATE_LABEL_NAME: Duplicate Label: x at /States/C/Label|INVALID_LABEL_NAME: Value is not a valid label: it must have 1 to 40 characters without white space, wildcards, brackets and special characters at /States/E/Label`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Map", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"ManifestType": "X", "Transformation": "Y"}}, "ResultWriter": {"WriterConfig": {"OutputType": "CSV", "Transformation": "Z"}}, "ItemProcessor": ` + oneByOne("B") + `, "End": true}}}`,
			`SCHEMA_VALIDATION_FAILED: Value is not valid. Allowed values: [NONE, LOAD_AND_FLATTEN] at /States/A/ItemReader/ReaderConfig/Transformation|SCHEMA_VALIDATION_FAILED: Value is not valid. Allowed values: [ATHENA_DATA, S3_INVENTORY] at /States/A/ItemReader/ReaderConfig/ManifestType|SCHEMA_VALIDATION_FAILED: Value is not valid. Allowed values: [JSON, JSONL] at /States/A/ResultWriter/WriterConfig/OutputType|SCHEMA_VALIDATION_FAILED: Value is not valid. Allowed values: [NONE, COMPACT, FLATTEN] at /States/A/ResultWriter/WriterConfig/Transformation`},
		{`[]`, `SCHEMA_VALIDATION_FAILED: The definition must be an object`},
		{`{}`, `SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt]|SCHEMA_VALIDATION_FAILED: These fields are required: [States]`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Parallel", "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}, {"StartAt": "B", "States": {"B": {"Type": "Pass", "End": true}}}], "End": true}}}`,
			`DUPLICATE_STATE_NAME: Duplicate State name: B at /States/A/Branches[1]/States/B`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "x", "Retry": [{"ErrorEquals": ["States.ALL", "E"], "BackoffRate": 0.5, "JitterStrategy": "SOME"}], "End": true}}}`,
			`SCHEMA_VALIDATION_FAILED: States.ALL must appear alone and at the end of the list at /States/A/Retry[0]/ErrorEquals|SCHEMA_VALIDATION_FAILED: Minimum value is 1.0 at /States/A/Retry[0]/BackoffRate|SCHEMA_VALIDATION_FAILED: Value is not valid. Allowed values: [FULL, NONE] at /States/A/Retry[0]/JitterStrategy|SCHEMA_VALIDATION_FAILED: Value is not a valid resource ARN at /States/A/Resource`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Wait", "End": true}, "B": {"Type": "Nope"}}}`,
			`SCHEMA_VALIDATION_FAILED: These fields are required: [Seconds or SecondsPath or Timestamp or TimestampPath] at /States/A|SCHEMA_VALIDATION_FAILED: Value is not valid. Allowed values: [Task, Pass, Choice, Wait, Succeed, Fail, Parallel, Map] at /States/B/Type|MISSING_TRANSITION_TARGET: State "B" is not reachable. at /States/B`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Parameters": {"a.$": 1, "b.$": "x", "c.$": "States.Nope()"}, "End": true}}}`,
			`SCHEMA_VALIDATION_FAILED: The value for the field 'a.$' must be a STRING that contains a JSONPath but was: NUMBER at /States/A/Parameters/a.$|SCHEMA_VALIDATION_FAILED: The value for the field 'b.$' must be a valid JSONPath or a valid intrinsic function call at /States/A/Parameters/b.$|SCHEMA_VALIDATION_FAILED: The value for the field 'c.$' must be a valid intrinsic function: unknown function States.Nope at /States/A/Parameters/c.$`},
		{`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Assign": {"states": 1, "1x": 2}, "End": true}}}`,
			`SCHEMA_VALIDATION_FAILED: The variable name 'states' is reserved at /States/A/Assign/states|SCHEMA_VALIDATION_FAILED: The variable name '1x' is not valid at /States/A/Assign/1x`},
	} {
		m, problems := Parse([]byte(c.definition), engine)
		var texts []string
		for _, p := range problems {
			texts = append(texts, p.Error())
		}
		if got := strings.Join(texts, "|"); m != nil || got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.definition, got, c.want)
		}
	}
}

// oneByOne is an item processor of a distributed Map.
func oneByOne(name string) string {
	return `{"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "` + name + `", "States": {"` + name + `": {"Type": "Succeed"}}}`
}

func TestTooDeep(t *testing.T) {
	definition := `{"StartAt": "A0", "States": {"A0": {"Type": "Succeed"}}}`
	for i := 1; i <= maxDepth; i++ {
		definition = fmt.Sprintf(`{"StartAt": "A%[1]d", "States": {"A%[1]d": {"Type": "Parallel", "Branches": [%[2]s], "End": true}}}`, i, definition)
		m, problems := Parse([]byte(definition), jsonata.New(jsonata.Config{}))
		if i < maxDepth && m == nil {
			t.Fatal(problems)
		}
		if i == maxDepth && (m != nil || problems[0].Code != CodeTooDeep) {
			t.Error(problems)
		}
	}
}

func TestWarningsDoNotRefuse(t *testing.T) {
	m, problems := Parse([]byte(`{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Pass", "QueryLanguage": "JSONPath", "End": true}}}`), jsonata.New(jsonata.Config{}))
	if m == nil || len(problems) != 1 || problems[0].Severity != SeverityWarning {
		t.Errorf("%v %v", m, problems)
	}
}

// What looks like a path and is none is told, and refuses nothing.
func TestLookAlikes(t *testing.T) {
	m, problems := Parse([]byte(`{"StartAt": "A", "States": {
		"A": {"Type": "Pass", "Parameters": {"a": "$.x", "b.$": "$.x", "c": ["States.UUID()", "$5.00"]}, "Next": "B"},
		"B": {"Type": "Pass", "Result": {"r": ["$.y"]}, "Next": "C"},
		"C": {"Type": "Choice", "Choices": [{"Variable": "$.z", "StringEquals": "$.w", "Next": "D"}], "Default": "D"},
		"D": {"Type": "Fail", "Error": "$.e", "Cause": "$"}}}`), jsonata.New(jsonata.Config{}))
	var got []string
	for _, p := range problems {
		if p.Severity != SeverityWarning {
			t.Errorf("%+v", p)
		}
		got = append(got, p.Code+" "+p.Location)
	}
	want := "NO_DOLLAR /States/A/Parameters/a|NO_DOLLAR /States/A/Parameters/c[0]|PASS_RESULT_IS_STATIC /States/B/Result/r[0]|NO_PATH /States/C/Choices[0]/StringEquals|NO_PATH /States/D/Error"
	if m == nil || strings.Join(got, "|") != want {
		t.Errorf("%v\n got %s\nwant %s", m != nil, strings.Join(got, "|"), want)
	}
}

func TestTooLargeDefinition(t *testing.T) {
	definition := fmt.Sprintf(`{"Comment": %q, "StartAt": "A", "States": {"A": {"Type": "Succeed"}}}`, strings.Repeat("x", MaxDefinition))
	if m, problems := Parse([]byte(definition), jsonata.New(jsonata.Config{})); m != nil || len(problems) != 1 {
		t.Error(problems)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Retry": [{"ErrorEquals": ["States.ALL"]}], "Catch": [{"ErrorEquals": ["E"], "Next": "B"}], "Next": "B"}, "B": {"Type": "Succeed"}}}`,
		`{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{"Condition": "{% $x > 1 %}", "Next": "B"}]}, "B": {"Type": "Fail", "Error": "{% 'a' & 'b' %}"}}}`,
		`{"StartAt": "M", "States": {"M": {"Type": "Map", "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "ReaderConfig": {"InputType": "JSON"}}, "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}, "StartAt": "P", "States": {"P": {"Type": "Pass", "Parameters": {"a.$": "States.Array($.x)"}, "End": true}}}, "End": true}}}`,
		`{"StartAt": "P", "States": {"P": {"Type": "Parallel", "Branches": [{"StartAt": "W", "States": {"W": {"Type": "Wait", "SecondsPath": "$.s", "End": true}}}], "End": true}}}`,
	} {
		f.Add(seed)
	}
	engine := jsonata.New(jsonata.Config{})
	f.Fuzz(func(t *testing.T, definition string) {
		m, problems := Parse([]byte(definition), engine)
		if (m == nil) == valid(problems) {
			t.Fatalf("machine %v, problems %v", m, problems)
		}
		if m == nil {
			return
		}
		// Whatever is valid can be started.
		s := &State{}
		x := (&simulation{}).execution()
		m.Next(s, Event{Kind: Started, Execution: x, Input: &Value{object()}}, Env{Seed: 1})
		if s.Status == Running && len(s.Open()) == 0 && len(s.Ready) == 0 {
			t.Fatalf("%s waits for nothing", definition)
		}
	})
}

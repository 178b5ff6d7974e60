package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestRoles(t *testing.T) {
	m, err := Parse("ebb.yaml", []byte(`
roles:
  worker:
  - {Effect: Allow, Action: ["lambda:InvokeFunction", "lambda:Get*"], Resource: "arn:aws:lambda:*:*:function:pay-*"}
  - Sid: never
    Effect: Deny
    Action: lambda:*
    Resource: ["*"]
functions: {f: {runtime: python3, role: worker}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Role{{Name: "worker", Position: Position{Line: 3, Column: 3}, Statements: []ebb.Statement{
		{Effect: "Allow", Action: ebb.Patterns{"lambda:InvokeFunction", "lambda:Get*"}, Resource: ebb.Patterns{"arn:aws:lambda:*:*:function:pay-*"}},
		{Sid: "never", Effect: "Deny", Action: ebb.Patterns{"lambda:*"}, Resource: ebb.Patterns{"*"}},
	}}}
	if d := cmp.Diff(want, m.Roles); d != "" {
		t.Error(d)
	}
}

// Whatever is wrong is told with its line and column.
func TestRoleProblems(t *testing.T) {
	for text, want := range map[string]string{
		"{}":            "",
		"{w: x}":        "2:6: roles.w: must be a list of statements",
		"{w: []}":       "2:6: roles.w: must be a list of statements",
		"{'a b': [{}]}": "2:3: roles.a b: a role's name",
		"{w: [{Effect: Maybe, Action: a, Resource: b}]}":                "roles.w[0].Effect: must be Allow or Deny",
		"{w: [{Effect: Allow, Resource: b}]}":                           "roles.w[0].Action: is missing",
		"{w: [{Effect: Allow, Action: a}]}":                             "roles.w[0].Resource: is missing",
		"{w: [{Effect: Allow, Action: a, Resource: b, Condition: {}}]}": "roles.w[0].Condition: unknown key",
		"{w: [{Effect: Allow, Action: {a: b}, Resource: b}]}":           "roles.w[0].Action: must be a list",
	} {
		_, err := Parse("ebb.yaml", []byte("roles:\n "+text+"\nfunctions: {f: {runtime: python3}}\n"))
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", text, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "ebb.yaml:2:") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

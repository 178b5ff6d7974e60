package auth

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const (
	ownARN   = "arn:aws:lambda:us-east-1:000000000000:function:hello"
	otherARN = "arn:aws:lambda:us-east-1:111111111111:function:hello"
)

// role is a function whose role has a policy, nil meaning the default set.
func role(p *ebb.Policy) Principal {
	if p == nil {
		p = defaultPolicy(ebb.DefaultService)
	}
	return Principal{Kind: Role, Service: ebb.DefaultService, ARN: "arn:aws:sts::000000000000:assumed-role/worker/function", policy: p}
}

func key(role ebb.PlatformRole, node bool) Principal {
	return Principal{Kind: Key, Service: ebb.DefaultService, Role: string(role), Node: node, ARN: "arn:aws:iam::000000000000:user/ci"}
}

func TestAuthorizeRootRolesAndStrangers(t *testing.T) {
	for _, c := range []struct {
		p      Principal
		action string
		arn    string
		ok     bool
	}{
		{Principal{Kind: Root}, "lambda:DeleteFunction", otherARN, true},
		{Principal{Kind: Root}, "ebb:CreateBackup", "*", true},
		{Principal{Kind: Root}, "ebb:NotInTheTable", "*", true},
		{role(nil), "lambda:InvokeFunction", ownARN, true},
		{role(nil), "lambda:InvokeFunction", ownARN + ":live", true},
		{role(nil), "lambda:GetFunction", ownARN, true},
		{role(nil), "lambda:GetFunctionConfiguration", ownARN, true},
		{role(nil), "lambda:InvokeFunction", otherARN, false},
		{role(nil), "lambda:InvokeFunction", "*", false},
		{role(nil), "lambda:InvokeFunction", "", false},
		{role(nil), "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:function:", false},
		{role(nil), "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:layer:hello", false},
		{role(nil), "lambda:InvokeFunctionUrl", ownARN, false},
		{role(nil), "lambda:DeleteFunction", ownARN, false},
		{role(nil), "lambda:GetLayerVersion", ownARN, false},
		{role(nil), "ebb:GetNode", "*", false},
		{role(nil), "states:StartExecution", "arn:aws:states:us-east-1:000000000000:stateMachine:m", true},
		{role(nil), "states:SendTaskSuccess", "arn:aws:states:us-east-1:000000000000:execution:*", true},
		{role(nil), "states:DescribeExecution", "arn:aws:states:us-east-1:111111111111:execution:m:e", false},
		{role(nil), "states:StopExecution", "arn:aws:states:us-east-1:000000000000:execution:m:e", false},
		{role(nil), "states:CreateStateMachine", "arn:aws:states:us-east-1:000000000000:stateMachine:m", false},
		{Principal{}, "lambda:InvokeFunction", ownARN, false},
		{Principal{Service: ebb.DefaultService}, "lambda:InvokeFunction", ownARN, false},
		{Principal{Kind: Role, Service: ebb.DefaultService}, "lambda:InvokeFunction", ownARN, false}, // no policy
	} {
		err := testAuth().Authorize(c.p, c.action, c.arn)
		if (err == nil) != c.ok {
			t.Errorf("%v %s on %s: %v", c.p.Kind, c.action, c.arn, err)
		}
		if err != nil && (ebb.TypeOf(err) != ebb.TypeAccessDenied || ebb.KindOf(err) != ebb.Forbidden) {
			t.Errorf("error %v", err)
		}
	}
	err := testAuth().Authorize(role(nil), "lambda:DeleteFunction", ownARN)
	want := "AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role/worker/function is not authorized to perform: " +
		"lambda:DeleteFunction on resource: " + ownARN + " because no identity-based policy allows the lambda:DeleteFunction action"
	if err.Error() != want {
		t.Fatalf("message %q", err)
	}
}

// Every action and every platform role: exactly what the two tables say, nothing
// that is not in them, nothing of another service, and the node's for the node's.
func TestEveryActionForEveryPlatformRole(t *testing.T) {
	a := testAuth()
	table, may := actions(), classes()
	if len(may) != len(ebb.PlatformRoles()) {
		t.Fatal("a platform role is not in the table")
	}
	for action, g := range table {
		for _, r := range ebb.PlatformRoles() {
			for _, node := range []bool{false, true} {
				p := key(r, node)
				want := slices.Contains(may[r], g.class) && (node || !g.node)
				for _, resource := range []string{"*", ownARN} {
					if err := a.Authorize(p, action, resource); (err == nil) != want {
						t.Errorf("%s (node %v) %s on %s: %v, want %v", r, node, action, resource, err, want)
					} else if err != nil && !strings.Contains(err.Error(), "is not authorized to perform: "+action) {
						t.Errorf("worded %q", err)
					}
				}
				if err := a.Admit(p, action); (err == nil) != want {
					t.Errorf("%s (node %v) %s: admitted %v, want %v", r, node, action, err, want)
				}
				if err := a.Authorize(p, action, otherARN); (err == nil) != (want && node) {
					t.Errorf("%s (node %v) %s in another service: %v", r, node, action, err)
				}
			}
			if a.Admit(key(r, true), "ebb:NotInTheTable") == nil || a.Authorize(key(r, true), "lambda:notInTheTable", "*") == nil {
				t.Errorf("%s may do what is not in the table", r)
			}
		}
		if a.Admit(Principal{}, action) == nil {
			t.Errorf("a stranger may %s", action)
		}
		if got := a.Admit(role(&ebb.Policy{Statement: []ebb.Statement{{Effect: ebb.Allow, Action: ebb.Patterns{"*"}, Resource: ebb.Patterns{"*"}}}}), action); (got == nil) != (g.class != administer && !g.node) {
			t.Errorf("a function whose role allows everything: %s: %v", action, got)
		}
	}
	if a.Admit(key("nobody", true), "lambda:InvokeFunction") == nil {
		t.Error("a role that does not exist may do something")
	}
}

// What each role is for, in samples that do not come from the table.
func TestPlatformRolesInSamples(t *testing.T) {
	may := func(r ebb.PlatformRole, action string) bool { return testAuth().Admit(key(r, false), action) == nil }
	for action, want := range map[string]string{ // admin developer operator auditor invoker
		"lambda:InvokeFunction":         "yyyny",
		"lambda:CreateFunction":         "yynnn",
		"lambda:GetFunction":            "yyyyn",
		"lambda:PutFunctionConcurrency": "yyynn",
		"lambda:UpdateAlias":            "yyynn",
		"ebb:GetLogs":                   "yyyyn",
		"ebb:GetTaskResult":             "yyyyn",
		"ebb:StopTask":                  "yyynn",
		"ebb:PutSecret":                 "yynnn",
		"ebb:RevealSecret":              "ynnnn",
		"ebb:CreateKey":                 "ynnnn",
		"ebb:CreateBackup":              "nnnnn",
		"ebb:CreateService":             "nnnnn",
		"sts:GetCallerIdentity":         "yyyyy",
		"states:StartExecution":         "yyyny",
		"states:StopExecution":          "yyynn",
	} {
		for i, r := range []ebb.PlatformRole{ebb.RoleAdmin, ebb.RoleDeveloper, ebb.RoleOperator, ebb.RoleAuditor, ebb.RoleInvoker} {
			if may(r, action) != (want[i] == 'y') {
				t.Errorf("%s may %s: %v", r, action, may(r, action))
			}
		}
	}
}

func TestPolicies(t *testing.T) {
	policy := func(text string) *ebb.Policy {
		var p ebb.Policy
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		if err := CheckPolicy(&p); err != nil {
			t.Fatal(err)
		}
		return &p
	}
	p := role(policy(`{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Action":["lambda:Invoke*","LAMBDA:get*"],"Resource":"arn:aws:lambda:*:*:function:pay-*"},
		{"Effect":"Allow","Action":"states:StartExecution","Resource":"*"},
		{"Effect":"Deny","Action":"*","Resource":"arn:aws:lambda:*:*:function:pay-secret*"}]}`))
	const fn = "arn:aws:lambda:us-east-1:000000000000:function:"
	for _, c := range []struct {
		action, arn, part string
	}{
		{"lambda:InvokeFunction", fn + "pay-out", ""},
		{"lambda:GetFunction", fn + "pay-out", ""},
		{"states:StartExecution", "arn:aws:states:us-east-1:000000000000:stateMachine:x", ""},
		{"lambda:InvokeFunction", fn + "other", "no identity-based policy allows"},
		{"lambda:DeleteFunction", fn + "pay-out", "no identity-based policy allows"},
		{"lambda:InvokeFunction", fn + "pay-secret-1", "with an explicit deny in an identity-based policy"},
		{"lambda:InvokeFunction", "arn:aws:lambda:us-east-1:111111111111:function:pay-out", "no resource-based policy allows"},
	} {
		err := testAuth().Authorize(p, c.action, c.arn)
		if c.part == "" && err != nil || c.part != "" && (err == nil || !strings.Contains(err.Error(), c.part)) {
			t.Errorf("%s on %s: %v", c.action, c.arn, err)
		}
	}
}

func TestCheckPolicyRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{}`: "Statement",
		`{"Version":"2020-01-01","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`: "Version",
		`{"Statement":[{"Effect":"allow","Action":"*","Resource":"*"}]}`:                        "Effect",
		`{"Statement":[{"Effect":"Allow","Resource":"*"}]}`:                                     "Action",
		`{"Statement":[{"Effect":"Allow","Action":"*"}]}`:                                       "Resource",
		`{"Statement":[{"Effect":"Allow","Action":"Invoke","Resource":"*"}]}`:                   "SERVICE:ACTION",
		`{"Statement":[{"Effect":"Allow","Action":"*","Resource":"hello"}]}`:                    "ARN",
	} {
		var p ebb.Policy
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			t.Fatal(err)
		}
		if err := CheckPolicy(&p); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAcrossServices(t *testing.T) {
	answer, fail := false, error(nil)
	a := New(Config{Permitted: func(_ context.Context, p Principal, action, arn string) (bool, error) {
		if action != "lambda:InvokeFunction" || arn != otherARN || p.Service != ebb.DefaultService {
			t.Errorf("asked for %s on %s", action, arn)
		}
		return answer, fail
	}}, testRoot)
	developer := key(ebb.RoleDeveloper, false)
	if err := a.Authorize(developer, "lambda:InvokeFunction", otherARN); ebb.TypeOf(err) != ebb.TypeAccessDenied {
		t.Error(err)
	}
	answer = true
	if err := a.Authorize(developer, "lambda:InvokeFunction", otherARN); err != nil {
		t.Error(err)
	}
	// The resource's policy alone is not enough.
	if err := a.Authorize(key(ebb.RoleAuditor, false), "lambda:InvokeFunction", otherARN); ebb.TypeOf(err) != ebb.TypeAccessDenied {
		t.Error(err)
	}
	if err := a.Authorize(role(nil), "lambda:InvokeFunction", otherARN); ebb.TypeOf(err) != ebb.TypeAccessDenied {
		t.Error(err)
	}
	if fail = errors.New("away"); !errors.Is(a.Authorize(developer, "lambda:InvokeFunction", otherARN), fail) {
		t.Error("a question that could not be asked was answered")
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true}, {"", "", true}, {"", "a", false}, {"a*c", "abbbc", true}, {"a*c", "abbb", false},
		{"a?c", "abc", true}, {"a?c", "ac", false}, {"*a*a*", "aa", true}, {"*a*a*a", "aa", false}, {"**", "x", true},
		{"a*b*c*d", "axbxcxd", true}, {"lambda:Get*", "lambda:GetFunction", true}, {"[a]", "a", false},
	} {
		if Matches(c.pattern, c.text) != c.want {
			t.Errorf("%q on %q: not %v", c.pattern, c.text, c.want)
		}
	}
}

// A pattern that is made to be slow is not.
func BenchmarkMatchesWorst(b *testing.B) {
	pattern, text := strings.Repeat("*a", 200)+"b", strings.Repeat("a", 500)
	for b.Loop() {
		Matches(pattern, text)
	}
}

func BenchmarkAuthorizeKey(b *testing.B) {
	a, p := testAuth(), key(ebb.RoleInvoker, false)
	for b.Loop() {
		if a.Authorize(p, "lambda:InvokeFunction", ownARN) != nil {
			b.Fatal()
		}
	}
}

func TestPrincipalInContext(t *testing.T) {
	if p := From(context.Background()); p.Kind != Anonymous || p.Kind.String() != "anonymous" {
		t.Fatalf("%+v", p)
	}
	p := Principal{Kind: Root, Service: "1"}
	if got := From(With(context.Background(), p)); got != p || got.Kind.String() != "root" || Role.String() != "role" || Key.String() != "key" {
		t.Fatalf("%+v", got)
	}
}

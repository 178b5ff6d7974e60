package auth

import (
	"context"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestAuthorize(t *testing.T) {
	const (
		own   = "arn:aws:lambda:us-east-1:000000000000:function:hello"
		other = "arn:aws:lambda:us-east-1:111111111111:function:hello"
	)
	role := Principal{Kind: Role, Service: ebb.DefaultService, ARN: "arn:aws:sts::000000000000:assumed-role/worker/function"}
	for _, c := range []struct {
		p      Principal
		action string
		arn    string
		ok     bool
	}{
		{Principal{Kind: Root}, "lambda:DeleteFunction", other, true},
		{Principal{Kind: Root}, "ebb:Backup", "*", true},
		{role, "lambda:InvokeFunction", own, true},
		{role, "lambda:InvokeFunction", own + ":live", true},
		{role, "lambda:GetFunction", own, true},
		{role, "lambda:GetFunctionConfiguration", own, true},
		{role, "lambda:InvokeFunction", other, false},
		{role, "lambda:InvokeFunction", "*", false},
		{role, "lambda:InvokeFunction", "", false},
		{role, "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:function:", false},
		{role, "lambda:InvokeFunction", "arn:aws:lambda:us-east-1:000000000000:layer:hello", false},
		{role, "lambda:InvokeFunctionUrl", own, false},
		{role, "lambda:DeleteFunction", own, false},
		{role, "lambda:GetLayerVersion", own, false},
		{role, "ebb:GetNode", "*", false},
		{Principal{Kind: Role}, "lambda:InvokeFunction", "arn:aws:lambda:us-east-1::function:hello", false},
		{Principal{}, "lambda:InvokeFunction", own, false},
		{Principal{Service: ebb.DefaultService}, "lambda:InvokeFunction", own, false},
	} {
		err := testAuth().Authorize(c.p, c.action, c.arn)
		if (err == nil) != c.ok {
			t.Errorf("%v %s on %s: %v", c.p.Kind, c.action, c.arn, err)
		}
		if err != nil && (ebb.TypeOf(err) != ebb.TypeAccessDenied || ebb.KindOf(err) != ebb.Forbidden) {
			t.Errorf("error %v", err)
		}
	}
	err := Authorize(role, "lambda:DeleteFunction", own)
	want := "AccessDeniedException: User: arn:aws:sts::000000000000:assumed-role/worker/function is not authorized to perform: " +
		"lambda:DeleteFunction on resource: " + own + " because no identity-based policy allows the lambda:DeleteFunction action"
	if err.Error() != want {
		t.Fatalf("message %q", err)
	}
}

func TestPrincipalInContext(t *testing.T) {
	if p := From(context.Background()); p.Kind != Anonymous || p.Kind.String() != "anonymous" {
		t.Fatalf("%+v", p)
	}
	p := Principal{Kind: Root, Service: "1"}
	if got := From(With(context.Background(), p)); got != p || got.Kind.String() != "root" || Role.String() != "role" {
		t.Fatalf("%+v", got)
	}
}

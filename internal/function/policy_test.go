package function_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

func TestPermits(t *testing.T) {
	bucket := ebb.Permission{Action: "lambda:InvokeFunction", Principal: "s3.amazonaws.com", SourceARN: "arn:aws:s3:::b*k?t", SourceAccount: "111111111111"}
	s3 := function.Caller{AWSService: "s3.amazonaws.com", SourceARN: "arn:aws:s3:::bucket", SourceAccount: "111111111111"}
	elsewhere, stranger := s3, s3
	elsewhere.SourceARN, stranger.SourceAccount = "arn:aws:s3:::other", "222222222222"
	session := function.Caller{Service: "111111111111", ARN: "arn:aws:sts::111111111111:assumed-role/r/function"}
	public := function.Caller{URLAuthType: ebb.URLAuthNone, ViaURL: true}
	const invoke = function.ActionInvoke
	for i, c := range []struct {
		statement ebb.Permission
		caller    function.Caller
		want      bool
	}{
		{bucket, s3, true},
		{bucket, elsewhere, false},
		{bucket, stranger, false},
		{bucket, function.Caller{}, false},
		{ebb.Permission{Action: "lambda:*", Principal: "*"}, function.Caller{}, true},
		{ebb.Permission{Action: "*", Principal: "111111111111"}, session, true},
		{ebb.Permission{Action: "lambda:invokefunction", Principal: "arn:aws:iam::111111111111:root"}, session, true},
		{ebb.Permission{Action: invoke, Principal: "222222222222"}, session, false},
		{ebb.Permission{Action: "lambda:GetFunction", Principal: "*"}, session, false},
		{ebb.Permission{Action: invoke, Principal: session.ARN}, session, true},
		{ebb.Permission{Action: invoke, Principal: "arn:aws:iam::111111111111:role/path/r"}, session, true},
		{ebb.Permission{Action: invoke, Principal: "arn:aws:iam::111111111111:role/rr"}, session, false},
		{ebb.Permission{Action: invoke, Principal: "arn:aws:iam::111111111111:user/r"}, session, false},
		{ebb.Permission{Action: invoke, Principal: "*", OrgID: "o-abcdefghij"}, session, false},
		{ebb.Permission{Action: invoke, Principal: "*", EventSourceToken: "t"}, session, false},
		{ebb.Permission{Action: invoke, Principal: "*", EventSourceToken: "t"}, function.Caller{EventSourceToken: "t"}, true},
		{ebb.Permission{Action: invoke, Principal: "*", URLAuthType: ebb.URLAuthNone}, public, true},
		{ebb.Permission{Action: invoke, Principal: "*", URLAuthType: ebb.URLAuthIAM}, public, false},
		{ebb.Permission{Action: invoke, Principal: "*", ViaURL: new(true)}, public, true},
		{ebb.Permission{Action: invoke, Principal: "*", ViaURL: new(true)}, session, false},
		{ebb.Permission{Action: invoke, Principal: "*", ViaURL: new(false)}, session, true},
	} {
		if got := function.Permits(&ebb.ResourcePolicy{Statements: []ebb.Permission{c.statement}}, invoke, c.caller); got != c.want {
			t.Errorf("%d: %+v for %+v: %v", i, c.statement, c.caller, got)
		}
	}
	if function.Permits(nil, invoke, session) {
		t.Error("no policy allowed something")
	}
}

func TestPermitted(t *testing.T) {
	f := open(t, function.Config{})
	threeVersions(t, f)
	must2(f.CreateAlias(t.Context(), function.CreateAlias{FunctionKey: key("f"), Alias: "live", Version: 1}))(t)
	caller := function.Caller{Service: otherService, ARN: "arn:aws:iam::111111111111:root"}
	add := func(qualifier string) {
		t.Helper()
		must2(f.AddPermission(t.Context(), function.AddPermission{FunctionKey: key("f"), Qualifier: qualifier,
			Permission: ebb.Permission{ID: "s", Action: function.ActionInvoke, Principal: string(otherService)}}))(t)
	}
	ask := func(qualifier string) error {
		return f.Permitted(t.Context(), key("f"), qualifier, function.ActionInvoke, caller)
	}
	refused(t, ask("live"), ebb.Forbidden, ebb.TypeAccessDenied, "function:f:live because no resource-based policy allows")
	add("live")
	if err := ask("live"); err != nil {
		t.Error(err)
	}
	for _, q := range []string{"", ebb.Latest, "1"} {
		refused(t, ask(q), ebb.Forbidden, ebb.TypeAccessDenied, "function:f")
	}
	add("")
	for _, q := range []string{"", ebb.Latest} {
		if err := ask(q); err != nil {
			t.Error(err)
		}
	}
	// A policy goes with what it is of.
	if err := f.DeleteAlias(t.Context(), key("f"), "live"); err != nil {
		t.Fatal(err)
	}
	must2(f.CreateAlias(t.Context(), function.CreateAlias{FunctionKey: key("f"), Alias: "live", Version: 1}))(t)
	refused(t, ask("live"), ebb.Forbidden, ebb.TypeAccessDenied, "function:f:live")
}

func TestPermittedByARN(t *testing.T) {
	f := open(t, function.Config{})
	f.mustCreate("f")
	l := f.layer("l", "x")
	caller := function.Caller{Service: otherService}
	must2(f.AddPermission(t.Context(), function.AddPermission{FunctionKey: key("f"),
		Permission: ebb.Permission{ID: "s", Action: function.ActionInvoke, Principal: "*"}}))(t)
	if _, _, err := f.AddLayerPermission(t.Context(), l.LayerKey, 1, ebb.Permission{ID: "s", Action: function.ActionGetLayerVersion, Principal: "*"}, ""); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		action, arn string
		want        bool
	}{
		{function.ActionInvoke, "arn:aws:lambda:us-east-1:000000000000:function:f", true},
		{function.ActionInvoke, "arn:aws:lambda:us-east-1:000000000000:function:f:live", false},
		{"lambda:GetFunction", "arn:aws:lambda:us-east-1:000000000000:function:f", false},
		{function.ActionGetLayerVersion, layerARN(l), true},
		{function.ActionGetLayerVersion, ebb.LayerARN("us-east-1", l.LayerKey, 2), false},
		{function.ActionGetLayerVersion, ebb.LayerARN("us-east-1", l.LayerKey, 0), false},
		{"s3:GetObject", "arn:aws:s3:::bucket/key", false},
	} {
		if got := must2(f.PermittedByARN(t.Context(), c.arn, c.action, caller))(t); got != c.want {
			t.Errorf("%s on %s: %v", c.action, c.arn, got)
		}
	}
}

func TestPolicyLength(t *testing.T) {
	f := open(t, function.Config{})
	f.mustCreate("f")
	for i := range 200 {
		_, err := f.AddPermission(t.Context(), function.AddPermission{FunctionKey: key("f"), Permission: ebb.Permission{
			ID: fmt.Sprintf("s%d", i), Action: "lambda:*", Principal: "arn:aws:iam::111111111111:role/" + strings.Repeat("r", 60)}})
		if err != nil {
			refused(t, err, ebb.Invalid, ebb.TypePolicyLengthExceeded, "is bigger than the limit (20480)")
			if i < 50 {
				t.Errorf("only %d statements", i)
			}
			return
		}
	}
	t.Error("a policy of 200 statements was accepted")
}

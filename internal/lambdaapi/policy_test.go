package lambdaapi

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestPolicy(t *testing.T) {
	p := newPlatform(t)
	ctx, api := t.Context(), p.sdk()
	p.create("f")
	const path = "/2015-03-31/functions/f/policy"
	p.raw("GET", path, "").is(t, 404, "ResourceNotFoundException", "The resource you requested does not exist.")
	made, err := api.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: new("f"), StatementId: new("s3"), Action: new("lambda:InvokeFunction"),
		Principal: new("s3.amazonaws.com"), SourceArn: new("arn:aws:s3:::bucket"), SourceAccount: new("123456789012")})
	must(t, err)
	const s3 = `{"Sid":"s3","Effect":"Allow","Principal":{"Service":"s3.amazonaws.com"},"Action":"lambda:InvokeFunction",` +
		`"Resource":"arn:aws:lambda:us-east-1:000000000000:function:f",` +
		`"Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::bucket"}}}`
	equal(t, "statement", str(made.Statement), s3)
	_, err = api.AddPermission(ctx, &lambda.AddPermissionInput{FunctionName: new("f"), StatementId: new("open"), Action: new("lambda:InvokeFunctionUrl"),
		Principal: new("*"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone})
	must(t, err)
	got, err := api.GetPolicy(ctx, &lambda.GetPolicyInput{FunctionName: new("f")})
	must(t, err)
	equal(t, "policy", str(got.Policy), `{"Version":"2012-10-17","Id":"default","Statement":[`+s3+
		`,{"Sid":"open","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl",`+
		`"Resource":"arn:aws:lambda:us-east-1:000000000000:function:f","Condition":{"StringEquals":{"lambda:FunctionUrlAuthType":"NONE"}}}]}`)
	for _, c := range []struct {
		status             int
		path, doc, typ, at string
	}{
		{409, path, `{"StatementId":"s3","Action":"lambda:*","Principal":"*"}`, "ResourceConflictException", "The statement id (s3) provided already exists."},
		{400, path, `{"StatementId":"x","Action":"lambda:*","Principal":"me"}`, "InvalidParameterValueException", "The provided principal was invalid."},
		{400, path + "?Qualifier=$LATEST", `{"StatementId":"x","Action":"lambda:*","Principal":"*"}`, "InvalidParameterValueException", "$LATEST"},
		{404, path + "?Qualifier=live", `{"StatementId":"x","Action":"lambda:*","Principal":"*"}`, "ResourceNotFoundException", "function:f:live"},
		{412, path, `{"StatementId":"x","Action":"lambda:*","Principal":"*","RevisionId":"old"}`, "PreconditionFailedException", "GetPolicy"},
		{400, path, `{"StatementId":"x","Action":"lambda:InvokeFunction","Principal":"*","FunctionUrlAuthType":"NONE"}`, "InvalidParameterValueException", "FunctionUrlAuthType"},
	} {
		p.raw("POST", c.path, c.doc).is(t, c.status, c.typ, c.at)
	}
	_, err = api.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: new("f"), StatementId: new("s3"), RevisionId: got.RevisionId})
	must(t, err)
	_, err = api.RemovePermission(ctx, &lambda.RemovePermissionInput{FunctionName: new("f"), StatementId: new("s3")})
	isAPIError(t, err, "ResourceNotFoundException")
}

// TestPolicyRevisions: the first statement names the revision of what it is for,
// as there is no policy yet; the next ones that of the policy.
func TestPolicyRevisions(t *testing.T) {
	p := newPlatform(t)
	p.create("f")
	const f = "/2015-03-31/functions/f"
	equal(t, "publish", p.raw("POST", f+"/versions", "{}").StatusCode, 201)
	alias := p.raw("POST", f+"/aliases", `{"Name":"live","FunctionVersion":"1"}`).json(t)["RevisionId"].(string)
	function := p.raw("GET", f+"/configuration", "").json(t)["RevisionId"].(string)
	add := func(qualifier, id, revision string) *answered {
		return p.raw("POST", f+"/policy"+qualifier, `{"StatementId":"`+id+`","Action":"lambda:InvokeFunction","Principal":"*","RevisionId":"`+revision+`"}`)
	}
	add("?Qualifier=live", "a", function).is(t, 412, "PreconditionFailedException", "Revision Id")
	for qualifier, first := range map[string]string{"": function, "?Qualifier=live": alias} {
		equal(t, "first"+qualifier, add(qualifier, "a", first).StatusCode, 201)
		add(qualifier, "b", first).is(t, 412, "PreconditionFailedException", "Revision Id")
		policy := p.raw("GET", f+"/policy"+qualifier, "").json(t)["RevisionId"].(string)
		equal(t, "second"+qualifier, add(qualifier, "b", policy).StatusCode, 201)
	}
}

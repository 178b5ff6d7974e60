package lambdaapi

import (
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestFunctionURLs(t *testing.T) {
	p := newPlatform(t)
	c, ctx := p.sdk(), t.Context()
	p.create("web")
	made, err := c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{
		FunctionName: new("web"), AuthType: types.FunctionUrlAuthTypeNone,
		Cors: &types.Cors{AllowOrigins: []string{"https://example.com"}, AllowMethods: []string{"GET", "POST"}, MaxAge: new(int32(60)), AllowCredentials: new(true)},
	})
	must(t, err)
	url := str(made.FunctionUrl)
	if !regexp.MustCompile(`^http://127\.0\.0\.1:9081/url/[a-z0-9]+/$`).MatchString(url) {
		t.Errorf("url %s", url)
	}
	equal(t, "arn", str(made.FunctionArn), "arn:aws:lambda:us-east-1:000000000000:function:web")
	equal(t, "mode", made.InvokeMode, types.InvokeModeBuffered)
	equal(t, "max age", *made.Cors.MaxAge, int32(60))
	if _, err := time.Parse(time.RFC3339, str(made.CreationTime)); err != nil {
		t.Error(err)
	}
	_, err = c.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{FunctionName: new("web"), AuthType: types.FunctionUrlAuthTypeNone})
	var taken *types.ResourceConflictException
	if !errors.As(err, &taken) {
		t.Errorf("a second URL: %v", err)
	}
	set, err := c.UpdateFunctionUrlConfig(ctx, &lambda.UpdateFunctionUrlConfigInput{
		FunctionName: new("web"), AuthType: types.FunctionUrlAuthTypeAwsIam, InvokeMode: types.InvokeModeResponseStream, Cors: &types.Cors{},
	})
	must(t, err)
	if str(set.FunctionUrl) != url || set.AuthType != types.FunctionUrlAuthTypeAwsIam || set.InvokeMode != types.InvokeModeResponseStream || set.Cors != nil {
		t.Errorf("update gave %+v", set)
	}
	got, err := c.GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: new("web")})
	must(t, err)
	equal(t, "url", str(got.FunctionUrl), url)
	list, err := c.ListFunctionUrlConfigs(ctx, &lambda.ListFunctionUrlConfigsInput{FunctionName: new("web")})
	must(t, err)
	equal(t, "listed", len(list.FunctionUrlConfigs), 1)
	_, err = c.DeleteFunctionUrlConfig(ctx, &lambda.DeleteFunctionUrlConfigInput{FunctionName: new("web")})
	must(t, err)
	const path = "/2021-10-31/functions/web/url"
	p.raw("GET", path, "").is(t, 404, "ResourceNotFoundException", "The resource you requested does not exist.")
	p.raw("DELETE", path, "").is(t, 404, "ResourceNotFoundException", "")
	equal(t, "empty list", p.raw("GET", path+"s", "").body, `{"FunctionUrlConfigs":[]}`)
	p.raw("POST", "/2021-10-31/functions/none/url", `{"AuthType":"NONE"}`).is(t, 404, "ResourceNotFoundException", "Function not found")

	equal(t, "create", p.raw("POST", path+"?Qualifier=live", `{"AuthType":"NONE"}`).StatusCode, 404)
	p.raw("POST", path+"?Qualifier=7", `{"AuthType":"NONE"}`).is(t, 400, "ValidationException", `at 'qualifier' failed to satisfy constraint: Member must satisfy regular expression pattern: ((?!^\\d+$)^[0-9a-zA-Z-_]+$)`)
	p.raw("POST", path, `{"AuthType":"NONE","Cors":{"AllowMethods":["GET","OPTIONS"]}}`).is(t, 400, "ValidationException",
		"1 validation error detected: Value '[GET, OPTIONS]' at 'cors.allowMethods' failed to satisfy constraint: Member must satisfy constraint: "+
			"[Member must have length less than or equal to 6, Member must have length greater than or equal to 0, Member must satisfy regular expression pattern: .*, Member must not be null]")
	p.raw("POST", path, `{"AuthType":"NONE","Cors":{"MaxAge":86401}}`).is(t, 400, "ValidationException", "'cors.maxAge' failed to satisfy constraint: Member must have value less than or equal to 86400")
	p.raw("POST", path, `{}`).is(t, 400, "ValidationException", "Value null at 'authType' failed to satisfy constraint: Member must not be null")
}

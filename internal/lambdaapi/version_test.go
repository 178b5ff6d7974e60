package lambdaapi

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

func TestVersions(t *testing.T) {
	p := newPlatform(t)
	c, ctx := p.sdk(), t.Context()
	p.create("v")
	for i := range 60 {
		if i > 0 {
			_, err := c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: new("v"), Timeout: new(int32(i + 3))})
			must(t, err)
		}
		made, err := c.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: new("v"), Description: new("number")})
		must(t, err)
		equal(t, "version", str(made.Version), fmt.Sprint(i+1))
		equal(t, "arn", str(made.FunctionArn), fmt.Sprint("arn:aws:lambda:us-east-1:000000000000:function:v:", i+1))
		equal(t, "description", str(made.Description), "number")
	}
	// Nothing has changed: the same version again.
	again, err := c.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: new("v")})
	must(t, err)
	equal(t, "version", str(again.Version), "60")

	var got []string
	pages := 0
	for pager := lambda.NewListVersionsByFunctionPaginator(c, &lambda.ListVersionsByFunctionInput{FunctionName: new("v")}); pager.HasMorePages(); pages++ {
		page, err := pager.NextPage(ctx)
		must(t, err)
		for _, v := range page.Versions {
			got = append(got, str(v.Version)+" "+str(v.FunctionArn)[len("arn:aws:lambda:us-east-1:000000000000:function:"):])
		}
	}
	if pages != 2 || len(got) != 61 || got[0] != "$LATEST v:$LATEST" || got[60] != "60 v:60" {
		t.Errorf("%d pages: %v", pages, got)
	}
	equal(t, "delete", p.raw("DELETE", "/2015-03-31/functions/v?Qualifier=60", "").StatusCode, 200)
	p.raw("GET", "/2015-03-31/functions/v?Qualifier=60", "").is(t, 404, "ResourceNotFoundException", "function:v:60")
	p.raw("DELETE", "/2015-03-31/functions/v?Qualifier=$LATEST", "").is(t, 400, "InvalidParameterValueException", "$LATEST version cannot be deleted")

	const versions = "/2015-03-31/functions/v/versions"
	equal(t, "publish by sha", p.raw("POST", versions, `{"CodeSha256":"`+sum(pack(t, "x"))+`"}`).StatusCode, 201)
	p.raw("POST", versions, `{"CodeSha256":"`+sum(pack(t, "y"))+`"}`).is(t, 400, "InvalidParameterValueException", "is different from current CodeSHA256")
	p.raw("POST", versions, `{"CodeSha256":"short"}`).is(t, 400, "InvalidParameterValueException", "CodeSha256: ")
	p.raw("POST", versions, `{"RevisionId":"none"}`).is(t, 412, "PreconditionFailedException", `{"Type":"User","message":"`)
	p.raw("POST", versions, `{"PublishTo":"LATEST_PUBLISHED"}`).is(t, 501, "NotImplementedException", "PublishTo: ")
}

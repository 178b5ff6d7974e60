package lambdaapi

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

func TestTags(t *testing.T) {
	p := newPlatform(t)
	c, ctx := p.sdk(), t.Context()
	p.create("tagged")
	arn := new("arn:aws:lambda:us-east-1:000000000000:function:tagged")
	none, err := c.ListTags(ctx, &lambda.ListTagsInput{Resource: arn})
	must(t, err)
	equal(t, "tags", len(none.Tags), 0)
	_, err = c.TagResource(ctx, &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{"a": "1", "b": "2"}})
	must(t, err)
	_, err = c.UntagResource(ctx, &lambda.UntagResourceInput{Resource: arn, TagKeys: []string{"a", "not there"}})
	must(t, err)
	got, err := c.ListTags(ctx, &lambda.ListTagsInput{Resource: arn})
	must(t, err)
	if len(got.Tags) != 1 || got.Tags["b"] != "2" {
		t.Errorf("tags %v", got.Tags)
	}
	path := "/2017-03-31/tags/" + *arn
	equal(t, "status", p.raw("POST", path, `{"Tags":{"c":"3"}}`).StatusCode, 204)
	p.raw("POST", path, `{"Tags":{}}`).is(t, 400, "InvalidParameterValueException", "Tags: ")
	p.raw("DELETE", path, "").is(t, 400, "ValidationException", "Value null at 'tagKeys'")
	p.raw("GET", path+":1", "").is(t, 400, "InvalidParameterValueException", "Resource: ")
	p.raw("GET", "/2017-03-31/tags/tagged", "").is(t, 400, "ValidationException", "at 'resource'")
}

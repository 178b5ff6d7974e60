package lambdaapi

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestEventInvokeConfig(t *testing.T) {
	p := newPlatform(t)
	api, ctx := p.sdk(), t.Context()
	p.create("f")
	const f, path, arn = "/2015-03-31/functions/f", "/2019-09-25/functions/f/event-invoke-config", "arn:aws:lambda:us-east-1:000000000000:function:f"
	equal(t, "publish", p.raw("POST", f+"/versions", "{}").StatusCode, 201)
	equal(t, "alias", p.raw("POST", f+"/aliases", `{"Name":"live","FunctionVersion":"1"}`).StatusCode, 201)
	for _, method := range []string{"GET", "DELETE"} {
		p.raw(method, path, "").is(t, 404, "ResourceNotFoundException", "The function "+arn+":$LATEST doesn't have an EventInvokeConfig")
	}
	p.raw("POST", path, `{"MaximumRetryAttempts":1}`).is(t, 404, "ResourceNotFoundException", "doesn't have an EventInvokeConfig")

	put, err := api.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: new("f"),
		MaximumRetryAttempts: new(int32(0)), MaximumEventAgeInSeconds: new(int32(60)),
		DestinationConfig: &types.DestinationConfig{OnFailure: &types.OnFailure{Destination: new("arn:aws:s3:::failed")}}})
	must(t, err)
	equal(t, "arn", str(put.FunctionArn), arn+":$LATEST")
	equal(t, "retries", *put.MaximumRetryAttempts, int32(0))
	equal(t, "destination", str(put.DestinationConfig.OnFailure.Destination), "arn:aws:s3:::failed")
	if put.LastModified == nil || put.DestinationConfig.OnSuccess == nil {
		t.Errorf("put: %+v", put)
	}
	updated, err := api.UpdateFunctionEventInvokeConfig(ctx, &lambda.UpdateFunctionEventInvokeConfigInput{FunctionName: new("f"), MaximumRetryAttempts: new(int32(2))})
	must(t, err)
	equal(t, "updated", *updated.MaximumRetryAttempts, int32(2))
	equal(t, "kept by an update", *updated.MaximumEventAgeInSeconds, int32(60))
	_, err = api.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: new("f"), Qualifier: new("live"), MaximumRetryAttempts: new(int32(1))})
	must(t, err)
	put, err = api.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: new("f"), MaximumRetryAttempts: new(int32(1))})
	must(t, err)
	if put.MaximumEventAgeInSeconds != nil || put.DestinationConfig.OnFailure.Destination != nil {
		t.Errorf("what was put before is still there: %+v", put)
	}
	list, err := api.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: new("f"), MaxItems: new(int32(1))})
	must(t, err)
	equal(t, "first page", str(list.FunctionEventInvokeConfigs[0].FunctionArn), arn+":$LATEST")
	list, err = api.ListFunctionEventInvokeConfigs(ctx, &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: new("f"), Marker: list.NextMarker})
	must(t, err)
	equal(t, "second page", str(list.FunctionEventInvokeConfigs[0].FunctionArn), arn+":live")
	equal(t, "no third page", list.NextMarker, nil)

	for _, c := range []struct {
		path, doc, typ, message string
		status                  int
	}{
		{path, `{}`, "InvalidParameterValueException", "You must specify at least one of error handling or destination setting.", 400},
		{path, `{"MaximumRetryAttempts":3}`, "ValidationException", "maximumRetryAttempts", 400},
		{path, `{"MaximumEventAgeInSeconds":59}`, "ValidationException", "greater than or equal to 60", 400},
		{path, `{"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:sqs:us-east-1:000000000000:q"}}}`, "InvalidParameterValueException", "DestinationConfig.OnFailure.Destination", 400},
		{path, `{"DestinationConfig":{"OnSuccess":{"Destination":"` + arn + `"}}}`, "InvalidParameterValueException", "You can't specify the function as a destination for itself.", 400},
		{path + "?Qualifier=9", `{"MaximumRetryAttempts":1}`, "ResourceNotFoundException", "function:f:9", 404},
		{"/2019-09-25/functions/none/event-invoke-config", `{"MaximumRetryAttempts":1}`, "ResourceNotFoundException", "function:none", 404},
	} {
		p.raw("PUT", c.path, c.doc).is(t, c.status, c.typ, c.message)
	}

	// An alias that is made anew has nothing of the one before.
	equal(t, "delete alias", p.raw("DELETE", f+"/aliases/live", "").StatusCode, 204)
	equal(t, "alias", p.raw("POST", f+"/aliases", `{"Name":"live","FunctionVersion":"1"}`).StatusCode, 201)
	p.raw("GET", path+"?Qualifier=live", "").is(t, 404, "ResourceNotFoundException", ":live doesn't have an EventInvokeConfig")
	equal(t, "delete", p.raw("DELETE", path, "").StatusCode, 204)
}

package lambdaapi

import (
	"context"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestReservedConcurrency(t *testing.T) {
	p := newPlatform(t)
	c, ctx := p.sdk(), t.Context()
	p.create("f")
	p.create("g")
	const path = "/2017-10-31/functions/f/concurrency"
	equal(t, "none", p.raw("GET", "/2019-09-30/functions/f/concurrency", "").body, "{}")
	put, err := c.PutFunctionConcurrency(ctx, &lambda.PutFunctionConcurrencyInput{FunctionName: new("f"), ReservedConcurrentExecutions: new(int32(100))})
	must(t, err)
	equal(t, "answer", *put.ReservedConcurrentExecutions, int32(100))
	got, err := c.GetFunctionConcurrency(ctx, &lambda.GetFunctionConcurrencyInput{FunctionName: new("f")})
	must(t, err)
	equal(t, "kept", *got.ReservedConcurrentExecutions, int32(100))
	fn, err := c.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: new("f")})
	must(t, err)
	equal(t, "shown", *fn.Concurrency.ReservedConcurrentExecutions, int32(100))
	account, err := c.GetAccountSettings(ctx, &lambda.GetAccountSettingsInput{})
	must(t, err)
	equal(t, "unreserved", *account.AccountLimit.UnreservedConcurrentExecutions, int32(900))
	equal(t, "all", account.AccountLimit.ConcurrentExecutions, int32(1000))

	const least = "decreases account's UnreservedConcurrentExecution below its minimum value of [100]."
	p.raw("PUT", strings.ReplaceAll(path, "/f/", "/g/"), `{"ReservedConcurrentExecutions":801}`).is(t, 400, "InvalidParameterValueException", least)
	p.raw("PUT", path, `{"ReservedConcurrentExecutions":901}`).is(t, 400, "InvalidParameterValueException", least)
	equal(t, "exactly", p.raw("PUT", path, `{"ReservedConcurrentExecutions":900}`).StatusCode, 200)
	equal(t, "stop", p.raw("PUT", path, `{"ReservedConcurrentExecutions":0}`).body, `{"ReservedConcurrentExecutions":0}`)
	p.raw("PUT", path, `{}`).is(t, 400, "ValidationException", "reservedConcurrentExecutions")
	p.raw("PUT", path, `{"ReservedConcurrentExecutions":-1}`).is(t, 400, "ValidationException", "greater than or equal to 0")
	p.raw("PUT", "/2017-10-31/functions/none/concurrency", `{"ReservedConcurrentExecutions":1}`).is(t, 404, "ResourceNotFoundException", "Function not found")
	p.raw("PUT", "/2017-10-31/functions/f:1/concurrency", `{"ReservedConcurrentExecutions":1}`).is(t, 400, "InvalidParameterValueException", "FunctionName")
	for range 2 {
		equal(t, "delete", p.raw("DELETE", path, "").StatusCode, 204)
	}
	p.raw("DELETE", "/2017-10-31/functions/none/concurrency", "").is(t, 404, "ResourceNotFoundException", "")
	equal(t, "gone", p.raw("GET", "/2019-09-30/functions/f/concurrency", "").body, "{}")
}

func TestProvisionedConcurrency(t *testing.T) {
	p := newPlatform(t)
	c, ctx := p.sdk(), t.Context()
	state := ebb.ProvisionedState{}
	p.api.cfg.Provisioned = func(context.Context, *ebb.Provisioned) ebb.ProvisionedState { return state }
	p.create("f")
	_, err := c.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: new("f")})
	must(t, err)
	const path = "/2019-09-30/functions/f/provisioned-concurrency"
	p.raw("GET", path+"?Qualifier=1", "").is(t, 404, "ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found for this function")
	p.raw("PUT", path+"?Qualifier=$LATEST", `{"ProvisionedConcurrentExecutions":1}`).is(t, 400, "InvalidParameterValueException", "unpublished function versions")
	p.raw("PUT", path+"?Qualifier=2", `{"ProvisionedConcurrentExecutions":1}`).is(t, 404, "ResourceNotFoundException", "Function not found")
	p.raw("PUT", path, `{"ProvisionedConcurrentExecutions":1}`).is(t, 400, "ValidationException", "qualifier")
	p.raw("PUT", path+"?Qualifier=1", `{"ProvisionedConcurrentExecutions":901}`).is(t, 400, "InvalidParameterValueException", "unreserved concurrency [900]")

	put, err := c.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{
		FunctionName: new("f"), Qualifier: new("1"), ProvisionedConcurrentExecutions: new(int32(3))})
	must(t, err)
	equal(t, "status", put.Status, types.ProvisionedConcurrencyStatusEnumInProgress)
	state = ebb.ProvisionedState{Allocated: 1, Failure: "Runtime.ImportModuleError"}
	got, err := c.GetProvisionedConcurrencyConfig(ctx, &lambda.GetProvisionedConcurrencyConfigInput{FunctionName: new("f"), Qualifier: new("1")})
	must(t, err)
	equal(t, "status", got.Status, types.ProvisionedConcurrencyStatusEnumFailed)
	equal(t, "reason", str(got.StatusReason), "Runtime.ImportModuleError")
	state = ebb.ProvisionedState{Allocated: 4, Available: 2}
	list, err := c.ListProvisionedConcurrencyConfigs(ctx, &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: new("f")})
	must(t, err)
	equal(t, "configurations", len(list.ProvisionedConcurrencyConfigs), 1)
	item := list.ProvisionedConcurrencyConfigs[0]
	equal(t, "status", item.Status, types.ProvisionedConcurrencyStatusEnumReady)
	equal(t, "arn", str(item.FunctionArn), "arn:aws:lambda:us-east-1:000000000000:function:f:1")
	equal(t, "allocated", *item.AllocatedProvisionedConcurrentExecutions, int32(3)) // not more than asked for
	equal(t, "available", *item.AvailableProvisionedConcurrentExecutions, int32(2))

	// What is reserved bounds what is provisioned, and the other way round.
	const reserve = "/2017-10-31/functions/f/concurrency"
	p.raw("PUT", reserve, `{"ReservedConcurrentExecutions":2}`).is(t, 400, "InvalidParameterValueException", "should not be lower than function's total provisioned concurrency [3]")
	equal(t, "reserve", p.raw("PUT", reserve, `{"ReservedConcurrentExecutions":3}`).StatusCode, 200)
	p.raw("PUT", path+"?Qualifier=1", `{"ProvisionedConcurrentExecutions":4}`).is(t, 400, "InvalidParameterValueException", "should not be greater than the reservedConcurrentExecution")

	for range 2 {
		equal(t, "delete", p.raw("DELETE", path+"?Qualifier=1", "").StatusCode, 204)
	}
	p.raw("GET", path+"?Qualifier=1", "").is(t, 404, "ProvisionedConcurrencyConfigNotFoundException", "")
	equal(t, "empty list", p.raw("GET", path+"?List=ALL", "").body, `{"ProvisionedConcurrencyConfigs":[]}`)

	// A version goes with its configuration.
	equal(t, "put", p.raw("PUT", path+"?Qualifier=1", `{"ProvisionedConcurrentExecutions":1}`).StatusCode, 202)
	equal(t, "delete version", p.raw("DELETE", "/2015-03-31/functions/f?Qualifier=1", "").StatusCode, 200)
	p.raw("GET", path+"?Qualifier=1", "").is(t, 404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:f:1")
}

// TestWhatCanBeProvisioned: published versions and aliases, each version once.
func TestWhatCanBeProvisioned(t *testing.T) {
	p := newPlatform(t)
	p.create("f")
	const f, path, one = "/2015-03-31/functions/f", "/2019-09-30/functions/f/provisioned-concurrency?Qualifier=", `{"ProvisionedConcurrentExecutions":1}`
	const arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
	equal(t, "publish", p.raw("POST", f+"/versions", "{}").StatusCode, 201)
	equal(t, "alias", p.raw("POST", f+"/aliases", `{"Name":"live","FunctionVersion":"1"}`).StatusCode, 201)
	for _, method := range []string{"GET", "DELETE"} {
		p.raw(method, path+"$LATEST", "").is(t, 400, "InvalidParameterValueException", "must be an alias or a published version")
		p.raw(method, path+"none", "").is(t, 404, "ResourceNotFoundException", "Cannot find alias arn: "+arn+":none")
		p.raw(method, path+"9", "").is(t, 404, "ResourceNotFoundException", "Function not found: "+arn+":9")
	}
	equal(t, "alias", p.raw("PUT", path+"live", one).StatusCode, 202)
	equal(t, "alias again", p.raw("PUT", path+"live", `{"ProvisionedConcurrentExecutions":2}`).StatusCode, 202)
	p.raw("PUT", path+"1", one).is(t, 409, "ResourceConflictException", "Version is pointed by a Provisioned Concurrency alias")
	p.raw("PUT", f+"/aliases/live", `{"FunctionVersion":"$LATEST"}`).is(t, 400, "InvalidParameterValueException", "unpublished function versions")
	equal(t, "delete", p.raw("DELETE", path+"live", "").StatusCode, 204)
	p.raw("PUT", path+"latest", one).is(t, 404, "ResourceNotFoundException", "function:f:latest")
	equal(t, "alias of $LATEST", p.raw("POST", f+"/aliases", `{"Name":"latest","FunctionVersion":"$LATEST"}`).StatusCode, 201)
	p.raw("PUT", path+"latest", one).is(t, 400, "InvalidParameterValueException", "unpublished function versions")
	equal(t, "version", p.raw("PUT", path+"1", one).StatusCode, 202)
	p.raw("PUT", path+"live", one).is(t, 409, "ResourceConflictException", "on an already Provisioned version")
}

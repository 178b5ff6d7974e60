package lambdaapi

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestAliases(t *testing.T) {
	p := newPlatform(t)
	ctx := t.Context()
	p.create("f")
	api := p.sdk()
	publish := func(description string) {
		t.Helper()
		_, err := api.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: new("f"),
			Environment: &types.Environment{Variables: map[string]string{"NAME": description}}})
		must(t, err)
		_, err = api.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: new("f")})
		must(t, err)
	}
	publish("one")
	publish("two")
	made, err := api.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("1"),
		RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{"2": 0.1}}})
	must(t, err)
	const arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
	equal(t, "arn", str(made.AliasArn), arn+":live")
	equal(t, "version", str(made.FunctionVersion), "1")
	equal(t, "weight", made.RoutingConfig.AdditionalVersionWeights["2"], 0.1)
	got, err := api.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: new("f"), Qualifier: new("live")})
	must(t, err)
	equal(t, "arn of the function", str(got.Configuration.FunctionArn), arn+":live")
	equal(t, "version of the function", str(got.Configuration.Version), "1")

	changed, err := api.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: new("f"), Name: new("live"), FunctionVersion: new("2"),
		RevisionId: made.RevisionId, RoutingConfig: &types.AliasRoutingConfiguration{AdditionalVersionWeights: map[string]float64{}}})
	must(t, err)
	equal(t, "no second version", changed.RoutingConfig, nil)
	_, err = api.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: new("f"), Name: new("live"), RevisionId: made.RevisionId})
	isAPIError(t, err, "PreconditionFailedException")
	list, err := api.ListAliases(ctx, &lambda.ListAliasesInput{FunctionName: new("f"), FunctionVersion: new("2")})
	must(t, err)
	if len(list.Aliases) != 1 || aws.ToString(list.Aliases[0].RevisionId) != str(changed.RevisionId) {
		t.Errorf("list: %+v", list.Aliases)
	}
	_, err = api.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: new("f"), Qualifier: new("2")})
	isAPIError(t, err, "ResourceConflictException")
	_, err = api.DeleteAlias(ctx, &lambda.DeleteAliasInput{FunctionName: new("f"), Name: new("live")})
	must(t, err)
	p.raw("GET", "/2015-03-31/functions/f/aliases/live", "").is(t, 404, "ResourceNotFoundException", "Cannot find alias arn: "+arn+":live")
	equal(t, "no aliases", p.raw("GET", "/2015-03-31/functions/f/aliases", "").body, `{"Aliases":[]}`)
}

func TestAliasRequests(t *testing.T) {
	p := newPlatform(t)
	p.create("f")
	for _, c := range []struct{ doc, typ, message string }{
		{`{"Name":"7","FunctionVersion":"1"}`, "ValidationException", "Value '7' at 'name'"},
		{`{"Name":"a"}`, "ValidationException", "Value null at 'functionVersion'"},
		{`{"Name":"a","FunctionVersion":"x"}`, "ValidationException", "Value 'x' at 'functionVersion'"},
		{`{"Name":"a","FunctionVersion":"$LATEST.PUBLISHED"}`, "InvalidParameterValueException", "FunctionVersion: "},
		{`{"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":1.5}}}`, "ValidationException", "routingConfig.additionalVersionWeights"},
		{`{"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"2":0.5,"3":0.5}}}`, "InvalidParameterValueException", "cannot be greater than 1"},
		{`{"Name":"a","FunctionVersion":"1","RoutingConfig":{"AdditionalVersionWeights":{"$LATEST":0.5}}}`, "ValidationException", "Map keys must satisfy"},
	} {
		p.raw("POST", "/2015-03-31/functions/f/aliases", c.doc).is(t, 400, c.typ, c.message)
	}
}

package lambdaapi

import (
	"io"
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

func TestLayers(t *testing.T) {
	p := newPlatform(t)
	ctx, api := t.Context(), p.sdk()
	const arn = "arn:aws:lambda:us-east-1:000000000000:layer:l"
	zip := pack(t, "shared")
	made, err := api.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{LayerName: new("l"), Description: new("d"), LicenseInfo: new("MIT"),
		Content: &types.LayerVersionContentInput{ZipFile: zip}, CompatibleRuntimes: []types.Runtime{"python3.12"},
		CompatibleArchitectures: []types.Architecture{"x86_64"}})
	must(t, err)
	equal(t, "arn", str(made.LayerVersionArn), arn+":1")
	equal(t, "layer arn", str(made.LayerArn), arn)
	equal(t, "sha", str(made.Content.CodeSha256), sum(zip))
	equal(t, "size", made.Content.CodeSize, int64(len(zip)))
	_, err = api.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{LayerName: new(arn), Content: &types.LayerVersionContentInput{ZipFile: pack(t, "two")}})
	must(t, err)

	got, err := api.GetLayerVersionByArn(ctx, &lambda.GetLayerVersionByArnInput{Arn: made.LayerVersionArn})
	must(t, err)
	equal(t, "version", got.Version, 1)
	equal(t, "license", str(got.LicenseInfo), "MIT")
	res, err := p.http.Get(str(got.Content.Location))
	must(t, err)
	defer res.Body.Close()
	have, err := io.ReadAll(res.Body)
	must(t, err)
	equal(t, "download", res.StatusCode, http.StatusOK)
	equal(t, "content", sum(have), sum(zip))

	list, err := api.ListLayers(ctx, &lambda.ListLayersInput{})
	must(t, err)
	if len(list.Layers) != 1 || list.Layers[0].LatestMatchingVersion.Version != 2 || str(list.Layers[0].LayerArn) != arn {
		t.Errorf("layers: %+v", list.Layers)
	}
	list, err = api.ListLayers(ctx, &lambda.ListLayersInput{CompatibleRuntime: "python3.12"})
	must(t, err)
	if len(list.Layers) != 1 || list.Layers[0].LatestMatchingVersion.Version != 1 {
		t.Errorf("layers for python: %+v", list.Layers)
	}
	var numbers []int64
	for pages := lambda.NewListLayerVersionsPaginator(api, &lambda.ListLayerVersionsInput{LayerName: new("l"), MaxItems: new(int32(1))}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		must(t, err)
		for _, v := range page.LayerVersions {
			numbers = append(numbers, v.Version)
		}
	}
	if len(numbers) != 2 || numbers[0] != 2 || numbers[1] != 1 {
		t.Errorf("versions: %v", numbers)
	}
	for range 2 {
		_, err = api.DeleteLayerVersion(ctx, &lambda.DeleteLayerVersionInput{LayerName: new("l"), VersionNumber: new(int64(2))})
		must(t, err)
	}
	p.raw("GET", "/2018-10-31/layers/l/versions/2", "").is(t, 404, "ResourceNotFoundException", "The resource you requested does not exist.")
	p.raw("GET", "/2018-10-31/layers/l/versions/0", "").is(t, 400, "InvalidParameterValueException", "Layer Version Cannot be less than 1")
	p.raw("POST", "/2018-10-31/layers/l/versions", `{"Content":{"S3Bucket":"bucket","S3Key":"k"}}`).is(t, 501, "NotImplementedException", "objects.endpoint")
	p.raw("POST", "/2018-10-31/layers/l/versions", `{"Content":{"S3Bucket":"bucket"}}`).is(t, 400, "InvalidParameterValueException", "Content.S3Key: missing")
}

func TestFunctionWithLayers(t *testing.T) {
	p := newPlatform(t)
	ctx, api := t.Context(), p.sdk()
	var arns []string
	for _, name := range []string{"a", "b"} {
		l, err := api.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{LayerName: &name, Content: &types.LayerVersionContentInput{ZipFile: pack(t, name)}})
		must(t, err)
		arns = append(arns, str(l.LayerVersionArn))
	}
	p.create("f")
	got, err := api.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: new("f"), Layers: arns})
	must(t, err)
	if len(got.Layers) != 2 || str(got.Layers[1].Arn) != arns[1] || got.Layers[1].CodeSize != int64(len(pack(t, "b"))) {
		t.Errorf("layers: %+v", got.Layers)
	}
	got, err = api.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: new("f"), Description: new("d")})
	must(t, err)
	equal(t, "layers left as they are", len(got.Layers), 2)
	got, err = api.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: new("f"), Layers: []string{}})
	must(t, err)
	equal(t, "layers taken away", len(got.Layers), 0)
}

func TestLayerPolicy(t *testing.T) {
	p := newPlatform(t)
	ctx, api := t.Context(), p.sdk()
	_, err := api.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{LayerName: new("l"), Content: &types.LayerVersionContentInput{ZipFile: pack(t, "x")}})
	must(t, err)
	const path = "/2018-10-31/layers/l/versions/1/policy"
	p.raw("GET", path, "").is(t, 404, "ResourceNotFoundException", "No policy is associated with the given resource.")
	add := &lambda.AddLayerVersionPermissionInput{LayerName: new("l"), VersionNumber: new(int64(1)), StatementId: new("s"),
		Action: new("lambda:GetLayerVersion"), Principal: new("111111111111")}
	made, err := api.AddLayerVersionPermission(ctx, add)
	must(t, err)
	const statement = `{"Sid":"s","Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":"lambda:GetLayerVersion",` +
		`"Resource":"arn:aws:lambda:us-east-1:000000000000:layer:l:1"}`
	equal(t, "statement", str(made.Statement), statement)
	_, err = api.AddLayerVersionPermission(ctx, add)
	isAPIError(t, err, "ResourceConflictException")
	got, err := api.GetLayerVersionPolicy(ctx, &lambda.GetLayerVersionPolicyInput{LayerName: new("l"), VersionNumber: new(int64(1))})
	must(t, err)
	equal(t, "policy", str(got.Policy), `{"Version":"2012-10-17","Id":"default","Statement":[`+statement+`]}`)
	equal(t, "revision", str(got.RevisionId), str(made.RevisionId))
	remove := &lambda.RemoveLayerVersionPermissionInput{LayerName: new("l"), VersionNumber: new(int64(1)), StatementId: new("s"), RevisionId: new("old")}
	_, err = api.RemoveLayerVersionPermission(ctx, remove)
	isAPIError(t, err, "PreconditionFailedException")
	remove.RevisionId = got.RevisionId
	_, err = api.RemoveLayerVersionPermission(ctx, remove)
	must(t, err)
	p.raw("GET", path, "").is(t, 404, "ResourceNotFoundException", "No policy")
	p.raw("GET", "/2018-10-31/layers/l/versions/7/policy", "").is(t, 404, "ResourceNotFoundException", "layer:l:7 does not exist.")
}

package lambdaapi

import (
	"bytes"
	"crypto/ed25519"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/signature"
)

func TestCodeSigning(t *testing.T) {
	p := newPlatform(t)
	ctx, api := t.Context(), p.sdk()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, ed25519.SeedSize))
	pub, err := p.functions.AddPublisher(ctx, ebb.DefaultService, "ci", key.Public().(ed25519.PublicKey))
	must(t, err)
	publishers := &types.AllowedPublishers{SigningProfileVersionArns: []string{ebb.PublisherARN("us-east-1", pub)}}
	made, err := api.CreateCodeSigningConfig(ctx, &lambda.CreateCodeSigningConfigInput{AllowedPublishers: publishers,
		Description: new("d"), Tags: map[string]string{"a": "1", "b": "2"}})
	must(t, err)
	c := made.CodeSigningConfig
	arn := c.CodeSigningConfigArn
	equal(t, "arn", str(arn), "arn:aws:lambda:us-east-1:000000000000:code-signing-config:"+str(c.CodeSigningConfigId))
	equal(t, "policy", c.CodeSigningPolicies.UntrustedArtifactOnDeployment, types.CodeSigningPolicyWarn)
	equal(t, "publishers", strings.Join(c.AllowedPublishers.SigningProfileVersionArns, " "), publishers.SigningProfileVersionArns[0])
	_, err = time.Parse("2006-01-02T15:04:05.000-0700", str(c.LastModified))
	must(t, err)
	changed, err := api.UpdateCodeSigningConfig(ctx, &lambda.UpdateCodeSigningConfigInput{CodeSigningConfigArn: arn,
		CodeSigningPolicies: &types.CodeSigningPolicies{UntrustedArtifactOnDeployment: types.CodeSigningPolicyEnforce}})
	must(t, err)
	equal(t, "policy", changed.CodeSigningConfig.CodeSigningPolicies.UntrustedArtifactOnDeployment, types.CodeSigningPolicyEnforce)
	got, err := api.GetCodeSigningConfig(ctx, &lambda.GetCodeSigningConfigInput{CodeSigningConfigArn: arn})
	must(t, err)
	equal(t, "description stays", str(got.CodeSigningConfig.Description), "d")

	role, runtime := testRole, types.Runtime(p.runtime)
	create := func(name string, zip []byte) error {
		_, err := api.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: &name, Role: &role, Runtime: runtime, Handler: new("app.handler"),
			Code: &types.FunctionCode{ZipFile: zip}, CodeSigningConfigArn: arn})
		return err
	}
	isAPIError(t, create("f", pack(t, "unsigned")), "CodeVerificationFailedException")
	zip, err := signature.Sign(pack(t, "signed"), key, time.Time{})
	must(t, err)
	must(t, create("f", zip))
	must(t, create("g", zip))
	_, err = api.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: new("f"), ZipFile: pack(t, "unsigned")})
	isAPIError(t, err, "CodeVerificationFailedException")
	moved := append(pack(t, "other!")[:len(pack(t, "other!"))-2], zip[len(pack(t, "signed"))-2:]...)
	_, err = api.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: new("f"), ZipFile: moved, DryRun: true})
	isAPIError(t, err, "InvalidCodeSignatureException")

	of, err := api.GetFunctionCodeSigningConfig(ctx, &lambda.GetFunctionCodeSigningConfigInput{FunctionName: new("f")})
	must(t, err)
	equal(t, "config of f", str(of.CodeSigningConfigArn), str(arn))
	equal(t, "name", str(of.FunctionName), "f")
	var users []string
	for pages := lambda.NewListFunctionsByCodeSigningConfigPaginator(api, &lambda.ListFunctionsByCodeSigningConfigInput{CodeSigningConfigArn: arn, MaxItems: new(int32(1))}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		must(t, err)
		users = append(users, page.FunctionArns...)
	}
	equal(t, "users", strings.Join(users, " "), "arn:aws:lambda:us-east-1:000000000000:function:f arn:aws:lambda:us-east-1:000000000000:function:g")
	_, err = api.DeleteCodeSigningConfig(ctx, &lambda.DeleteCodeSigningConfigInput{CodeSigningConfigArn: arn})
	isAPIError(t, err, "ResourceConflictException")
	for _, name := range []string{"f", "g"} {
		_, err = api.DeleteFunctionCodeSigningConfig(ctx, &lambda.DeleteFunctionCodeSigningConfigInput{FunctionName: &name})
		must(t, err)
	}
	equal(t, "of a function without", p.raw("GET", "/2020-06-30/functions/f/code-signing-config", "").body, "{}")
	_, err = api.PutFunctionCodeSigningConfig(ctx, &lambda.PutFunctionCodeSigningConfigInput{FunctionName: new("g"), CodeSigningConfigArn: arn})
	must(t, err)
	_, err = api.PutFunctionCodeSigningConfig(ctx, &lambda.PutFunctionCodeSigningConfigInput{FunctionName: new("g"),
		CodeSigningConfigArn: new(strings.Replace(str(arn), "000000000000", "111111111111", 1))})
	isAPIError(t, err, "CodeSigningConfigNotFoundException")
	_, err = api.DeleteFunctionCodeSigningConfig(ctx, &lambda.DeleteFunctionCodeSigningConfigInput{FunctionName: new("g")})
	must(t, err)
	tagsOfCodeSigning(t, api, arn)
	codeSigningLists(t, api, publishers)
	_, err = api.DeleteCodeSigningConfig(ctx, &lambda.DeleteCodeSigningConfigInput{CodeSigningConfigArn: arn})
	must(t, err)
	_, err = api.GetCodeSigningConfig(ctx, &lambda.GetCodeSigningConfigInput{CodeSigningConfigArn: arn})
	isAPIError(t, err, "ResourceNotFoundException")
}

func tagsOfCodeSigning(t *testing.T, api *lambda.Client, arn *string) {
	t.Helper()
	ctx := t.Context()
	_, err := api.TagResource(ctx, &lambda.TagResourceInput{Resource: arn, Tags: map[string]string{"b": "3"}})
	must(t, err)
	_, err = api.UntagResource(ctx, &lambda.UntagResourceInput{Resource: arn, TagKeys: []string{"a"}})
	must(t, err)
	tags, err := api.ListTags(ctx, &lambda.ListTagsInput{Resource: arn})
	must(t, err)
	if len(tags.Tags) != 1 || tags.Tags["b"] != "3" {
		t.Errorf("tags: %v", tags.Tags)
	}
}

func codeSigningLists(t *testing.T, api *lambda.Client, publishers *types.AllowedPublishers) {
	t.Helper()
	_, err := api.CreateCodeSigningConfig(t.Context(), &lambda.CreateCodeSigningConfigInput{AllowedPublishers: publishers})
	must(t, err)
	seen := map[string]bool{}
	for pages := lambda.NewListCodeSigningConfigsPaginator(api, &lambda.ListCodeSigningConfigsInput{MaxItems: new(int32(1))}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		must(t, err)
		for _, c := range page.CodeSigningConfigs {
			seen[str(c.CodeSigningConfigId)] = true
		}
	}
	equal(t, "configurations", len(seen), 2)
}

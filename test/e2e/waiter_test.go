package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/test/platform"
)

// many makes a function with two of everything that is listed, and returns its name.
func many(t *testing.T, p *platform.Platform, publisher string) string {
	t.Helper()
	ctx, api, f := t.Context(), p.Lambda(), "many"
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{f, "other"} {
		g := python(greet)
		g.Name = name
		must(p.Create(ctx, g))
	}
	for n := range 2 {
		out, err := api.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: &f, Description: aws.String(fmt.Sprint(n)), Timeout: aws.Int32(int32(n + 5))})
		must(err)
		must(lambda.NewFunctionUpdatedV2Waiter(api).Wait(ctx, &lambda.GetFunctionInput{FunctionName: &f}, limit))
		version, err := api.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: &f, RevisionId: out.RevisionId})
		must(err)
		must(lambda.NewPublishedVersionActiveWaiter(api).Wait(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &f, Qualifier: version.Version}, limit))
		alias := aws.String(fmt.Sprintf("alias%d", n))
		_, err = api.CreateAlias(ctx, &lambda.CreateAliasInput{FunctionName: &f, Name: alias, FunctionVersion: version.Version})
		must(err)
		_, err = api.CreateFunctionUrlConfig(ctx, &lambda.CreateFunctionUrlConfigInput{FunctionName: &f, Qualifier: alias, AuthType: types.FunctionUrlAuthTypeAwsIam})
		must(err)
		_, err = api.PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: &f, Qualifier: alias, MaximumRetryAttempts: aws.Int32(0)})
		must(err)
		_, err = api.PutProvisionedConcurrencyConfig(ctx, &lambda.PutProvisionedConcurrencyConfigInput{FunctionName: &f, Qualifier: alias, ProvisionedConcurrentExecutions: aws.Int32(1)})
		must(err)
		for _, layer := range []string{"one", "two"} {
			zip, err := platform.Zip(map[string]string{"f": fmt.Sprint(n)})
			must(err)
			_, err = api.PublishLayerVersion(ctx, &lambda.PublishLayerVersionInput{LayerName: &layer, Content: &types.LayerVersionContentInput{ZipFile: zip}})
			must(err)
		}
		_, err = api.CreateCodeSigningConfig(ctx, &lambda.CreateCodeSigningConfigInput{AllowedPublishers: &types.AllowedPublishers{SigningProfileVersionArns: []string{publisher}}})
		must(err)
	}
	return f
}

// pages counts what a paginator of the SDK finds with pages of one.
func pages[Page any](t *testing.T, more func() bool, next func(context.Context, ...func(*lambda.Options)) (Page, error), count func(Page) int) (items, pages int) {
	t.Helper()
	for more() {
		page, err := next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if pages++; pages > 100 {
			t.Fatal("the list has no end")
		}
		items += count(page)
	}
	return items, pages
}

// TestWaitersAndPaginators: the waiters and the paginators of aws-sdk-go-v2 and of
// the AWS command line come to an end, and the paginators find everything.
func TestWaitersAndPaginators(t *testing.T) {
	t.Parallel()
	p := start(t, place(t))
	publisher := newPublisher(t, p)
	f := many(t, p, publisher)
	api, one := p.Lambda(), aws.Int32(1)
	check := func(what string, items, pages, want int) {
		t.Helper()
		if items != want || pages < want {
			t.Errorf("%s: %d items on %d pages, want %d", what, items, pages, want)
		}
	}
	functions := lambda.NewListFunctionsPaginator(api, &lambda.ListFunctionsInput{MaxItems: one})
	n, of := pages(t, functions.HasMorePages, functions.NextPage, func(o *lambda.ListFunctionsOutput) int { return len(o.Functions) })
	check("functions", n, of, 2)
	versions := lambda.NewListVersionsByFunctionPaginator(api, &lambda.ListVersionsByFunctionInput{FunctionName: &f, MaxItems: one})
	n, of = pages(t, versions.HasMorePages, versions.NextPage, func(o *lambda.ListVersionsByFunctionOutput) int { return len(o.Versions) })
	check("versions", n, of, 3)
	aliases := lambda.NewListAliasesPaginator(api, &lambda.ListAliasesInput{FunctionName: &f, MaxItems: one})
	n, of = pages(t, aliases.HasMorePages, aliases.NextPage, func(o *lambda.ListAliasesOutput) int { return len(o.Aliases) })
	check("aliases", n, of, 2)
	layers := lambda.NewListLayersPaginator(api, &lambda.ListLayersInput{MaxItems: one})
	n, of = pages(t, layers.HasMorePages, layers.NextPage, func(o *lambda.ListLayersOutput) int { return len(o.Layers) })
	check("layers", n, of, 2)
	layerVersions := lambda.NewListLayerVersionsPaginator(api, &lambda.ListLayerVersionsInput{LayerName: aws.String("one"), MaxItems: one})
	n, of = pages(t, layerVersions.HasMorePages, layerVersions.NextPage, func(o *lambda.ListLayerVersionsOutput) int { return len(o.LayerVersions) })
	check("layer versions", n, of, 2)
	urls := lambda.NewListFunctionUrlConfigsPaginator(api, &lambda.ListFunctionUrlConfigsInput{FunctionName: &f, MaxItems: one})
	n, of = pages(t, urls.HasMorePages, urls.NextPage, func(o *lambda.ListFunctionUrlConfigsOutput) int { return len(o.FunctionUrlConfigs) })
	check("function URLs", n, of, 2)
	events := lambda.NewListFunctionEventInvokeConfigsPaginator(api, &lambda.ListFunctionEventInvokeConfigsInput{FunctionName: &f, MaxItems: one})
	n, of = pages(t, events.HasMorePages, events.NextPage, func(o *lambda.ListFunctionEventInvokeConfigsOutput) int { return len(o.FunctionEventInvokeConfigs) })
	check("event invoke configurations", n, of, 2)
	provisioned := lambda.NewListProvisionedConcurrencyConfigsPaginator(api, &lambda.ListProvisionedConcurrencyConfigsInput{FunctionName: &f, MaxItems: one})
	n, of = pages(t, provisioned.HasMorePages, provisioned.NextPage, func(o *lambda.ListProvisionedConcurrencyConfigsOutput) int {
		return len(o.ProvisionedConcurrencyConfigs)
	})
	check("provisioned concurrency", n, of, 2)
	signing := lambda.NewListCodeSigningConfigsPaginator(api, &lambda.ListCodeSigningConfigsInput{MaxItems: one})
	n, of = pages(t, signing.HasMorePages, signing.NextPage, func(o *lambda.ListCodeSigningConfigsOutput) int { return len(o.CodeSigningConfigs) })
	check("code signing configurations", n, of, 2)

	aws := awsOf(t, p)
	for _, waiter := range []string{"function-exists", "function-active", "function-active-v2", "function-updated", "function-updated-v2"} {
		aws("wait", waiter, "--function-name", f)
	}
	aws("wait", "published-version-active", "--function-name", f, "--qualifier", "1")
	for _, list := range []struct {
		count int
		query string
		args  []string
	}{
		{2, "Functions", []string{"list-functions"}},
		{3, "Versions", []string{"list-versions-by-function", "--function-name", f}},
		{2, "Aliases", []string{"list-aliases", "--function-name", f}},
		{2, "Layers", []string{"list-layers"}},
		{2, "LayerVersions", []string{"list-layer-versions", "--layer-name", "two"}},
		{2, "FunctionUrlConfigs", []string{"list-function-url-configs", "--function-name", f}},
		{2, "FunctionEventInvokeConfigs", []string{"list-function-event-invoke-configs", "--function-name", f}},
		{2, "ProvisionedConcurrencyConfigs", []string{"list-provisioned-concurrency-configs", "--function-name", f}},
		{2, "CodeSigningConfigs", []string{"list-code-signing-configs"}},
	} {
		got := aws(append(list.args, "--page-size", "1", "--query", "length("+list.query+")")...)
		if strings.TrimSpace(got) != fmt.Sprint(list.count) {
			t.Errorf("aws lambda %s: %s items, want %d", strings.Join(list.args, " "), strings.TrimSpace(got), list.count)
		}
	}
}

// awsOf runs "aws lambda" against a platform; it must succeed.
func awsOf(t *testing.T, p *platform.Platform) func(args ...string) string {
	return func(args ...string) string {
		t.Helper()
		out, errs, code, err := p.AWS(t.Context(), append([]string{"lambda"}, args...)...)
		if err != nil || code != 0 {
			t.Fatalf("aws lambda %s: exit %d, %v\n%s%s", strings.Join(args, " "), code, err, out, errs)
		}
		return out
	}
}

// newPublisher makes a key in t's folder, registers it, and returns its ARN.
func newPublisher(t *testing.T, p *platform.Platform) string {
	t.Helper()
	dir := keys(t)
	out, errs, code, err := p.CLI(t.Context(), "publisher", "add", "ci", "--key", filepath.Join(dir, "ci.pub.pem"))
	if err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
	}
	return strings.TrimSpace(out)
}

// keys makes a key pair with openssl, as a pipeline would.
func keys(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	private, public := filepath.Join(dir, "ci.pem"), filepath.Join(dir, "ci.pub.pem")
	for _, args := range [][]string{{"genpkey", "-algorithm", "ed25519", "-out", private}, {"pkey", "-in", private, "-pubout", "-out", public}} {
		if out, err := exec.CommandContext(t.Context(), hosttest.Program(t, "openssl"), args...).CombinedOutput(); err != nil {
			t.Fatalf("openssl: %v %s", err, out)
		}
	}
	return dir
}

// TestSignedCode is a pipeline's way: the AWS command line makes an enforcing
// configuration, what is not signed does not come in, what is runs.
func TestSignedCode(t *testing.T) {
	t.Parallel()
	p := start(t, place(t))
	dir := keys(t)
	out, errs, code, err := p.CLI(t.Context(), "publisher", "add", "ci", "--key", filepath.Join(dir, "ci.pub.pem"))
	if err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
	}
	aws := awsOf(t, p)
	csc := strings.TrimSpace(aws("create-code-signing-config", "--allowed-publishers", "SigningProfileVersionArns="+strings.TrimSpace(out),
		"--code-signing-policies", "UntrustedArtifactOnDeployment=Enforce", "--query", "CodeSigningConfig.CodeSigningConfigArn", "--output", "text"))
	zip := zipped(t, greet)
	create := []string{"lambda", "create-function", "--function-name", "signed", "--runtime", "python3", "--handler", "app.handler",
		"--role", platform.Role, "--zip-file", "fileb://" + zip, "--code-signing-config-arn", csc}
	_, errs, code, err = p.AWS(t.Context(), create...)
	if err != nil || code == 0 || !strings.Contains(errs, "CodeVerificationFailedException") {
		t.Fatalf("unsigned code: exit %d, %v, %s", code, err, errs)
	}
	out, errs, code, err = p.CLI(t.Context(), "sign", zip, "--key", filepath.Join(dir, "ci.pem"))
	if err != nil || code != 0 {
		t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
	}
	aws(create[1:]...)
	if got := invoke(t, p, "signed", `{"name":"signer"}`); got != `"hello signer"` {
		t.Errorf("it answers %s", got)
	}
	text, err := os.ReadFile(zip)
	if err != nil {
		t.Fatal(err)
	}
	text[40] ^= 1 // within the first file
	_, errs, code, err = p.AWS(t.Context(), "lambda", "update-function-code", "--function-name", "signed", "--zip-file", "fileb://"+within(t, "evil.zip", string(text)))
	if err != nil || code == 0 || !strings.Contains(errs, "InvalidCodeSignatureException") {
		t.Errorf("tampered code: exit %d, %v, %s", code, err, errs)
	}

	// Where it only warns, unsigned code comes in, and is counted.
	aws("update-code-signing-config", "--code-signing-config-arn", csc, "--code-signing-policies", "UntrustedArtifactOnDeployment=Warn")
	aws("update-function-code", "--function-name", "signed", "--zip-file", "fileb://"+zipped(t, greet))
	if _, text := scrapeOf(t, p); !strings.Contains(text, `ebb_signature_validation_errors_total{function="signed",service="000000000000"} 1`) {
		t.Error("it is not counted")
	}
}

package lambdaapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func createInput(t *testing.T, p *platform, name string) *lambda.CreateFunctionInput {
	return &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: types.Runtime(p.runtime), Role: new(testRole), Handler: new("app.handler"),
		Code: &types.FunctionCode{ZipFile: pack(t, name)},
	}
}

// A function's life through the SDK, with its waiters.
func TestFunctionLife(t *testing.T) {
	p := newPlatform(t)
	c, ctx := p.sdk(), t.Context()
	in := createInput(t, p, "hello")
	in.Description, in.MemorySize, in.Timeout = new("says <hello>"), new(int32(256)), new(int32(7))
	in.Environment = &types.Environment{Variables: map[string]string{"GREETING": "hi"}}
	in.EphemeralStorage = &types.EphemeralStorage{Size: new(int32(1024))}
	in.Tags = map[string]string{"team": "core"}
	in.LoggingConfig = &types.LoggingConfig{LogFormat: types.LogFormatJson}
	made, err := c.CreateFunction(ctx, in)
	must(t, err)
	equal(t, "arn", str(made.FunctionArn), "arn:aws:lambda:us-east-1:000000000000:function:hello")
	equal(t, "version", str(made.Version), "$LATEST")
	equal(t, "sha", str(made.CodeSha256), sum(in.Code.ZipFile))
	equal(t, "size", made.CodeSize, int64(len(in.Code.ZipFile)))
	equal(t, "state", made.State, types.StateActive)
	equal(t, "update", made.LastUpdateStatus, types.LastUpdateStatusSuccessful)
	must(t, lambda.NewFunctionActiveV2Waiter(c).Wait(ctx, &lambda.GetFunctionInput{FunctionName: new("hello")}, time.Minute))

	got, err := c.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: made.FunctionArn})
	must(t, err)
	equal(t, "tag", got.Tags["team"], "core")
	equal(t, "repository", str(got.Code.RepositoryType), "S3")
	conf, err := c.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: new("hello"), Qualifier: new("$LATEST")})
	must(t, err)
	equal(t, "qualified arn", str(conf.FunctionArn), str(made.FunctionArn)+":$LATEST")
	equal(t, "env", conf.Environment.Variables["GREETING"], "hi")

	changed := pack(t, "another")
	code, err := c.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{FunctionName: new("function:hello"), ZipFile: changed, RevisionId: conf.RevisionId})
	must(t, err)
	equal(t, "new sha", str(code.CodeSha256), sum(changed))
	must(t, lambda.NewFunctionUpdatedV2Waiter(c).Wait(ctx, &lambda.GetFunctionInput{FunctionName: new("hello")}, time.Minute))

	// The first revision is gone.
	_, err = c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: new("hello"), RevisionId: conf.RevisionId, Timeout: new(int32(9))})
	var stale *types.PreconditionFailedException
	if !errors.As(err, &stale) {
		t.Errorf("an old RevisionId: %v", err)
	}
	set, err := c.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{
		FunctionName: new("000000000000:function:hello"), RevisionId: code.RevisionId, Timeout: new(int32(9)),
		Environment: &types.Environment{Variables: map[string]string{}},
	})
	must(t, err)
	equal(t, "timeout", *set.Timeout, int32(9))
	equal(t, "memory stays", *set.MemorySize, int32(256))
	if set.Environment != nil {
		t.Errorf("the environment was emptied, but is %v", set.Environment.Variables)
	}
	del, err := c.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: new("hello")})
	must(t, err)
	equal(t, "delete", del.StatusCode, 200)
	_, err = c.GetFunction(ctx, &lambda.GetFunctionInput{FunctionName: new("hello")})
	var gone *types.ResourceNotFoundException
	if !errors.As(err, &gone) || !strings.Contains(err.Error(), "Function not found: "+str(made.FunctionArn)) {
		t.Errorf("after delete: %v", err)
	}
}

// Every member that tools look at, as it is on the wire.
func TestConfigurationOnTheWire(t *testing.T) {
	p := newPlatform(t)
	v := p.create("wire")
	res := p.raw("GET", "/2015-03-31/functions/wire/configuration", "")
	equal(t, "status", res.StatusCode, 200)
	equal(t, "content type", res.Header.Get("Content-Type"), "application/json")
	doc := res.json(t)
	modified, _ := doc["LastModified"].(string)
	if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000$`).MatchString(modified) {
		t.Errorf("LastModified %q", modified)
	}
	want := map[string]any{
		"FunctionName": "wire", "FunctionArn": "arn:aws:lambda:us-east-1:000000000000:function:wire",
		"Runtime": p.runtime, "Role": testRole, "Handler": "app.handler", "CodeSize": float64(v.Code.Size),
		"Description": "", "Timeout": 3.0, "MemorySize": 128.0, "LastModified": modified,
		"CodeSha256": sum(pack(t, "x")), "Version": "$LATEST", "TracingConfig": map[string]any{"Mode": "PassThrough"},
		"RevisionId": v.RevisionID, "State": "Active", "LastUpdateStatus": "Successful", "PackageType": "Zip",
		"Architectures": []any{v.Architecture}, "EphemeralStorage": map[string]any{"Size": 512.0},
		"SnapStart":            map[string]any{"ApplyOn": "None", "OptimizationStatus": "Off"},
		"RuntimeVersionConfig": map[string]any{"RuntimeVersionArn": "arn:aws:lambda:us-east-1::runtime:" + p.functions.RuntimeVersion(p.runtime)},
		"LoggingConfig":        map[string]any{"LogFormat": "Text", "LogGroup": "/aws/lambda/wire"},
	}
	if d := cmp.Diff(want, doc); d != "" {
		t.Error(d)
	}
}

func TestCodeLocation(t *testing.T) {
	p := newPlatform(t)
	p.create("code")
	got, err := p.sdk().GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("code")})
	must(t, err)
	get := func(url string) *answered {
		req, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		must(t, err)
		return send(t, p.http, req)
	}
	location := str(got.Code.Location)
	res := get(location)
	if res.StatusCode != 200 || res.body != string(pack(t, "x")) || res.Header.Get("Content-Type") != "application/zip" {
		t.Errorf("download: %d %v, %d bytes", res.StatusCode, res.Header, len(res.body))
	}
	// Only what was signed may be had.
	path, _, _ := strings.Cut(location, "?")
	get(path).is(t, 403, "MissingAuthenticationTokenException", "Missing Authentication Token")
	other := strings.Replace(location, path[len(path)-4:]+"?", "0000?", 1)
	get(other).is(t, 403, "InvalidSignatureException", "")
	get(strings.Replace(location, "X-Amz-Expires=600", "X-Amz-Expires=6000", 1)).is(t, 403, "InvalidSignatureException", "")
	// A package that is not there, asked for with the right to ask.
	p.raw("GET", "/package/"+strings.Repeat("0", 64), "").is(t, 404, "ResourceNotFoundException", "not stored")
	p.raw("GET", "/package/..%2f..%2fetc%2fpasswd", "").is(t, 404, "ResourceNotFoundException", "not stored")
}

func TestCreateAndPublishAtOnce(t *testing.T) {
	p := newPlatform(t)
	in := createInput(t, p, "pub")
	in.Publish = true
	made, err := p.sdk().CreateFunction(t.Context(), in)
	must(t, err)
	equal(t, "version", str(made.Version), "1")
	equal(t, "arn", str(made.FunctionArn), "arn:aws:lambda:us-east-1:000000000000:function:pub:1")
	code, err := p.sdk().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: new("pub"), ZipFile: pack(t, "v2"), Publish: true})
	must(t, err)
	equal(t, "version", str(code.Version), "2")
	dry, err := p.sdk().UpdateFunctionCode(t.Context(), &lambda.UpdateFunctionCodeInput{FunctionName: new("pub"), ZipFile: pack(t, "v3"), DryRun: true})
	must(t, err)
	equal(t, "dry sha", str(dry.CodeSha256), sum(pack(t, "v3")))
	now, err := p.sdk().GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: new("pub")})
	must(t, err)
	equal(t, "sha after a dry run", str(now.CodeSha256), sum(pack(t, "v2")))
}

func TestListFunctionsPages(t *testing.T) {
	p := newPlatform(t)
	const many = 120
	for i := range many {
		p.create(fmt.Sprintf("f-%03d", i))
	}
	_, err := p.sdk().PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: new("f-049")})
	must(t, err)
	for _, c := range []struct {
		in    lambda.ListFunctionsInput
		pages int
		items int
		last  string
	}{
		{lambda.ListFunctionsInput{}, 3, many, "f-119"},
		{lambda.ListFunctionsInput{MaxItems: new(int32(7))}, 18, many, "f-119"},
		{lambda.ListFunctionsInput{MaxItems: new(int32(10000))}, 3, many, "f-119"},
		{lambda.ListFunctionsInput{FunctionVersion: types.FunctionVersionAll}, 3, many + 1, "f-119:$LATEST"},
		{lambda.ListFunctionsInput{MaxItems: new(int32(60)), MasterRegion: new("ALL")}, 3, many, "f-119"},
	} {
		var arns []string
		pages := 0
		for pager := lambda.NewListFunctionsPaginator(p.sdk(), &c.in); pager.HasMorePages(); pages++ {
			page, err := pager.NextPage(t.Context())
			must(t, err)
			for _, f := range page.Functions {
				arns = append(arns, strings.TrimPrefix(str(f.FunctionArn), "arn:aws:lambda:us-east-1:000000000000:function:"))
			}
		}
		if pages != c.pages || len(arns) != c.items || arns[len(arns)-1] != c.last {
			t.Errorf("%+v: %d items on %d pages, the last is %s", c.in, len(arns), pages, arns[len(arns)-1])
		}
		for i := 1; i < len(arns); i++ {
			if arns[i] == arns[i-1] {
				t.Errorf("%s comes twice", arns[i])
			}
		}
	}
	// Markers say nothing to those who look at them.
	marker, _ := p.raw("GET", "/2015-03-31/functions?MaxItems=1", "").json(t)["NextMarker"].(string)
	if marker == "" || strings.Contains(marker, "f-000") {
		t.Errorf("marker %q", marker)
	}
	p.raw("GET", "/2015-03-31/functions?Marker=%21", "").is(t, 400, "InvalidParameterValueException", "Marker: ")
}

// An empty list is a list: SDK users index it.
func TestListFunctionsEmpty(t *testing.T) {
	p := newPlatform(t)
	equal(t, "body", p.raw("GET", "/2015-03-31/functions", "").body, `{"Functions":[]}`)
	equal(t, "body", p.raw("GET", "/2015-03-31/functions/", "").body, `{"Functions":[]}`)
}

func TestFunctionReferences(t *testing.T) {
	p := newPlatform(t)
	p.create("ref")
	_, err := p.sdk().PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: new("ref")})
	must(t, err)
	const conf = "/configuration"
	for name, version := range map[string]string{
		"ref": "$LATEST", "ref:1": "1", "function:ref": "$LATEST", "000000000000:function:ref": "$LATEST", "us-east-1:000000000000:function:ref:1": "1",
		"arn:aws:lambda:us-east-1:000000000000:function:ref":                 "$LATEST",
		"arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aref%3A1": "1",
		"ref:%24LATEST": "$LATEST",
	} {
		res := p.raw("GET", "/2015-03-31/functions/"+name+conf, "")
		if res.StatusCode != 200 || res.json(t)["Version"] != version {
			t.Errorf("%s: %d %s", name, res.StatusCode, res.body)
		}
	}
	get := func(name string) *answered { return p.raw("GET", "/2015-03-31/functions/"+name, "") }
	equal(t, "agreeing qualifiers", get("ref:1?Qualifier=1").StatusCode, 200)
	get("ref:1?Qualifier=2").is(t, 400, "InvalidParameterValueException", "The derived qualifier from the function name does not match the specified qualifier.")
	get("ref?Qualifier=2").is(t, 404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:000000000000:function:ref:2")
	get("ref?Qualifier=live").is(t, 404, "ResourceNotFoundException", "function:ref:live")
	get("ref?Qualifier=").is(t, 400, "ValidationException", "at 'qualifier' failed to satisfy constraint: Member must have length greater than or equal to 1")
	get("arn:aws:lambda:eu-west-1:000000000000:function:ref").is(t, 404, "ResourceNotFoundException", "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')")
	get("arn:aws:lambda:us-east-1:111111111111:function:ref").is(t, 404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:111111111111:function:ref")
	get("a%20b").is(t, 400, "ValidationException", "Value 'a b' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern:")
	get(strings.Repeat("n", 65)).is(t, 400, "InvalidParameterValueException", "FunctionName: ")
	p.raw("PUT", "/2015-03-31/functions/ref:1/configuration", "{}").is(t, 400, "InvalidParameterValueException", "FunctionName: ")
}

// Two creations of one name: exactly one wins.
func TestCreateTwice(t *testing.T) {
	p := newPlatform(t)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			_, err := p.sdk().CreateFunction(t.Context(), createInput(t, p, "one"))
			errs <- err
		}()
	}
	won := 0
	for range cap(errs) {
		err := <-errs
		var taken *types.ResourceConflictException
		switch {
		case err == nil:
			won++
		case !errors.As(err, &taken) || !strings.Contains(err.Error(), "Function already exist: one"):
			t.Error(err)
		}
	}
	equal(t, "winners", won, 1)
}

func TestStoreFailureIsNotTold(t *testing.T) {
	p := newPlatform(t)
	p.create("f")
	p.api.cfg.Package = func(_ context.Context, _ ebb.Digest) (io.ReadCloser, int64, error) {
		return nil, 0, errors.New("disk 7 is on fire")
	}
	res := p.raw("GET", "/package/"+strings.Repeat("0", 64), "")
	res.is(t, 500, "ServiceException", `{"Type":"Service","Message":`)
	if strings.Contains(res.body, "fire") || !strings.Contains(p.logged.String(), "disk 7 is on fire") ||
		!strings.Contains(p.logged.String(), res.Header.Get("X-Amzn-RequestId")) {
		t.Errorf("caller saw %s, the log has %s", res.body, p.logged)
	}
}

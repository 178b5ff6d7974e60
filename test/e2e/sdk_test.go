package e2e

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/test/platform"
)

func decodeBase64(t *testing.T, s string) string {
	t.Helper()
	text, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestGoSDK configures the SDK the way every program does: from the environment.
func TestGoSDK(t *testing.T) {
	for _, v := range append(shared.Env(), platform.AWSIsolation()...) {
		key, value, _ := strings.Cut(v, "=")
		t.Setenv(key, value)
	}
	ctx := t.Context()
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		t.Fatal(err)
	}
	api := lambda.NewFromConfig(cfg)
	f := aws.String(name(t))
	code, err := platform.Zip(map[string]string{"app.py": greet})
	if err != nil {
		t.Fatal(err)
	}
	_, err = api.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: f, Runtime: types.Runtime("python3"),
		Handler: aws.String("app.handler"), Role: aws.String(platform.Role), Code: &types.FunctionCode{ZipFile: code}})
	if err != nil {
		t.Fatal(err)
	}
	if err := lambda.NewFunctionActiveV2Waiter(api).Wait(ctx, &lambda.GetFunctionInput{FunctionName: f}, limit); err != nil {
		t.Fatal(err)
	}
	out, err := api.Invoke(ctx, &lambda.InvokeInput{FunctionName: f, Payload: []byte(`{"name":"Go"}`), LogType: types.LogTypeTail})
	if err != nil {
		t.Fatal(err)
	}
	if string(out.Payload) != `"hello Go"` || !strings.Contains(decodeBase64(t, aws.ToString(out.LogResult)), "greeting Go") {
		t.Errorf("%s, %s", out.Payload, aws.ToString(out.LogResult))
	}
	_, err = api.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: f, Runtime: types.Runtime("python3"),
		Handler: aws.String("app.handler"), Role: aws.String(platform.Role), Code: &types.FunctionCode{ZipFile: code}})
	if _, ok := errors.AsType[*types.ResourceConflictException](err); !ok {
		t.Errorf("created twice: %v", err)
	}
	if _, err := api.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: f}); err != nil {
		t.Error(err)
	}
	_, err = api.Invoke(ctx, &lambda.InvokeInput{FunctionName: f})
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); !ok {
		t.Errorf("invoked when gone: %v", err)
	}
	response, ok := errors.AsType[*awshttp.ResponseError](err)
	if !ok || response.HTTPStatusCode() != http.StatusNotFound || response.ServiceRequestID() == "" {
		t.Errorf("%v", err)
	}
}

// TestUnchangedGoProgram deploys a program written for Lambda: aws-lambda-go,
// nothing of ebb in it.
func TestUnchangedGoProgram(t *testing.T) {
	t.Parallel()
	for _, runtime := range []string{"provided.al2023", "provided"} {
		f := platform.Function{Name: name(t) + "-" + strings.ReplaceAll(runtime, ".", "-"), Runtime: runtime, Handler: "bootstrap",
			Files: map[string]string{"bootstrap": compiled(t, "./examples/hello-go")}}
		deploy(t, f)
		if answer := invoke(t, shared, f.Name, `{"name":"Mei"}`); !strings.Contains(answer, "Mei") {
			t.Errorf("%s: %s", runtime, answer)
		}
	}
}

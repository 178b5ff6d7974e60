package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/test/platform"
)

// ownAPI sends a document to the platform's own API as root and reads the answer.
func ownAPI[T any](t *testing.T, path, doc string, header ...string) T {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", shared.API+"/v1/"+path, strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+shared.Client.Config().Token)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 {
		t.Fatalf("%s: %s, %v: %s", path, res.Status, err, text)
	}
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestNothingCrossesServicesWithoutAPolicy: a caller of another service needs the
// policy of what it asks for.
func TestNothingCrossesServicesWithoutAPolicy(t *testing.T) {
	t.Parallel()
	service := ownAPI[struct{ ID string }](t, "services", `{"name":"policy-`+strings.ToLower(name(t)[:8])+`"}`)
	key := ownAPI[struct{ ID, SecretAccessKey string }](t, "keys", `{"name":"caller","role":"developer"}`, "X-Ebb-Service", service.ID)
	theirs := lambda.New(lambda.Options{Region: "us-east-1", BaseEndpoint: &shared.API, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.SecretAccessKey, "")})
	f := deploy(t, python("def handler(event, context):\n    return 'ours'\n"))
	arn := aws.String("arn:aws:lambda:us-east-1:000000000000:function:" + f)
	invoke := func() error {
		_, err := theirs.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: arn})
		return err
	}
	if err := invoke(); err == nil || !strings.Contains(err.Error(), "because no resource-based policy allows the lambda:InvokeFunction action") {
		t.Errorf("without a policy: %v", err)
	}
	if _, err := shared.Lambda().AddPermission(t.Context(), &lambda.AddPermissionInput{FunctionName: &f, StatementId: aws.String("them"),
		Action: aws.String("lambda:InvokeFunction"), Principal: &service.ID}); err != nil {
		t.Fatal(err)
	}
	if err := invoke(); err != nil {
		t.Errorf("with a policy: %v", err)
	}
	if _, err := theirs.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: arn}); err == nil {
		t.Error("the policy of one action allowed another")
	}
	if _, err := shared.Lambda().RemovePermission(t.Context(), &lambda.RemovePermissionInput{FunctionName: &f, StatementId: aws.String("them")}); err != nil {
		t.Fatal(err)
	}
	if err := invoke(); err == nil {
		t.Error("the permission was taken away and still counts")
	}
}

// TestPackagesFromAnObjectStore: code and layers come from the S3 endpoint of the
// configuration.
func TestPackagesFromAnObjectStore(t *testing.T) {
	t.Parallel()
	code, err := platform.Zip(map[string]string{"app.py": greet})
	if err != nil {
		t.Fatal(err)
	}
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/builds/app.zip" || !strings.Contains(r.Header.Get("Authorization"), "Credential=AK/") {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>")
			return
		}
		_, _ = w.Write(code)
	}))
	t.Cleanup(store.Close)
	p := start(t, place(t), "--config", within(t, "ebb.yaml", "objects: {endpoint: "+store.URL+", accessKeyID: AK, secretAccessKey: secret}\n"))
	create := func(key string) error {
		_, err := p.Lambda().CreateFunction(t.Context(), &lambda.CreateFunctionInput{FunctionName: aws.String("f"), Runtime: types.Runtime("python3"),
			Handler: aws.String("app.handler"), Role: aws.String(platform.Role),
			Code: &types.FunctionCode{S3Bucket: aws.String("builds"), S3Key: &key}})
		return err
	}
	if err := create("none.zip"); err == nil || !strings.Contains(err.Error(), "S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.") {
		t.Errorf("no such object: %v", err)
	}
	if err := create("app.zip"); err != nil {
		t.Fatal(err)
	}
	if answer := invoke(t, p, "f", `{"name":"Mei"}`); answer != `"hello Mei"` {
		t.Errorf("got %s", answer)
	}
	if _, err := p.Lambda().PublishLayerVersion(t.Context(), &lambda.PublishLayerVersionInput{LayerName: aws.String("l"),
		Content: &types.LayerVersionContentInput{S3Bucket: aws.String("builds"), S3Key: aws.String("app.zip")}}); err != nil {
		t.Error(err)
	}
}

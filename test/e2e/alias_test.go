package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// TestAliasOfAFunctionURL: the address of an alias follows it, from one request
// to the next.
func TestAliasOfAFunctionURL(t *testing.T) {
	t.Parallel()
	api := shared.Lambda()
	f := deploy(t, python("import os\ndef handler(event, context):\n    return os.environ['WHICH'] + ' ' + context.invoked_function_arn\n"))
	for _, which := range []string{"one", "two"} {
		_, err := api.UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &f,
			Environment: &types.Environment{Variables: map[string]string{"WHICH": which}}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := api.PublishVersion(t.Context(), &lambda.PublishVersionInput{FunctionName: &f}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := api.CreateAlias(t.Context(), &lambda.CreateAliasInput{FunctionName: &f, Name: aws.String("live"), FunctionVersion: aws.String("1")}); err != nil {
		t.Fatal(err)
	}
	u, err := api.CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{FunctionName: &f, Qualifier: aws.String("live"),
		AuthType: types.FunctionUrlAuthTypeNone})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := api.AddPermission(t.Context(), &lambda.AddPermissionInput{FunctionName: &f, Qualifier: aws.String("live"), StatementId: aws.String("public"),
		Action: aws.String("lambda:InvokeFunctionUrl"), Principal: aws.String("*"), FunctionUrlAuthType: types.FunctionUrlAuthTypeNone}); err != nil {
		t.Fatal(err)
	}
	get := func() string {
		t.Helper()
		res, err := http.Get(aws.ToString(u.FunctionUrl))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s, %v: %s", res.Status, err, text)
		}
		return string(text)
	}
	if got := get(); !strings.HasPrefix(got, `"one `) || !strings.HasSuffix(got, ":function:"+f+":live\"") {
		t.Errorf("got %s", got)
	}
	if _, err := api.UpdateAlias(t.Context(), &lambda.UpdateAliasInput{FunctionName: &f, Name: aws.String("live"), FunctionVersion: aws.String("2")}); err != nil {
		t.Fatal(err)
	}
	if got := get(); !strings.HasPrefix(got, `"two `) {
		t.Errorf("after the alias moved: %s", got)
	}
	if _, err := api.DeleteAlias(t.Context(), &lambda.DeleteAliasInput{FunctionName: &f, Name: aws.String("live")}); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(aws.ToString(u.FunctionUrl))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusNotFound {
		t.Errorf("the address of an alias that is gone answers %s", res.Status)
	}
}

// TestResponseStreamOfARealFunction: chunks arrive as the function writes them;
// it goes on only when the first was read.
func TestResponseStreamOfARealFunction(t *testing.T) {
	t.Parallel()
	f := node(`
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.write('first');
  await new Promise((go) => setTimeout(go, event.wait));
  if (event.fail) throw new Error('half-way');
  stream.write('second');
  stream.end();
});
`)
	f.TimeoutS = 60
	f.Name = deploy(t, f)
	stream := func(payload string) (chunks []string, last types.InvokeWithResponseStreamCompleteEvent) {
		t.Helper()
		out, err := shared.Lambda().InvokeWithResponseStream(t.Context(), &lambda.InvokeWithResponseStreamInput{
			FunctionName: &f.Name, Payload: []byte(payload), LogType: types.LogTypeTail})
		if err != nil {
			t.Fatal(err)
		}
		s := out.GetStream()
		defer func() { _ = s.Close() }()
		for e := range s.Events() {
			switch e := e.(type) {
			case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
				chunks = append(chunks, string(e.Value.Payload))
			case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
				last = e.Value
			}
		}
		if err := s.Err(); err != nil {
			t.Fatal(err)
		}
		return chunks, last
	}
	chunks, last := stream(`{"wait":200}`)
	if strings.Join(chunks, "|") != "first|second" || last.ErrorCode != nil || !strings.Contains(decodeBase64(t, aws.ToString(last.LogResult)), "REPORT") {
		t.Errorf("%q, %+v", chunks, last)
	}
	chunks, last = stream(`{"wait":200,"fail":true}`)
	if strings.Join(chunks, "|") != "first" || !strings.Contains(aws.ToString(last.ErrorDetails), "half-way") {
		t.Errorf("%q, %s %s", chunks, aws.ToString(last.ErrorCode), aws.ToString(last.ErrorDetails))
	}
}

func TestAWSCommandLineAliases(t *testing.T) {
	t.Parallel()
	f := deploy(t, python(greet))
	awscli(t, "lambda", "publish-version", "--function-name", f, "--description", "first")
	awscli(t, "lambda", "wait", "published-version-active", "--function-name", f, "--qualifier", "1")
	awscli(t, "lambda", "update-function-configuration", "--function-name", f, "--timeout", "9")
	awscli(t, "lambda", "publish-version", "--function-name", f)
	type alias struct {
		AliasArn, Name, FunctionVersion, RevisionId string
		RoutingConfig                               struct{ AdditionalVersionWeights map[string]float64 }
	}
	made := decode[alias](t, awscli(t, "lambda", "create-alias", "--function-name", f, "--name", "live", "--function-version", "1",
		"--routing-config", "AdditionalVersionWeights={2=0.3}"))
	if made.RoutingConfig.AdditionalVersionWeights["2"] != 0.3 || !strings.HasSuffix(made.AliasArn, f+":live") {
		t.Errorf("made: %+v", made)
	}
	changed := decode[alias](t, awscli(t, "lambda", "update-alias", "--function-name", f, "--name", "live", "--function-version", "2",
		"--routing-config", "AdditionalVersionWeights={}", "--revision-id", made.RevisionId))
	got := decode[alias](t, awscli(t, "lambda", "get-alias", "--function-name", f, "--name", "live"))
	if got.FunctionVersion != "2" || len(got.RoutingConfig.AdditionalVersionWeights) != 0 || got.RevisionId != changed.RevisionId {
		t.Errorf("got: %+v", got)
	}
	for _, n := range []string{"a", "b"} {
		awscli(t, "lambda", "create-alias", "--function-name", f, "--name", n, "--function-version", "$LATEST")
	}
	if out := awscli(t, "lambda", "list-aliases", "--function-name", f, "--page-size", "1", "--query", "Aliases[].Name", "--output", "text"); strings.Join(strings.Fields(out), " ") != "a b live" {
		t.Errorf("list: %q", out)
	}
	out := within(t, "out", "")
	if v := decode[struct{ ExecutedVersion string }](t, awscli(t, "lambda", "invoke", "--function-name", f+":live", out)).ExecutedVersion; v != "2" {
		t.Errorf("executed %s", v)
	}
	added := decode[struct{ Statement string }](t, awscli(t, "lambda", "add-permission", "--function-name", f, "--qualifier", "live", "--statement-id", "s",
		"--action", "lambda:InvokeFunction", "--principal", "events.amazonaws.com", "--source-arn", "arn:aws:events:us-east-1:123456789012:rule/r"))
	var statement struct{ Resource string }
	if err := json.Unmarshal([]byte(added.Statement), &statement); err != nil || statement.Resource != got.AliasArn {
		t.Errorf("statement: %v %s", err, added.Statement)
	}
	awscli(t, "lambda", "get-policy", "--function-name", f, "--qualifier", "live")
	awscli(t, "lambda", "remove-permission", "--function-name", f, "--qualifier", "live", "--statement-id", "s")
	for _, n := range []string{"a", "b", "live"} {
		awscli(t, "lambda", "delete-alias", "--function-name", f, "--name", n)
	}
}

package lambdaapi

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"github.com/ebb-faas/ebb/internal/auth"
)

func TestWithoutCredentials(t *testing.T) {
	p := newPlatform(t)
	for _, path := range []string{"/2015-03-31/functions", "/nothing/here", "/", "/package/x"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", p.url+path, nil)
		must(t, err)
		send(t, p.http, req).is(t, 403, "MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	req, err := http.NewRequestWithContext(t.Context(), "POST", p.url+"/2015-03-31/functions/f/invocations", nil)
	must(t, err)
	send(t, p.http, req).is(t, 403, "MissingAuthenticationTokenException", "")

	wrong := p.keys
	wrong.SecretAccessKey += "x"
	_, err = client(p.url, p.http, wrong, "").ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	isAPIError(t, err, "InvalidSignatureException")
	_, err = client(p.url, p.http, auth.Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: "x"}, "").ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	isAPIError(t, err, "UnrecognizedClientException")
}

func isAPIError(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code || api.ErrorMessage() == "" {
		t.Errorf("got %v, want %s", err, code)
	}
}

// TestEveryOperationIsRouted: all of the model's operations answer for
// themselves, and those that are not offered say so by name.
func TestEveryOperationIsRouted(t *testing.T) {
	p := newPlatform(t)
	offered := handlers()
	n := 0
	for _, op := range operations() {
		path := op.Path
		for strings.Contains(path, "{") {
			i, j := strings.IndexByte(path, '{'), strings.IndexByte(path, '}')
			path = path[:i] + "arn%3Aaws%3Ax%2Fy" + path[j+1:]
		}
		res := p.raw(op.Method, path, "{}")
		if _, ok := offered[op.Name]; ok || byHand(op.Name) {
			if res.Header.Get("x-amzn-ErrorType") == "UnknownOperationException" || res.StatusCode == 501 {
				t.Errorf("%s: %d %s", op.Name, res.StatusCode, res.body)
			}
			continue
		}
		n++
		res.is(t, 501, "NotImplementedException", `"Message":"`+op.Name+`: this version of ebb does not offer this operation"`)
	}
	equal(t, "operations", len(operations()), 85)
	equal(t, "not offered", n, 85-len(offered)-2)
	p.raw("GET", "/2015-03-31/functionz", "").is(t, 404, "UnknownOperationException", `{"Type":"User","message":"Unknown operation: GET /2015-03-31/functionz"}`)
	p.raw("PATCH", "/2015-03-31/functions", "").is(t, 404, "UnknownOperationException", "")
}

// TestNotOfferedInTheSDK: the SDK shows the name of what is missing.
func TestNotOfferedInTheSDK(t *testing.T) {
	p := newPlatform(t)
	_, err := p.sdk().GetFunctionScalingConfig(t.Context(), &lambda.GetFunctionScalingConfigInput{FunctionName: new("f"), Qualifier: new("1")})
	isAPIError(t, err, "NotImplementedException")
	if !strings.Contains(err.Error(), "GetFunctionScalingConfig: ") {
		t.Error(err)
	}
}

func TestValidation(t *testing.T) {
	p := newPlatform(t)
	code := `"Code":{"ZipFile":"` + base64.StdEncoding.EncodeToString(pack(t, "x")) + `"}`
	const failed = "' failed to satisfy constraint: Member must "
	for _, c := range []struct{ doc, message string }{
		{p.createDoc("f", code+`,"MemorySize":10241`), "1 validation error detected: Value '10241' at 'memorySize" + failed + "have value less than or equal to 10240"},
		{p.createDoc("f", code+`,"MemorySize":64`), "Value '64' at 'memorySize" + failed + "have value greater than or equal to 128"},
		{p.createDoc("f", code+`,"Timeout":86401`), "Value '86401' at 'timeout" + failed + "have value less than or equal to 86400"},
		{p.createDoc("f", code+`,"Timeout":0,"MemorySize":1`), "2 validation errors detected: Value '0' at 'timeout" + failed + "have value greater than or equal to 1; Value '1' at 'memorySize"},
		{p.createDoc("f", code+`,"EphemeralStorage":{"Size":100}`), "Value '100' at 'ephemeralStorage.size" + failed + "have value greater than or equal to 512"},
		{p.createDoc("f", code+`,"EphemeralStorage":{}`), "Value null at 'ephemeralStorage.size" + failed + "not be null"},
		{p.createDoc("f", code+`,"Architectures":["sparc"]`), "Value '[sparc]' at 'architectures" + failed + "satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]"},
		{p.createDoc("f", code+`,"Architectures":["arm64","x86_64"]`), "at 'architectures" + failed + "have length less than or equal to 1"},
		{p.createDoc("f", code+`,"Description":"`+strings.Repeat("d", 257)+`"`), "at 'description" + failed + "have length less than or equal to 256"},
		{p.createDoc("f", code+`,"LoggingConfig":{"LogFormat":"XML"}`), "Value 'XML' at 'loggingConfig.logFormat" + failed + "satisfy enum value set: [JSON, Text]"},
		// Names and values of the environment are secrets.
		{p.createDoc("f", code+`,"Environment":{"Variables":{"1x":"s3cret"}}`), "Value at 'environment.variables' failed to satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+"},
		{p.createDoc("f", code+`,"PackageType":"Rpm"`), "at 'packageType" + failed + "satisfy enum value set: [Zip, Image]"},
		{`{"FunctionName":"f"}`, "2 validation errors detected: Value null at 'role" + failed + "not be null; Value null at 'code" + failed + "not be null"},
		{`{"FunctionName":"f","Role":"me",` + code + `}`, "Value 'me' at 'role" + failed + "satisfy regular expression pattern: arn:(aws[a-zA-Z-]*)?:iam::"},
	} {
		res := p.raw("POST", "/2015-03-31/functions", c.doc)
		res.is(t, 400, "ValidationException", `"message":"`)
		if got := res.json(t)["message"].(string); !strings.Contains(got, c.message) || strings.Contains(got, "s3cret") {
			t.Errorf("%s\n got %s\nwant %s", c.doc, got, c.message)
		}
	}
	for _, c := range []struct{ doc, typ, message string }{
		{p.createDoc("f", code+`,"Runtime":"cobol85"`), "InvalidParameterValueException", `Runtime: \"cobol85\" is not installed on this host; it has `},
		{p.createDoc("f", code+`,"Environment":{"Variables":{"AWS_REGION":"x"}}`), "InvalidParameterValueException", "Environment.Variables: "},
		{p.createDoc("f", `"Code":{}`), "InvalidParameterValueException", "Code.ZipFile: missing"},
		{p.createDoc("f", `"Code":{"ZipFile":"bm8="}`), "InvalidParameterValueException", "unzip"},
		{p.createDoc("f", `"Code":{"ZipFile":"%%"}`), "SerializationException", "base64"},
		{p.createDoc("f:1", code), "InvalidParameterValueException", "FunctionName: "},
		{p.createDoc("f", code+`,"Shiny":true`), "InvalidParameterValueException", "Shiny: this member is not known here"},
		{p.createDoc("f", code+`,"MemorySize":"128"`), "SerializationException", "MemorySize: STRING_VALUE can not be converted to an Integer"},
		{`{"FunctionName":`, "InvalidRequestContentException", "Could not parse request body into json: "},
		{p.createDoc("f", code+`,"Tags":{"aws:x":"y"}`), "InvalidParameterValueException", "Tags: "},
	} {
		p.raw("POST", "/2015-03-31/functions", c.doc).is(t, 400, c.typ, c.message)
	}
	equal(t, "functions", p.raw("GET", "/2015-03-31/functions", "").body, `{"Functions":[]}`)
}

// Endpoints are made for every box, so they must not cost a table each.
func BenchmarkEndpoint(b *testing.B) {
	api := &API{cfg: Config{}.withDefaults()}
	box := auth.New(auth.Config{}, auth.Credentials{}).NewBox(testRole, "000000000000")
	b.ReportAllocs()
	for b.Loop() {
		api.Endpoint(box)
	}
}

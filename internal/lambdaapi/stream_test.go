package lambdaapi

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// events reads a stream to its end.
func events(t *testing.T, s *lambda.InvokeWithResponseStreamEventStream) (chunks []string, last types.InvokeWithResponseStreamCompleteEvent) {
	t.Helper()
	defer s.Close()
	for e := range s.Events() {
		switch e := e.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			chunks = append(chunks, string(e.Value.Payload))
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			last = e.Value
		}
	}
	must(t, s.Err())
	return chunks, last
}

// TestResponseStreamFlows: the first chunk is with the caller before the function
// writes the second.
func TestResponseStreamFlows(t *testing.T) {
	p := newPlatform(t)
	p.create("f")
	seen := make(chan struct{})
	p.runs(func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		must(t, sink.Head(ebb.Head{Streaming: true}))
		_, err := sink.Write([]byte("one"))
		must(t, err)
		<-seen
		_, err = sink.Write([]byte("two"))
		return ebb.Result{Version: inv.Version.Qualifier(), LogTail: []byte("log")}, err
	})
	out, err := p.sdk().InvokeWithResponseStream(t.Context(), &lambda.InvokeWithResponseStreamInput{FunctionName: new("f"), LogType: types.LogTypeTail})
	must(t, err)
	equal(t, "version", str(out.ExecutedVersion), "$LATEST")
	s := out.GetStream()
	first, ok := (<-s.Events()).(*types.InvokeWithResponseStreamResponseEventMemberPayloadChunk)
	if !ok || string(first.Value.Payload) != "one" {
		t.Fatalf("first event: %+v", first)
	}
	close(seen)
	chunks, last := events(t, s)
	equal(t, "the rest", strings.Join(chunks, "|"), "two")
	equal(t, "log", str(last.LogResult), base64.StdEncoding.EncodeToString([]byte("log")))
	equal(t, "no error", last.ErrorCode, nil)
}

func TestResponseStreamErrors(t *testing.T) {
	p := newPlatform(t)
	p.create("f")
	stream := func() ([]string, types.InvokeWithResponseStreamCompleteEvent) {
		t.Helper()
		out, err := p.sdk().InvokeWithResponseStream(t.Context(), &lambda.InvokeWithResponseStreamInput{FunctionName: new("f")})
		must(t, err)
		return events(t, out.GetStream())
	}
	const document = `{"errorType":"Boom","errorMessage":"late"}`
	// Before it wrote anything.
	p.runs(func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		must(t, sink.Head(ebb.Head{FunctionError: ebb.FunctionErrorUnhandled}))
		_, err := sink.Write([]byte(document))
		return ebb.Result{FunctionError: ebb.FunctionErrorUnhandled, ErrorType: "Boom"}, err
	})
	chunks, last := stream()
	equal(t, "chunks", len(chunks), 0)
	equal(t, "code", str(last.ErrorCode), "Boom")
	equal(t, "details", str(last.ErrorDetails), document)
	// In the middle.
	p.runs(func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		must(t, sink.Head(ebb.Head{Streaming: true}))
		_, err := sink.Write([]byte("half"))
		return ebb.Result{FunctionError: ebb.FunctionErrorUnhandled, LateError: []byte(document)}, err
	})
	chunks, last = stream()
	equal(t, "chunks", strings.Join(chunks, "|"), "half")
	equal(t, "code", str(last.ErrorCode), "Unhandled")
	equal(t, "details", str(last.ErrorDetails), document)
	// A large whole answer comes in pieces.
	p.runs(func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		must(t, sink.Head(ebb.Head{}))
		_, err := sink.Write([]byte(strings.Repeat("x", maxChunk+1)))
		return ebb.Result{}, err
	})
	chunks, _ = stream()
	if len(chunks) != 2 || len(chunks[0]) != maxChunk || len(chunks[1]) != 1 {
		t.Errorf("%d chunks", len(chunks))
	}
	// Not at all.
	p.runs(func(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error) {
		return ebb.Result{}, ebb.Errorf(ebb.Throttled, ebb.TypeTooManyRequests, "Rate Exceeded.")
	})
	_, err := p.sdk().InvokeWithResponseStream(t.Context(), &lambda.InvokeWithResponseStreamInput{FunctionName: new("f")})
	isAPIError(t, err, "TooManyRequestsException")
	const path = "/2021-11-15/functions/none/response-streaming-invocations"
	p.raw("POST", path, "{}").is(t, 404, "ResourceNotFoundException", "Function not found: ")
	p.raw("POST", path, "{}", "X-Amz-Invocation-Type", "Event").is(t, 400, "ValidationException", "[RequestResponse, DryRun]")
	equal(t, "dry run", p.raw("POST", "/2021-11-15/functions/f/response-streaming-invocations", "{}", "X-Amz-Invocation-Type", "DryRun").StatusCode, 204)
}

func TestTenantTravels(t *testing.T) {
	p := newPlatform(t)
	_, err := p.sdk().CreateFunction(t.Context(), &lambda.CreateFunctionInput{FunctionName: new("f"), Runtime: types.Runtime(p.runtime),
		Role: new(testRole), Handler: new("app.handler"), Code: &types.FunctionCode{ZipFile: pack(t, "x")},
		TenancyConfig: &types.TenancyConfig{TenantIsolationMode: types.TenantIsolationModePerTenant}})
	must(t, err)
	got, err := p.sdk().GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: new("f")})
	must(t, err)
	if got.TenancyConfig == nil || got.TenancyConfig.TenantIsolationMode != types.TenantIsolationModePerTenant {
		t.Errorf("got %+v", got.TenancyConfig)
	}
	p.runs(func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		_, err := sink.Write([]byte(`"` + inv.Tenant + `"`))
		return ebb.Result{}, err
	})
	out, err := p.sdk().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("f"), TenantId: new("blue/1")})
	must(t, err)
	equal(t, "tenant", string(out.Payload), `"blue/1"`)
	p.raw("POST", "/2021-10-31/functions/f/url", `{"AuthType":"NONE"}`).is(t, 400, "InvalidParameterValueException", "tenant isolation")
}

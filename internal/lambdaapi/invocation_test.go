package lambdaapi

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// answerWith is a platform on which every function says this.
func answerWith(head ebb.Head, body string, res ebb.Result) func(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error) {
	return func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		if err := sink.Head(head); err != nil {
			return res, err
		}
		for _, part := range strings.SplitAfter(body, ",") { // in several writes
			if _, err := sink.Write([]byte(part)); err != nil {
				return res, err
			}
		}
		return res, nil
	}
}

func TestInvoke(t *testing.T) {
	p := newPlatform(t)
	var seen *ebb.Invocation
	p.runs(func(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		seen = inv
		return answerWith(ebb.Head{}, `{"a":1,"b":2}`, ebb.Result{Version: "$LATEST"})(ctx, inv, sink)
	})
	out, err := p.sdk().Invoke(t.Context(), &lambda.InvokeInput{
		FunctionName: new("arn:aws:lambda:us-east-1:000000000000:function:hello:7"), Payload: []byte(` {"x": 1} `),
		ClientContext: new(base64.StdEncoding.EncodeToString([]byte(`{"client":{}}`))),
	})
	must(t, err)
	equal(t, "status", out.StatusCode, 200)
	equal(t, "payload", string(out.Payload), `{"a":1,"b":2}`)
	equal(t, "version", str(out.ExecutedVersion), "$LATEST")
	if out.FunctionError != nil || out.LogResult != nil {
		t.Errorf("error %v, log %v", out.FunctionError, out.LogResult)
	}
	equal(t, "key", seen.FunctionKey, ebb.FunctionKey{Service: ebb.DefaultService, Name: "hello"})
	equal(t, "qualifier", seen.Qualifier, "7")
	equal(t, "sent", string(seen.Payload), ` {"x": 1} `) // byte for byte
	equal(t, "client context", string(seen.ClientContext), `{"client":{}}`)

	res := p.raw("POST", "/2015-03-31/functions/hello/invocations?Qualifier=live", "", "X-Amzn-Trace-Id", "Root=1-2-3")
	equal(t, "content type", res.Header.Get("Content-Type"), "application/json")
	equal(t, "length", res.Header.Get("Content-Length"), "13")
	equal(t, "empty payload", string(seen.Payload), "{}")
	equal(t, "qualifier", seen.Qualifier, "live")
	equal(t, "trace", seen.TraceID, "Root=1-2-3")
	equal(t, "request id", res.Header.Get("X-Amzn-RequestId"), string(seen.ID))
	if seen.Tail || seen.ClientContext != nil {
		t.Errorf("got %+v", seen)
	}
}

func TestInvokeFunctionErrorAndLog(t *testing.T) {
	p := newPlatform(t)
	const doc = `{"errorType":"ValueError","errorMessage":"no"}`
	p.runs(answerWith(ebb.Head{FunctionError: ebb.FunctionErrorUnhandled}, doc,
		ebb.Result{Version: "3", FunctionError: ebb.FunctionErrorUnhandled, LogTail: []byte("START\nEND\n")}))
	out, err := p.sdk().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("f"), LogType: types.LogTypeTail})
	must(t, err)
	equal(t, "status", out.StatusCode, 200)
	equal(t, "error", str(out.FunctionError), "Unhandled")
	equal(t, "version", str(out.ExecutedVersion), "3")
	equal(t, "payload", string(out.Payload), doc)
	log, err := base64.StdEncoding.DecodeString(str(out.LogResult))
	must(t, err)
	equal(t, "log", string(log), "START\nEND\n")
}

func TestInvokeDryRunAndEvent(t *testing.T) {
	p := newPlatform(t)
	p.create("f")
	p.runs(func(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error) {
		t.Error("it ran")
		return ebb.Result{}, nil
	})
	out, err := p.sdk().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("f"), InvocationType: types.InvocationTypeDryRun})
	must(t, err)
	equal(t, "status", out.StatusCode, 204)
	_, err = p.sdk().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("g"), InvocationType: types.InvocationTypeDryRun})
	var none *types.ResourceNotFoundException
	if !errors.As(err, &none) {
		t.Errorf("dry run of nothing: %v", err)
	}
	p.raw("POST", "/2015-03-31/functions/f/invocations", "{}", "X-Amz-Invocation-Type", "Event").
		is(t, 501, "NotImplementedException", "Invoke: InvocationType Event")
}

func TestInvokeRefuses(t *testing.T) {
	p := newPlatform(t)
	p.runs(func(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error) {
		t.Error("it ran")
		return ebb.Result{}, nil
	})
	const path = "/2015-03-31/functions/f/invocations"
	for _, c := range []struct {
		body, header, value string
		status              int
		typ, message        string
	}{
		{"{", "", "", 400, "InvalidRequestContentException", `{"Type":"User","message":"Could not parse request body into json: Could not parse payload into json: `},
		{"hello", "", "", 400, "InvalidRequestContentException", "Could not parse request body into json: "},
		{"{}", "X-Amz-Invocation-Type", "Later", 400, "ValidationException",
			"1 validation error detected: Value 'Later' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: [Event, RequestResponse, DryRun]"},
		{"{}", "X-Amz-Log-Type", "Head", 400, "ValidationException", "Value 'Head' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]"},
		{"{}", "X-Amz-Client-Context", "?", 400, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON object."},
		{"{}", "X-Amz-Client-Context", base64.StdEncoding.EncodeToString([]byte(`[1]`)), 400, "InvalidRequestContentException", "Client context must be"},
		{"{}", "X-Amz-Client-Context", strings.Repeat("A", 3584), 400, "InvalidRequestContentException", "ClientContext: must not be longer than 3583 bytes"},
		{"{}", "X-Amz-Tenant-Id", "blue*", 400, "ValidationException", "Value 'blue*' at 'tenantId' failed to satisfy constraint: "},
		{"{}", "X-Amz-Tenant-Id", strings.Repeat("b", 257), 400, "ValidationException", "between 1 and 256"},
		{"{}", "X-Amz-Durable-Execution-Name", "x", 400, "InvalidParameterValueException", "DurableExecutionName: "},
		{"{}", "Content-Encoding", "gzip", 415, "UnsupportedMediaTypeException", "Content-Encoding: "},
	} {
		p.raw("POST", path, c.body, c.header, c.value).is(t, c.status, c.typ, c.message)
	}
	p.raw("POST", path+"?Qualifier=$LATEST.PUBLISHED", "{}").is(t, 400, "InvalidParameterValueException", "Qualifier: ")
	p.raw("POST", "/2015-03-31/functions/f%2Fg/invocations", "{}").is(t, 400, "InvalidParameterValueException", "FunctionName: ")
	p.raw("POST", "/2015-03-31/functions/f:1/invocations?Qualifier=2", "{}").is(t, 400, "InvalidParameterValueException", "does not match the specified qualifier")
	p.raw("POST", "/2015-03-31/functions//invocations", "{}").is(t, 404, "UnknownOperationException", "")
	p.raw("GET", path, "").is(t, 404, "UnknownOperationException", "Unknown operation: GET "+path)
}

func TestInvokePayloadLimit(t *testing.T) {
	p := newPlatform(t)
	got := 0
	p.runs(func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		got = len(inv.Payload)
		return ebb.Result{Version: "$LATEST"}, nil
	})
	largest := `"` + strings.Repeat("x", DefaultMaxPayload-2) + `"`
	_, err := p.sdk().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("f"), Payload: []byte(largest)})
	must(t, err)
	equal(t, "payload", got, 6<<20+100)
	_, err = p.sdk().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("f"), Payload: []byte(largest + " ")})
	var large *types.RequestTooLargeException
	if !errors.As(err, &large) || large.ErrorMessage() != "Request must be smaller than 6291556 bytes for the InvokeFunction operation" {
		t.Errorf("one byte more: %v", err)
	}
	// Much larger and of unknown length: told as well, not cut off.
	req, err := http.NewRequestWithContext(t.Context(), "POST", p.url+"/2015-03-31/functions/f/invocations/", unsized(largest+largest+largest))
	must(t, err)
	req.Header.Set("Authorization", "Bearer "+p.keys.Token)
	send(t, p.http, req).is(t, 413, "RequestTooLargeException", "6291556 bytes")
	p.raw("POST", "/2015-03-31/functions/f/versions", strings.Repeat(" ", DefaultMaxRequest+1)).
		is(t, 413, "RequestEntityTooLargeException", `{"Type":"User","Message":"Request must be smaller than 70167211 bytes for the PublishVersion operation"}`)
}

// unsized hides a body's length from the client.
func unsized(s string) *struct{ *strings.Reader } {
	return &struct{ *strings.Reader }{strings.NewReader(s)}
}

func TestInvokeErrors(t *testing.T) {
	p := newPlatform(t)
	fails := func(err error) *answered {
		p.runs(func(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error) {
			return ebb.Result{}, fmt.Errorf("invoke f: %w", err)
		})
		return p.raw("POST", "/2015-03-31/functions/f/invocations", "{}")
	}
	res := fails(&ebb.Error{Kind: ebb.Throttled, Type: ebb.TypeTooManyRequests, Message: "Rate Exceeded.",
		Reason: ebb.ReasonReserved, RetryAfter: 2 * time.Second})
	res.is(t, 429, "TooManyRequestsException", `{"Type":"User","message":"Rate Exceeded.","Reason":"ReservedFunctionConcurrentInvocationLimitExceeded"}`)
	equal(t, "retry after", res.Header.Get("Retry-After"), "2")
	fails(ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "stopping")).is(t, 503, "ServiceUnavailableException", "stopping")
	fails(errors.New("a secret")).is(t, 500, "ServiceException", internalText)
	fails(ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "Function not found: f")).is(t, 404, "ResourceNotFoundException", `{"Type":"User","Message":"Function not found: f"}`)

	p.runs(func(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error) {
		return ebb.Result{}, &ebb.Error{Kind: ebb.Throttled, Type: ebb.TypeTooManyRequests, Message: "x", Reason: ebb.ReasonConcurrency}
	})
	_, err := p.sdk().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("f")})
	var busy *types.TooManyRequestsException
	if !errors.As(err, &busy) || busy.Reason != types.ThrottleReasonConcurrentInvocationLimitExceeded || str(busy.RetryAfterSeconds) != "1" {
		t.Errorf("got %v", err)
	}
}

const internalText = "The service encountered an internal error."

// Answers are held in buffers that are used again: nobody gets another's bytes.
func TestInvokeManyAtOnce(t *testing.T) {
	p := newPlatform(t)
	p.runs(func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		_, err := sink.Write(inv.Payload)
		return ebb.Result{Version: "$LATEST"}, err
	})
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for n := range 50 {
				want := fmt.Sprintf(`"%d %d %s"`, i, n, strings.Repeat("x", (i*n)%900))
				out, err := p.sdk().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("f"), Payload: []byte(want)})
				if err != nil || string(out.Payload) != want {
					t.Errorf("sent %s, got %v", want, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A caller who leaves ends the wait.
func TestInvokeCallerLeaves(t *testing.T) {
	p := newPlatform(t)
	started, ended := make(chan struct{}), make(chan struct{})
	p.runs(func(ctx context.Context, _ *ebb.Invocation, _ ebb.Sink) (ebb.Result, error) {
		close(started)
		<-ctx.Done()
		close(ended)
		return ebb.Result{}, ctx.Err()
	})
	ctx, leave := context.WithCancel(t.Context())
	go func() {
		<-started
		leave()
	}()
	if _, err := p.sdk().Invoke(ctx, &lambda.InvokeInput{FunctionName: new("f")}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	<-ended
	p.stop()
	if log := p.logged.String(); log != "" {
		t.Errorf("logged as the platform's fault: %s", log)
	}
}

// The endpoint inside a box: its own keys, its own role.
func TestEndpointInABox(t *testing.T) {
	p := newPlatform(t)
	p.create("f")
	p.runs(answerWith(ebb.Head{}, `"hi"`, ebb.Result{Version: "$LATEST"}))
	box := auth.New(auth.Config{}, auth.Credentials{}).NewBox(testRole, ebb.DefaultService)
	url, hc, _ := serve(t, p.api.Endpoint(box))
	c := client(url, hc, box.Credentials(), box.Credentials().Token)
	out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("f")})
	must(t, err)
	equal(t, "payload", string(out.Payload), `"hi"`)
	got, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("f")})
	must(t, err)
	req, err := http.NewRequestWithContext(t.Context(), "GET", str(got.Code.Location), nil)
	must(t, err)
	if res := send(t, hc, req); res.StatusCode != 200 || res.body != string(pack(t, "x")) || !strings.HasPrefix(str(got.Code.Location), url) {
		t.Errorf("download from within: %d", res.StatusCode)
	}
	for what, err := range map[string]error{
		"delete":      second(c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: new("f")})),
		"list":        second(c.ListFunctions(t.Context(), &lambda.ListFunctionsInput{})),
		"settings":    second(c.GetAccountSettings(t.Context(), &lambda.GetAccountSettingsInput{})),
		"alias":       second(c.ListAliases(t.Context(), &lambda.ListAliasesInput{FunctionName: new("f")})),
		"other's":     second(c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: new("111111111111:function:f")})),
		"elsewhere's": second(c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("arn:aws:lambda:us-east-1:111111111111:function:f")})),
	} {
		if err == nil || !strings.Contains(err.Error(), "AccessDeniedException") || !strings.Contains(err.Error(), "assumed-role/test/function is not authorized to perform: lambda:") {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Neither key opens the other's door.
	for what, c := range map[string]*lambda.Client{
		"root's key inside": client(url, hc, p.keys, ""),
		"box's key outside": client(p.url, p.http, box.Credentials(), box.Credentials().Token),
	} {
		if _, err := c.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: new("f")}); err == nil || !strings.Contains(err.Error(), "UnrecognizedClientException") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// What this door costs, without network, signature and function.
func BenchmarkInvoke(b *testing.B) {
	api := &API{cfg: Config{}.withDefaults(), auth: auth.New(auth.Config{}, auth.Credentials{}), invoker: invokerFunc(
		func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
			_, err := sink.Write(inv.Payload)
			return ebb.Result{Version: "$LATEST"}, err
		})}
	r, err := http.NewRequestWithContext(auth.With(b.Context(), auth.Principal{Kind: auth.Root}), "POST", "http://h/2015-03-31/functions/hello/invocations", nil)
	if err != nil {
		b.Fatal(err)
	}
	w := &nowhere{h: http.Header{requestIDHeader: {newRequestID()}}}
	b.ReportAllocs()
	for b.Loop() {
		if !isInvoke(r) {
			b.Fatal("not an invocation")
		}
		api.serveInvoke(w, r)
	}
	if w.code != 200 {
		b.Fatal(w.code)
	}
}

type invokerFunc func(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error)

func (f invokerFunc) Invoke(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
	return f(ctx, inv, sink)
}

func (f invokerFunc) Resolve(context.Context, ebb.FunctionKey, string) (*ebb.Version, error) {
	return &ebb.Version{}, nil
}

func (f invokerFunc) Check(context.Context, *ebb.Invocation) error { return nil }

// nowhere is a ResponseWriter that costs nothing.
type nowhere struct {
	h    http.Header
	code int
}

func (w *nowhere) Header() http.Header         { return w.h }
func (w *nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (w *nowhere) WriteHeader(code int)        { w.code = code }

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// TestEventsWithBoto3 runs a program that uses the SDK as it is.
func TestEventsWithBoto3(t *testing.T) {
	t.Parallel()
	out, errs, code, err := shared.Python(t.Context(), "testdata/events.py", name(t))
	if err != nil || code != 0 {
		t.Errorf("exit %d, %v:\n%s%s", code, err, out, errs)
	}
}

// TestEventsWithAWSCommandLine: what a person types.
func TestEventsWithAWSCommandLine(t *testing.T) {
	t.Parallel()
	f := deploy(t, python("def handler(event, context):\n    return event\n"))
	answer := filepath.Join(t.TempDir(), "answer")
	out := awscli(t, "lambda", "invoke", "--function-name", f, "--invocation-type", "Event",
		"--payload", `{"n":1}`, answer)
	if got := decode[struct{ StatusCode int }](t, out); got.StatusCode != 202 {
		t.Errorf("invoke: %s", out)
	}
	awscli(t, "lambda", "put-function-event-invoke-config", "--function-name", f, "--maximum-retry-attempts", "0")
	out = awscli(t, "lambda", "list-function-event-invoke-configs", "--function-name", f, "--page-size", "1")
	if got := decode[struct{ FunctionEventInvokeConfigs []map[string]any }](t, out); len(got.FunctionEventInvokeConfigs) != 1 {
		t.Errorf("list: %s", out)
	}
	awscli(t, "lambda", "delete-function-event-invoke-config", "--function-name", f)
}

// delivery is a request that a destination got.
type delivery struct {
	path, body string
	header     http.Header
}

// receiver is an HTTP endpoint and an S3 server that notes what it gets. It
// refuses the first request to any path that contains "flaky".
func receiver(t *testing.T) (url string, got <-chan delivery) {
	t.Helper()
	c := make(chan delivery, 100)
	refused := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(r.URL.Path, "flaky") && !refused[r.URL.Path] {
			refused[r.URL.Path] = true
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		c <- delivery{r.URL.Path, string(body), r.Header}
	}))
	t.Cleanup(srv.Close)
	return srv.URL, c
}

func next(t *testing.T, c <-chan delivery) delivery {
	t.Helper()
	select {
	case d := <-c:
		return d
	case <-time.After(limit):
		t.Fatal("nothing was delivered")
		return delivery{}
	}
}

// startAsync runs a platform that tries again soon.
func startAsync(t *testing.T, s3 string, more string) *platform.Platform {
	t.Helper()
	config := within(t, "config.yaml", fmt.Sprintf(`
objects: { endpoint: %q, accessKeyID: AKIA, secretAccessKey: secret }
deliver:
  retryDelays: [100ms, 200ms]
  throttleDelay: 100ms
  http: { private: [127.0.0.0/8] }
%s`, s3, more))
	return start(t, place(t), "--config", config)
}

// sendEvent invokes asynchronously and returns the task's id.
func sendEvent(t *testing.T, p *platform.Platform, f, payload string) string {
	t.Helper()
	out, err := p.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &f, Payload: []byte(payload), InvocationType: types.InvocationTypeEvent})
	if err != nil || out.StatusCode != 202 {
		t.Fatalf("event: %+v %v", out, err)
	}
	id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata)
	return id
}

// becomes waits for a task's state.
func becomes(t *testing.T, p *platform.Platform, id, state string) (task *client.Task) {
	t.Helper()
	eventually(t, func() (err error) {
		task, err = p.Client.Task(t.Context(), id)
		if err == nil && task.State != state {
			err = fmt.Errorf("task is %+v, want %s", task, state)
		}
		return err
	})
	return task
}

const moody = `
import os
def handler(event, context):
    if event.get("fail"):
        raise ValueError("told to: " + str(event["fail"]))
    return {"answer": event.get("n")}
`

type invocationRecord struct {
	Version        string
	Timestamp      time.Time
	RequestContext struct {
		RequestID              string
		FunctionArn            string
		Condition              string
		ApproximateInvokeCount int
	}
	RequestPayload, ResponsePayload json.RawMessage
	ResponseContext                 struct {
		StatusCode                     int
		ExecutedVersion, FunctionError string
	}
}

func TestDestinations(t *testing.T) {
	t.Parallel()
	url, got := receiver(t)
	p := startAsync(t, url, "")
	f := python(moody)
	f.Name = "moody"
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	configure := func(retries int32, success, failure string) {
		t.Helper()
		_, err := p.Lambda().PutFunctionEventInvokeConfig(t.Context(), &lambda.PutFunctionEventInvokeConfigInput{
			FunctionName: &f.Name, MaximumRetryAttempts: aws.Int32(retries), DestinationConfig: &types.DestinationConfig{
				OnSuccess: &types.OnSuccess{Destination: &success}, OnFailure: &types.OnFailure{Destination: &failure}}})
		if err != nil {
			t.Fatal(err)
		}
	}

	// A success, to an endpoint that has to be asked twice.
	configure(2, "arn:aws:http:::"+url+"/flaky/ok", "arn:aws:s3:::failed/pre/fix")
	id := sendEvent(t, p, f.Name, `{"n":1}`)
	d := next(t, got)
	record := decode[invocationRecord](t, d.body)
	if d.path != "/flaky/ok" || record.Version != "1.0" || record.RequestContext.RequestID != id ||
		record.RequestContext.Condition != "Success" || record.RequestContext.ApproximateInvokeCount != 1 ||
		!strings.HasSuffix(record.RequestContext.FunctionArn, ":function:moody:$LATEST") || string(record.RequestPayload) != `{"n":1}` ||
		string(record.ResponsePayload) != `{"answer": 1}` && string(record.ResponsePayload) != `{"answer":1}` ||
		record.ResponseContext.StatusCode != 200 || record.ResponseContext.ExecutedVersion != "$LATEST" ||
		time.Since(record.Timestamp) > limit {
		t.Errorf("%s %s", d.path, d.body)
	}
	becomes(t, p, id, "Succeeded")

	// A failure, after three runs: the record to S3, the payload to the dead-letter target.
	if _, err := p.Lambda().UpdateFunctionConfiguration(t.Context(), &lambda.UpdateFunctionConfigurationInput{FunctionName: &f.Name,
		DeadLetterConfig: &types.DeadLetterConfig{TargetArn: aws.String("arn:aws:http:::" + url + "/dead")}}); err != nil {
		t.Fatal(err)
	}
	id = sendEvent(t, p, f.Name, `{"fail":"now"}`)
	seen := map[string]delivery{}
	for range 2 {
		d := next(t, got)
		seen[strings.SplitN(d.path, "/", 3)[1]] = d
	}
	d = seen["failed"]
	record = decode[invocationRecord](t, d.body)
	if !strings.HasPrefix(d.path, "/failed/pre/fix/aws/lambda/async/moody/2") || !strings.HasSuffix(d.path, id) ||
		record.RequestContext.Condition != "RetriesExhausted" || record.RequestContext.ApproximateInvokeCount != 3 ||
		record.ResponseContext.FunctionError != "Unhandled" || !strings.Contains(string(record.ResponsePayload), "told to: now") {
		t.Errorf("%s %s", d.path, d.body)
	}
	d = seen["dead"]
	if d.body != `{"fail":"now"}` || d.header.Get("X-Ebb-Attribute-RequestID") != id || d.header.Get("X-Ebb-Attribute-ErrorCode") != "200" ||
		d.header.Get("X-Ebb-Attribute-ErrorMessage") != "told to: now" {
		t.Errorf("dead letter %+v", d)
	}
	if task := becomes(t, p, id, "Failed"); len(task.Attempts) != 3 || task.Attempts[2].Error != "ValueError" || task.Attempts[2].Outcome != "function-error" {
		t.Errorf("%+v", task)
	}

	// To another function, by which the record goes on.
	sink := python("import json, urllib.request\ndef handler(event, context):\n    return event['requestContext']['condition']\n")
	sink.Name = "sink"
	if err := p.Create(t.Context(), sink); err != nil {
		t.Fatal(err)
	}
	configure(0, "arn:aws:lambda:us-east-1:000000000000:function:sink", "")
	sendEvent(t, p, f.Name, `{"n":3}`)
	eventually(t, func() error {
		n := 0
		err := p.Client.Tasks(t.Context(), client.TaskFilter{Function: "sink", State: "Succeeded"}, 0, func(client.Task) error { n++; return nil })
		if err == nil && n != 1 {
			err = fmt.Errorf("%d tasks of the destination", n)
		}
		return err
	})

	// A stopped function gets none: straight to the failure destination.
	configure(2, "", "arn:aws:http:::"+url+"/stopped")
	if _, err := p.Lambda().PutFunctionConcurrency(t.Context(), &lambda.PutFunctionConcurrencyInput{FunctionName: &f.Name, ReservedConcurrentExecutions: aws.Int32(0)}); err != nil {
		t.Fatal(err)
	}
	id = sendEvent(t, p, f.Name, `{"n":4}`)
	for d = next(t, got); d.path == "/dead"; d = next(t, got) {
	}
	record = decode[invocationRecord](t, d.body)
	if d.path != "/stopped" || record.RequestContext.RequestID != id || record.RequestContext.Condition != "ZeroReservedConcurrency" ||
		record.RequestContext.ApproximateInvokeCount != 0 || record.ResponsePayload != nil {
		t.Errorf("%s %s", d.path, d.body)
	}
}

func TestTasks(t *testing.T) {
	t.Parallel()
	p := startAsync(t, "http://127.0.0.1:1", "")
	f := python(moody)
	f.Name, f.TimeoutS = "moody", 60
	slow := python("import time\ndef handler(event, context):\n    print('running')\n    time.sleep(50)\n")
	slow.Name, slow.TimeoutS = "slow", 60
	for _, fn := range []platform.Function{f, slow} {
		if err := p.Create(t.Context(), fn); err != nil {
			t.Fatal(err)
		}
	}
	do := func(code int, args ...string) string {
		t.Helper()
		out, errs, got, err := p.CLI(t.Context(), args...)
		if err != nil || got != code {
			t.Fatalf("ebb %s: exit %d, want %d, %v\n%s%s", strings.Join(args, " "), got, code, err, out, errs)
		}
		return strings.TrimSpace(out + errs)
	}

	// An id is accepted once, and its result is kept.
	if out := do(0, "invoke", "moody", "--async", "--id", "order-1", "--data", `{"n":7}`); out != "order-1" {
		t.Errorf("invoke --async: %q", out)
	}
	becomes(t, p, "order-1", "Succeeded")
	if out := do(0, "task", "show", "order-1", "--result"); strings.ReplaceAll(out, " ", "") != `{"answer":7}` {
		t.Errorf("result: %q", out)
	}
	if out := do(2, "invoke", "moody", "--async", "--id", "order-1"); !strings.Contains(out, "its state is Succeeded") {
		t.Errorf("second time: %q", out)
	}
	for replay, want := range map[string]int{"": 409, "result": 200} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.API+"/2015-03-31/functions/moody/invocations", strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range map[string]string{"Authorization": "Bearer " + p.Client.Config().Token, "X-Amz-Invocation-Type": "Event",
			"X-Ebb-Idempotency-Key": "order-1", "X-Ebb-Idempotency-Replay": replay} {
			req.Header.Set(k, v)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != want || res.Header.Get("X-Ebb-Task-State") != "Succeeded" ||
			want == 200 && strings.ReplaceAll(string(body), " ", "") != `{"answer":7}` {
			t.Errorf("replay %q: %d %s %v", replay, res.StatusCode, body, res.Header)
		}
	}

	// One that failed is redriven.
	do(0, "invoke", "moody", "--async", "--id", "order-2", "--data", `{"fail":1}`)
	becomes(t, p, "order-2", "Failed")
	if out := do(0, "task", "ls", "--state", "Failed"); !strings.Contains(out, "order-2") || strings.Contains(out, "order-1") {
		t.Errorf("ls: %s", out)
	}
	do(0, "task", "redrive", "order-2")
	eventually(t, func() error {
		task, err := p.Client.Task(t.Context(), "order-2")
		if err == nil && (task.State != "Failed" || len(task.Attempts) != 6) {
			err = fmt.Errorf("%+v", task)
		}
		return err
	})
	do(2, "task", "stop", "order-2") // it is over

	// One that runs is stopped, with its instance.
	id := sendEvent(t, p, "slow", "{}")
	becomes(t, p, id, "Running")
	eventually(t, func() error { return hasLogged(t.Context(), p, "slow", "running") })
	do(0, "task", "stop", id)
	becomes(t, p, id, "Stopped")
	eventually(t, func() error { return hasLogged(t.Context(), p, "slow", "The invocation was stopped") })
	if out := do(0, "task", "ls", "--prefix", "order-", "-o", "json"); len(decode[[]client.Task](t, out)) != 2 {
		t.Errorf("ls --prefix: %s", out)
	}
}

// hasLogged says whether a function's log has a line with text.
func hasLogged(ctx context.Context, p *platform.Platform, function, text string) error {
	out, _, _, err := p.CLI(ctx, "logs", function, "--since", "1h")
	if err == nil && !strings.Contains(out, text) {
		err = fmt.Errorf("no %q in %s", text, out)
	}
	return err
}

// TestLargePayload: larger than a row should be, it goes another way.
func TestLargePayload(t *testing.T) {
	t.Parallel()
	p := startAsync(t, "http://127.0.0.1:1", "  maxPayload: 20971520")
	f := python("def handler(event, context):\n    return len(event)\n")
	f.Name, f.MemoryMB, f.TimeoutS = "long", 512, 60
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	body := `"` + strings.Repeat("x", 10<<20) + `"`
	out, err := p.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &f.Name, Payload: []byte(body), InvocationType: types.InvocationTypeEvent})
	if err != nil {
		t.Fatal(err)
	}
	id, _ := middleware.GetRequestIDMetadata(out.ResultMetadata)
	becomes(t, p, id, "Succeeded")
}

// TestRecursionEnds: a function that invokes itself, with boto3 as it is.
func TestRecursionEnds(t *testing.T) {
	t.Parallel()
	p := startAsync(t, "http://127.0.0.1:1", "")
	f := python(`
import boto3, json
api = boto3.client("lambda")
def handler(event, context):
    api.invoke(FunctionName=context.function_name, InvocationType="Event", Payload=json.dumps({"n": event["n"] + 1}))
    return event["n"]
`)
	bundle(t, f.Files, "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
	f.MemoryMB = 512
	f.Name, f.TimeoutS = "again", 60
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	sendEvent(t, p, f.Name, `{"n":1}`)
	eventually(t, func() error {
		states := map[string]int{}
		reason := ""
		err := p.Client.Tasks(t.Context(), client.TaskFilter{Function: f.Name}, 0, func(t client.Task) error {
			states[t.State]++
			reason += t.Reason
			return nil
		})
		if err == nil && (states["Succeeded"] != 16 || states["Failed"] != 1 || !strings.Contains(reason, "RecursiveInvocation")) {
			err = fmt.Errorf("%v %s", states, reason)
		}
		return err
	})
}

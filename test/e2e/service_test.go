package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// acting is a client of the shared platform that acts for a service.
func acting(t *testing.T, service string, key *client.NewKey) *client.Client {
	t.Helper()
	cfg := shared.Client.Config()
	cfg.Service, cfg.HTTPClient = service, nil
	if key != nil {
		cfg.AccessKeyID, cfg.SecretAccessKey, cfg.Token = key.ID, key.SecretAccessKey, key.Token
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// newService makes a service and a key of it, and deletes both in the end.
func newService(t *testing.T, name, role string, change client.ServiceChange) (*client.Client, *client.NewKey) {
	t.Helper()
	ctx := t.Context()
	change.Name = &name
	_, err := acting(t, "", nil).CreateService(ctx, change)
	must(t, err)
	root := acting(t, name, nil)
	plain := acting(t, "", nil)
	t.Cleanup(func() {
		ctx, api := context.Background(), root.Lambda()
		all, err := api.ListFunctions(ctx, &lambda.ListFunctionsInput{})
		if err == nil {
			for _, f := range all.Functions {
				_, gone := api.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: f.FunctionName})
				err = errors.Join(err, gone)
			}
		}
		if err = errors.Join(err, plain.DeleteService(ctx, name)); err != nil {
			t.Error(err)
		}
	})
	k, err := root.CreateKey(ctx, false, "e2e", role, nil)
	must(t, err)
	return root, k
}

// holds waits until something is so.
func holds(t *testing.T, what string, check func() bool) {
	t.Helper()
	eventually(t, func() error {
		if !check() {
			return errors.New(what + ": not yet")
		}
		return nil
	})
}

// put makes a Python function in the client's service.
func put(t *testing.T, c *client.Client, name, code string, env map[string]string, role string) {
	t.Helper()
	zip, err := platform.Zip(map[string]string{"app.py": code})
	must(t, err)
	_, err = c.Lambda().CreateFunction(t.Context(), &lambda.CreateFunctionInput{
		FunctionName: &name, Runtime: "python3", Handler: aws.String("app.handler"), Role: &role,
		Code: &types.FunctionCode{ZipFile: zip}, Environment: &types.Environment{Variables: env}, Timeout: aws.Int32(30),
	})
	must(t, err)
}

func call(t *testing.T, c *client.Client, name string) string {
	t.Helper()
	out, err := c.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name})
	must(t, err)
	return string(out.Payload)
}

const anyRole = "arn:aws:iam::000000000000:role/test"

// Two services with boto3: the keys of one cannot see or invoke what is the
// other's.
func TestServicesWithBoto3(t *testing.T) {
	t.Parallel()
	fn := name(t)
	a, ka := newService(t, "boto-a", "admin", client.ServiceChange{Quota: &client.Quota{Concurrency: 7}})
	b, kb := newService(t, "boto-b", "admin", client.ServiceChange{})
	for who, c := range map[string]*client.Client{"a": a, "b": b} {
		put(t, c, fn, "def handler(event, context):\n    return 'answer of "+who+"'\n", nil, anyRole)
		put(t, c, "only-"+who, "def handler(event, context):\n    return 1\n", nil, anyRole)
	}
	ctx := t.Context()
	invoker, err := a.CreateKey(ctx, false, "inv", "invoker", nil)
	must(t, err)
	disabled, err := a.CreateKey(ctx, false, "off", "admin", nil)
	must(t, err)
	_, err = a.UpdateKey(ctx, false, disabled.ID, client.KeyChange{Enabled: new(false)})
	must(t, err)
	_, err = a.PutRole(ctx, "reader", json.RawMessage(`{"Statement":[{"Effect":"Allow","Action":"lambda:Get*","Resource":"*"}]}`))
	must(t, err)
	arguments, err := json.Marshal(map[string]any{"function": fn, "a": ka, "b": kb, "invoker": invoker, "disabled": disabled})
	must(t, err)
	out, errs, code, err := shared.Python(ctx, "testdata/services.py", string(arguments))
	if err != nil || code != 0 || strings.TrimSpace(out) != "ok" {
		t.Errorf("exit %d, %v:\n%s%s", code, err, out, errs)
	}

	// The AWS command line, the logs, the instances and the metrics.
	if out, errs, code, err := shared.AWS(ctx, "sts", "get-caller-identity"); err != nil || code != 0 || !strings.Contains(out, "arn:aws:iam::000000000000:root") {
		t.Errorf("exit %d, %v: %s%s", code, err, out, errs)
	}
	own := acting(t, "", ka)
	instances, err := own.Instances(ctx, "")
	must(t, err)
	for _, in := range instances.Instances {
		if in.Service != ka.Service {
			t.Errorf("an instance of service %s is shown to %s", in.Service, ka.Service)
		}
	}
	for token, foreign := range map[string]string{ka.Token: kb.Service, kb.Token: ka.Service} {
		req, err := http.NewRequestWithContext(ctx, "GET", shared.API+"/metrics", nil)
		must(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		body, err := io.ReadAll(resp.Body)
		must(t, errors.Join(err, resp.Body.Close()))
		status, text := resp.StatusCode, string(body)
		if status != 200 || strings.Contains(text, foreign) || strings.Contains(text, "go_goroutines") || !strings.Contains(text, fn) {
			t.Errorf("%d %.300s", status, text)
		}
	}
}

// A rotated key and the one it replaces both work during the overlap; a key that
// is disabled is refused within a second.
func TestKeyRotationWithOverlap(t *testing.T) {
	t.Parallel()
	root, old := newService(t, "rotation", "developer", client.ServiceChange{})
	ctx := t.Context()
	list := func(k *client.NewKey) error {
		_, err := acting(t, "", k).Lambda().ListFunctions(ctx, &lambda.ListFunctionsInput{})
		return err
	}
	must(t, list(old))
	fresh, err := root.RotateKey(ctx, false, old.ID, 3*time.Second)
	must(t, err)
	must(t, errors.Join(list(old), list(fresh)))
	expired := func(err error) bool {
		e, yes := client.ErrorOf(err)
		return yes && e.Type == "ExpiredTokenException"
	}
	holds(t, "the overlap has ended", func() bool { return expired(list(old)) })
	must(t, list(fresh))
	_, err = root.UpdateKey(ctx, false, fresh.ID, client.KeyChange{Enabled: new(false)})
	must(t, err)
	for began := time.Now(); ; {
		asked := time.Now()
		e, yes := client.ErrorOf(list(fresh))
		if yes && e.Type == "UnrecognizedClientException" {
			break
		}
		if asked.Sub(began) > time.Second {
			t.Fatal("a disabled key works for more than a second")
		}
	}
}

// A secret's new value is in new instances without a deploy; it is nowhere else.
func TestSecretsReachFunctions(t *testing.T) {
	t.Parallel()
	c, _ := newService(t, "secrets", "admin", client.ServiceChange{Env: map[string]string{"STAGE": "shared", "BOTH": "service"}})
	ctx := t.Context()
	const first, second = "hunter2-the-first", "hunter2-the-second"
	_, err := c.PutSecret(ctx, "db", []byte(first), nil)
	must(t, err)
	fn := name(t)
	put(t, c, fn, "import os, time\ndef handler(event, context):\n    return [os.environ[k] for k in ('DB', 'OLD', 'STAGE', 'BOTH')]\n",
		map[string]string{"DB": "secret://db", "OLD": "secret://db#1", "BOTH": "function"}, anyRole)
	if got := call(t, c, fn); got != `["`+first+`", "`+first+`", "shared", "function"]` {
		t.Fatalf("got %s", got)
	}
	// Under load too: every instance that has the old value leaves.
	stop := make(chan struct{})
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = c.Lambda().Invoke(ctx, &lambda.InvokeInput{FunctionName: &fn})
				}
			}
		})
	}
	_, err = c.PutSecret(ctx, "db", []byte(second), nil)
	must(t, err)
	began := time.Now()
	holds(t, "the new value", func() bool { return strings.Contains(call(t, c, fn), second) })
	for range 20 {
		if got := call(t, c, fn); got != `["`+second+`", "`+first+`", "shared", "function"]` {
			t.Errorf("%v after the change: %s", time.Since(began), got)
		}
	}
	close(stop)
	load.Wait()
	config, err := c.Lambda().GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &fn})
	must(t, err)
	if config.Environment.Variables["DB"] != "secret://db" {
		t.Errorf("the API shows %v", config.Environment.Variables)
	}
	// A reference to what is not there is refused at once, by name.
	_, err = c.Lambda().UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: &fn,
		Environment: &types.Environment{Variables: map[string]string{"DB": "secret://none"}}})
	if e, yes := client.ErrorOf(err); !yes || e.Type != "InvalidParameterValueException" || !strings.Contains(e.Message, "Environment.Variables.DB") {
		t.Errorf("got %v", err)
	}
	if log := shared.Log(); strings.Contains(log, first) || strings.Contains(log, second) {
		t.Error("the platform's log tells the secret")
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	must(t, err)
	for _, command := range commands {
		text, _ := os.ReadFile(command) // it may have ended
		if strings.Contains(string(text), first) || strings.Contains(string(text), second) {
			t.Errorf("the list of processes tells the secret: %q", text)
		}
	}
	// One that is taken away by force: the function says what it lacks.
	must(t, c.DeleteSecret(ctx, "db", true))
	holds(t, "the failure", func() bool { return strings.Contains(call(t, c, fn), "Runtime.SecretUnavailable") })
}

// A service's quota of concurrency, waiting events and rate holds at the API, with AWS's words.
func TestServiceQuotas(t *testing.T) {
	t.Parallel()
	c, key := newService(t, "quota", "developer", client.ServiceChange{Quota: &client.Quota{Concurrency: 2, Events: 2}})
	ctx := t.Context()
	fn := name(t)
	put(t, c, fn, "import time\ndef handler(event, context):\n    time.sleep(event['wait'])\n    return 1\n", nil, anyRole)
	api := acting(t, "", key).Lambda()
	for range 2 {
		_, err := api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &fn, InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"wait": 29}`)})
		must(t, err)
	}
	holds(t, "two at work", func() bool {
		list, err := c.Instances(ctx, fn)
		must(t, err)
		return len(list.Instances) == 2 && list.Instances[0].State == "busy" && list.Instances[1].State == "busy"
	})
	_, err := api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &fn, InvocationType: types.InvocationTypeEvent, Payload: []byte(`{"wait": 0}`)})
	if e, yes := errors.AsType[*types.TooManyRequestsException](err); !yes || e.Reason != types.ThrottleReasonCallerRateLimitExceeded || aws.ToString(e.RetryAfterSeconds) == "" {
		t.Errorf("a third event: %v", err)
	}
	for range 3 {
		_, err := api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &fn, Payload: []byte(`{"wait": 0}`)})
		e, yes := errors.AsType[*types.TooManyRequestsException](err)
		if !yes || e.Reason != "ConcurrentInvocationLimitExceeded" || aws.ToString(e.RetryAfterSeconds) == "" {
			t.Errorf("one more than the quota: %v", err)
		}
	}
	must(t, c.Tasks(ctx, client.TaskFilter{Function: fn}, 0, func(task client.Task) error {
		_, err := c.StopTask(ctx, task.ID)
		return err
	}))
	holds(t, "an invocation within the quota", func() bool {
		out, err := api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &fn, Payload: []byte(`{"wait": 0}`)})
		return err == nil && string(out.Payload) == "1"
	})
	_, err = acting(t, "", nil).UpdateService(ctx, "quota", client.ServiceChange{Quota: &client.Quota{RequestsPerSecond: 1, Functions: 1}})
	must(t, err)
	put1 := func(n string) error {
		zip, err := platform.Zip(map[string]string{"app.py": "def handler(e, c): pass\n"})
		must(t, err)
		_, err = api.CreateFunction(ctx, &lambda.CreateFunctionInput{FunctionName: &n, Runtime: "python3", Handler: aws.String("app.handler"),
			Role: aws.String(anyRole), Code: &types.FunctionCode{ZipFile: zip}})
		return err
	}
	if _, yes := errors.AsType[*types.CodeStorageExceededException](put1("one-more")); !yes {
		t.Error("one function more than the quota was made")
	}
	holds(t, "the rate is limited", func() bool {
		var burst sync.WaitGroup
		var limited atomic.Bool
		for range 8 {
			burst.Go(func() {
				_, err := api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &fn, Payload: []byte(`{"wait": 0}`)})
				if e, yes := errors.AsType[*types.TooManyRequestsException](err); yes && e.Reason == types.ThrottleReasonCallerRateLimitExceeded {
					limited.Store(true)
				}
			})
		}
		burst.Wait()
		return limited.Load()
	})
}

// A service's quota of memory holds at the API: what an invocation may take of it is
// counted with the memory of its function, as that and the quota are now.
func TestServiceQuotaOfMemory(t *testing.T) {
	t.Parallel()
	c, _ := newService(t, "memory-quota", "developer", client.ServiceChange{Quota: &client.Quota{MemoryMB: 200}})
	ctx, fn, api := t.Context(), name(t), c.Lambda()
	put(t, c, fn, "def handler(event, context):\n    return 1\n", nil, anyRole)
	if got := call(t, c, fn); got != "1" { // with 128 MB
		t.Fatal(got)
	}
	_, err := api.UpdateFunctionConfiguration(ctx, &lambda.UpdateFunctionConfigurationInput{FunctionName: &fn, MemorySize: aws.Int32(256)})
	must(t, err)
	holds(t, "256 MB are more than the quota", func() bool {
		_, err := api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &fn})
		e, yes := errors.AsType[*types.TooManyRequestsException](err)
		return yes && e.Reason == types.ThrottleReasonConcurrentInvocationLimitExceeded && aws.ToString(e.RetryAfterSeconds) != ""
	})
	_, err = acting(t, "", nil).UpdateService(ctx, "memory-quota", client.ServiceChange{Quota: &client.Quota{MemoryMB: 300}})
	must(t, err)
	holds(t, "256 MB are less than the new quota", func() bool {
		_, err := api.Invoke(ctx, &lambda.InvokeInput{FunctionName: &fn})
		return err == nil
	})
}

// A function acts with its role: what the policy names, at what it names.
func TestFunctionActsWithItsRole(t *testing.T) {
	t.Parallel()
	c, key := newService(t, "roles", "admin", client.ServiceChange{})
	ctx := t.Context()
	for _, n := range []string{"pay-in", "hidden"} {
		put(t, c, n, "def handler(event, context):\n    return 'ran'\n", nil, anyRole)
	}
	_, err := c.PutRole(ctx, "worker", json.RawMessage(`{"Statement":[
		{"Effect":"Allow","Action":"lambda:*","Resource":"arn:aws:lambda:*:*:function:pay-*"},
		{"Effect":"Deny","Action":"lambda:DeleteFunction","Resource":"*"}]}`))
	must(t, err)
	files := map[string]string{"app.py": `
import boto3, json
from botocore.exceptions import ClientError
def handler(event, context):
    api, out = boto3.client("lambda"), {}
    out["who"] = boto3.client("sts").get_caller_identity()["Arn"]
    def attempt(name, call, **kw):
        try:
            call(**kw)
            out[name] = "allowed"
        except ClientError as e:
            out[name] = e.response["Error"]["Message"]
    attempt("invoke", api.invoke, FunctionName="pay-in")
    attempt("publish", api.publish_version, FunctionName="pay-in")
    attempt("delete", api.delete_function, FunctionName="pay-in")
    attempt("hidden", api.invoke, FunctionName="hidden")
    attempt("list", api.list_functions)
    return out
`}
	bundle(t, files, "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
	zip, err := platform.Zip(files)
	must(t, err)
	_, err = c.Lambda().CreateFunction(ctx, &lambda.CreateFunctionInput{
		FunctionName: aws.String("caller"), Runtime: "python3", Handler: aws.String("app.handler"), MemorySize: aws.Int32(512), Timeout: aws.Int32(60),
		Role: aws.String("arn:aws:iam::" + key.Service + ":role/worker"), Code: &types.FunctionCode{ZipFile: zip},
	})
	must(t, err)
	got := decode[map[string]string](t, call(t, c, "caller"))
	if got["who"] != "arn:aws:sts::"+key.Service+":assumed-role/worker/function" || got["invoke"] != "allowed" || got["publish"] != "allowed" ||
		!strings.Contains(got["delete"], "with an explicit deny") || !strings.Contains(got["hidden"], "no identity-based policy") ||
		!strings.Contains(got["list"], "lambda:ListFunctions on resource: *") {
		t.Errorf("%v", got)
	}
}

// The aws-sdk-go-v2 client of STS too.
func TestIdentityWithTheGoSDK(t *testing.T) {
	t.Parallel()
	_, key := newService(t, "identity", "auditor", client.ServiceChange{ID: "210987654321"})
	out, err := sts.New(sts.Options{Region: "us-east-1", BaseEndpoint: &shared.API,
		Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.SecretAccessKey, "")}).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	must(t, err)
	if aws.ToString(out.Account) != "210987654321" || aws.ToString(out.Arn) != "arn:aws:iam::210987654321:user/e2e" {
		t.Errorf("%s %s", aws.ToString(out.Account), aws.ToString(out.Arn))
	}
}

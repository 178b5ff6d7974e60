package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// s3Address is where the S3 endpoint of a platform answers.
func s3Address(t *testing.T, p *platform.Platform) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(p.Data, "server.json"))
	if err != nil {
		t.Fatal(err)
	}
	return decode[struct{ S3 string }](t, string(text)).S3
}

// buckets is the AWS SDK's client of S3, with root's keys or others.
func buckets(t *testing.T, p *platform.Platform, key ...string) *s3.Client {
	t.Helper()
	c := p.Client.Config()
	if len(key) == 0 {
		key = []string{c.AccessKeyID, c.SecretAccessKey}
	}
	at := s3Address(t, p)
	return s3.New(s3.Options{Region: c.Region, BaseEndpoint: &at, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(key[0], key[1], "")})
}

func bucket(t *testing.T, c *s3.Client, name string) {
	t.Helper()
	if _, err := c.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
}

func put1(ctx context.Context, c *s3.Client, bucket, key, text string) error {
	_, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(text)})
	return err
}

func code(err error) string {
	if said, ok := errors.AsType[smithy.APIError](err); ok {
		return said.ErrorCode()
	}
	return fmt.Sprint(err)
}

// printer is a function that prints what of an event's record a test looks at.
func printer() platform.Function {
	return python(`
import json
def handler(event, context):
    r = event["Records"][0]
    o = r["s3"]["object"]
    print("GOT", r["eventName"], r["s3"]["bucket"]["name"], o["key"], o.get("size"), ".")
`)
}

// TestBucketsWithAWSCommandLine: the AWS command line as it is, by the API's
// address and by the endpoint's own.
func TestBucketsWithAWSCommandLine(t *testing.T) {
	t.Parallel()
	b := strings.ToLower(name(t))
	dir := t.TempDir()
	for file, text := range map[string]string{"a b.txt": "hello", "sub/ü.txt": "deep"} {
		path := filepath.Join(dir, "up", file)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	awscli(t, "s3", "mb", "s3://"+b)
	awscli(t, "s3", "sync", filepath.Join(dir, "up"), "s3://"+b+"/in/", "--endpoint-url", s3Address(t, shared))
	if listed := awscli(t, "s3", "ls", "s3://"+b, "--recursive"); !strings.Contains(listed, "in/a b.txt") || !strings.Contains(listed, "in/sub/ü.txt") {
		t.Errorf("listed %s", listed)
	}
	awscli(t, "s3", "cp", "s3://"+b+"/in/a b.txt", filepath.Join(dir, "down"))
	if text, err := os.ReadFile(filepath.Join(dir, "down")); err != nil || string(text) != "hello" {
		t.Errorf("down %q, %v", text, err)
	}
	signed, err := s3.NewPresignClient(buckets(t, shared)).PresignGetObject(t.Context(), &s3.GetObjectInput{Bucket: &b, Key: aws.String("in/a b.txt")})
	if err != nil {
		t.Fatal(err)
	}
	url := signed.URL
	for address, want := range map[string]int{url: 200, strings.Replace(url, "Signature=", "Signature=0", 1): 403, s3Address(t, shared) + "/" + b + "/in/a%20b.txt": 403} {
		resp, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != want || want == 200 && string(text) != "hello" {
			t.Errorf("%s: %d %s", address, resp.StatusCode, text)
		}
	}
	awscli(t, "s3", "rb", "s3://"+b, "--force")
}

// TestBucketsOfServices: the keys of a service reach its own buckets only, each
// as its platform role may.
func TestBucketsOfServices(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	_, mine := newService(t, "buckets-mine", "developer", client.ServiceChange{})
	_, other := newService(t, "buckets-other", "admin", client.ServiceChange{})
	a, b := buckets(t, shared, mine.ID, mine.SecretAccessKey), buckets(t, shared, other.ID, other.SecretAccessKey)
	name := strings.ToLower(name(t))
	bucket(t, a, name)
	if err := put1(ctx, a, name, "k", "x"); err != nil {
		t.Fatal(err)
	}
	_, err := b.GetObject(ctx, &s3.GetObjectInput{Bucket: &name, Key: aws.String("k")})
	if code(err) != "AccessDenied" {
		t.Errorf("another service reads: %v", err)
	}
	if err := put1(ctx, b, name, "k", "y"); code(err) != "AccessDenied" {
		t.Errorf("another service writes: %v", err)
	}
	if _, err := b.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); code(err) != "BucketAlreadyExists" {
		t.Errorf("another service makes it: %v", err)
	}
	has := func(c *s3.Client) bool {
		out, err := c.ListBuckets(ctx, &s3.ListBucketsInput{})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range out.Buckets {
			if *x.Name == name {
				return true
			}
		}
		return false
	}
	if !has(a) || has(b) || !has(buckets(t, shared)) {
		t.Error("a bucket is listed for its service and for root")
	}
	if err := put1(ctx, buckets(t, shared, mine.ID, "wrong"), name, "k", "x"); code(err) != "SignatureDoesNotMatch" {
		t.Errorf("a wrong secret: %v", err)
	}
	if err := put1(ctx, buckets(t, shared, "EBB"+mine.Service, "guess"), name, "k", "x"); code(err) != "InvalidAccessKeyId" {
		t.Errorf("the platform's own key from outside: %v", err)
	}
	// By the policy of the bucket another service may read, and no more.
	policy := `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::` + name + `/*"}]}`
	if _, err := a.PutBucketPolicy(ctx, &s3.PutBucketPolicyInput{Bucket: &name, Policy: &policy}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.GetObject(ctx, &s3.GetObjectInput{Bucket: &name, Key: aws.String("k")}); err != nil {
		t.Errorf("by the bucket's policy: %v", err)
	}
	if err := put1(ctx, b, name, "k", "y"); code(err) != "AccessDenied" {
		t.Errorf("another service writes: %v", err)
	}
}

// TestObjectStartsFunction: code from a bucket; a notification configuration set
// with the AWS command line; a put, boto3's multipart upload, a copy and a removal
// each start the function, whose rule takes them.
func TestObjectStartsFunction(t *testing.T) {
	t.Parallel()
	c, ctx, b := buckets(t, shared), t.Context(), strings.ToLower(name(t))
	bucket(t, c, b)
	f := deploy(t, printer())
	arn := "arn:aws:lambda:us-east-1:000000000000:function:" + f
	configuration := `{"LambdaFunctionConfigurations":[{"Id":"rule","LambdaFunctionArn":"` + arn + `","Events":["s3:ObjectCreated:*","s3:ObjectRemoved:*"],"Filter":{"Key":{"FilterRules":[{"Name":"prefix","Value":"in/"}]}}}]}`
	awscli(t, "s3api", "put-bucket-notification-configuration", "--bucket", b, "--notification-configuration", configuration)
	if shown := awscli(t, "s3api", "get-bucket-notification-configuration", "--bucket", b); !strings.Contains(shown, arn) || !strings.Contains(shown, `"in/"`) {
		t.Errorf("shown %s", shown)
	}
	if listed := cli(t, shared, 0, "trigger", "ls", "--kind", "object"); !strings.Contains(listed, b+"-rule") {
		t.Errorf("listed %s", listed)
	}
	for _, key := range []string{"in/a b.txt", "out/never.txt"} {
		if err := put1(ctx, c, b, key, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	out, errs, exit, err := shared.Python(ctx, "testdata/multipart.py", s3Address(t, shared), b, "in/large.bin")
	if err != nil || exit != 0 {
		t.Fatalf("exit %d, %v: %s%s", exit, err, out, errs)
	}
	if _, err := c.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &b, Key: aws.String("in/copy.txt"), CopySource: aws.String(b + "/out/never.txt")}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &b, Delete: &types.Delete{Objects: []types.ObjectIdentifier{{Key: aws.String("in/copy.txt")}, {Key: aws.String("in/none")}}}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"GOT ObjectCreated:Put " + b + " in/a+b.txt 5 .", "GOT ObjectCreated:CompleteMultipartUpload " + b + " in/large.bin 20971520 .",
		"GOT ObjectCreated:Copy " + b + " in/copy.txt 5 .", "GOT ObjectRemoved:Delete " + b + " in/copy.txt None .",
	} {
		await(t, want, func() bool { return strings.Contains(cli(t, shared, 0, "logs", f), want) })
	}
	if log := cli(t, shared, 0, "logs", f); strings.Contains(log, "never") || strings.Count(log, "GOT ") != 4 {
		t.Errorf("the function's log: %s", log)
	}
	awscli(t, "s3api", "put-bucket-notification-configuration", "--bucket", b, "--notification-configuration", `{}`)
	if listed := cli(t, shared, 0, "trigger", "ls", "--kind", "object"); strings.Contains(listed, b+"-rule") {
		t.Errorf("listed %s", listed)
	}
}

// TestFunctionReadsObject: boto3's S3 client as it is, in a function, with what its
// role may; code of the function comes from a bucket too.
func TestFunctionReadsObject(t *testing.T) {
	t.Parallel()
	c, ctx, b := buckets(t, shared), t.Context(), strings.ToLower(name(t))
	bucket(t, c, b)
	f := python(`
import boto3, json
from botocore.exceptions import ClientError
from urllib.parse import unquote_plus
def handler(event, context):
    s3 = boto3.client("s3")
    o = event["Records"][0]["s3"]
    bucket, key = o["bucket"]["name"], unquote_plus(o["object"]["key"])
    text = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=bucket, Key="out/" + key, Body=text.upper() * 200000)
    said = []
    for do in (lambda: s3.put_object(Bucket=bucket, Key="elsewhere", Body=b"x"), lambda: s3.delete_object(Bucket=bucket, Key=key), lambda: s3.list_buckets()):
        try:
            do()
            said.append("allowed")
        except ClientError as e:
            said.append(e.response["Error"]["Code"])
    print("SAID", said, ".")
`)
	f.Name, f.MemoryMB, f.TimeoutS = name(t), 512, 60
	bundle(t, f.Files, "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six.py")
	if _, err := shared.Client.PutRole(ctx, f.Name, json.RawMessage(`{"Statement":[
		{"Effect":"Allow","Action":["s3:GetObject"],"Resource":"arn:aws:s3:::`+b+`/in/*"},
		{"Effect":"Allow","Action":["s3:PutObject"],"Resource":"arn:aws:s3:::`+b+`/out/*"}]}`)); err != nil {
		t.Fatal(err)
	}
	zip, err := platform.Zip(f.Files)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.PutObject(ctx, &s3.PutObjectInput{Bucket: &b, Key: aws.String("code.zip"), Body: bytes.NewReader(zip)}); err != nil {
		t.Fatal(err)
	}
	awscli(t, "lambda", "create-function", "--function-name", f.Name, "--runtime", "python3", "--handler", "app.handler", "--memory-size", "512", "--timeout", "60",
		"--role", "arn:aws:iam::000000000000:role/"+f.Name, "--code", "S3Bucket="+b+",S3Key=code.zip")
	t.Cleanup(func() {
		if _, err := shared.Lambda().DeleteFunction(context.Background(), &lambda.DeleteFunctionInput{FunctionName: &f.Name}); err != nil {
			t.Error(err)
		}
	})
	if _, err := shared.Client.CreateTrigger(ctx, f.Name, client.TriggerSettings{Target: f.Name, Object: json.RawMessage(`{"bucket":"` + b + `","prefix":"in/"}`)}); err != nil {
		t.Fatal(err)
	}
	if err := put1(ctx, c, b, "in/a b", "hello"); err != nil {
		t.Fatal(err)
	}
	await(t, "what the function said", func() bool {
		return strings.Contains(cli(t, shared, 0, "logs", f.Name), "SAID ['AccessDenied', 'AccessDenied', 'AccessDenied'] .")
	})
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &b, Key: aws.String("out/in/a b")})
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(got.Body)
	if err != nil || string(text) != strings.Repeat("HELLO", 200000) {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	cli(t, shared, 0, "trigger", "rm", f.Name)
}

// TestPackagesFromBucket: functions and layers whose code lies in a bucket, at a
// version too, and objects by presigned URLs, forms and parts, with boto3.
func TestPackagesFromBucket(t *testing.T) {
	t.Parallel()
	f := name(t)
	out, errs, exit, err := shared.Python(t.Context(), "testdata/packages.py", f, strings.ToLower(f), s3Address(t, shared))
	if err != nil || exit != 0 {
		t.Fatalf("exit %d, %v:\n%s%s", exit, err, out, errs)
	}
	if _, err := shared.Lambda().DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: &f}); err != nil {
		t.Error(err)
	}
}

// TestRecordsInBucket: a bucket of the platform's own endpoint is the destination of
// what was given up, in AWS's folders.
func TestRecordsInBucket(t *testing.T) {
	t.Parallel()
	c, ctx, b := buckets(t, shared), t.Context(), strings.ToLower(name(t))
	bucket(t, c, b)
	f := deploy(t, python("def handler(event, context):\n    if event['bad']:\n        raise ValueError('no')\n    return event\n"))
	to := "arn:aws:s3:::" + b
	if _, err := shared.Lambda().PutFunctionEventInvokeConfig(ctx, &lambda.PutFunctionEventInvokeConfigInput{FunctionName: &f, MaximumRetryAttempts: aws.Int32(0),
		DestinationConfig: &lambdatypes.DestinationConfig{OnFailure: &lambdatypes.OnFailure{Destination: &to}}}); err != nil {
		t.Fatal(err)
	}
	id := sendEvent(t, shared, f, `{"bad":true}`)
	var key string
	await(t, "the record", func() bool {
		out, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b})
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Contents) == 1 {
			key = *out.Contents[0].Key
		}
		return key != ""
	})
	if !strings.HasPrefix(key, "aws/lambda/async/"+f+"/20") {
		t.Errorf("key %s", key)
	}
	got, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: &b, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	record := decode[invocationRecord](t, string(text))
	if record.RequestContext.RequestID != id || record.RequestContext.Condition != "RetriesExhausted" || string(record.RequestPayload) != `{"bad":true}` {
		t.Errorf("record %s", text)
	}
}

// child is the process of a platform's S3 endpoint.
func child(t *testing.T, p *platform.Platform) int {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range procs {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		part := strings.Fields(rest)
		line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err == nil && len(part) > 1 && part[1] == strconv.Itoa(p.PID()) && strings.HasSuffix(string(line), "\x00s3\x00") {
			pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			if err != nil {
				t.Fatal(err)
			}
			return pid
		}
	}
	return 0
}

// writers put objects from several sides until stop is called, which returns those
// that were acknowledged.
func writers(c *s3.Client, bucket string) (stop func() []string) {
	ctx, cancel := context.WithCancel(context.Background())
	var mu sync.Mutex
	var done []string
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				key := fmt.Sprintf("in/%d-%d", w, i)
				if put1(ctx, c, bucket, key, "x") == nil {
					mu.Lock()
					done = append(done, key)
					mu.Unlock()
				}
			}
		})
	}
	return func() []string {
		cancel()
		all.Wait()
		return done
	}
}

// TestObjectsSurviveKills: the endpoint's process is killed while it writes and in
// the middle of a multipart upload, then ebb itself is: connections wait, uploads
// go on, and every object that was acknowledged has had its event.
func TestObjectsSurviveKills(t *testing.T) {
	t.Parallel()
	data := place(t)
	p := start(t, data)
	ctx, b := t.Context(), "inbox"
	c := buckets(t, p)
	bucket(t, c, b)
	// What it got is in the errors: they are as durable as the events are, which the
	// last lines of a log before a kill are not.
	f := python(`
def handler(event, context):
    raise ValueError("GOT %s ." % event["Records"][0]["s3"]["object"]["key"])
`)
	f.Name = "f"
	if err := p.Create(ctx, f); err != nil {
		t.Fatal(err)
	}
	retries := 0
	if _, err := p.Client.CreateTrigger(ctx, "t", client.TriggerSettings{Target: "f", MaxRetries: &retries, Object: json.RawMessage(`{"bucket":"inbox"}`)}); err != nil {
		t.Fatal(err)
	}
	upload, err := c.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &b, Key: aws.String("large")})
	if err != nil {
		t.Fatal(err)
	}
	part := func(n int32) types.CompletedPart {
		t.Helper()
		out, err := c.UploadPart(ctx, &s3.UploadPartInput{Bucket: &b, Key: aws.String("large"), UploadId: upload.UploadId, PartNumber: &n, Body: bytes.NewReader(make([]byte, 5<<20))})
		if err != nil {
			t.Fatal(err)
		}
		return types.CompletedPart{ETag: out.ETag, PartNumber: &n}
	}
	first := part(1)
	stop := writers(c, b)
	var killed []int
	for range 3 {
		<-time.After(200 * time.Millisecond)
		pid := child(t, p)
		if pid == 0 {
			continue // it is being started
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		killed = append(killed, pid)
	}
	acknowledged := stop()
	second := part(2) // the connection waits for the next child
	if _, err := c.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &b, Key: aws.String("large"), UploadId: upload.UploadId,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: []types.CompletedPart{first, second}}}); err != nil {
		t.Fatal(err)
	}
	acknowledged = append(acknowledged, "large")
	stop = writers(c, b)
	<-time.After(300 * time.Millisecond)
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	acknowledged = append(acknowledged, stop()...)
	p = start(t, data)
	t.Logf("%d objects, children %v", len(acknowledged), killed)
	eventually(t, func() error {
		var got strings.Builder
		err := p.Client.Tasks(ctx, client.TaskFilter{Function: "f"}, 0, func(task client.Task) error {
			for _, a := range task.Attempts {
				fmt.Fprintln(&got, a.Message)
			}
			return nil
		})
		for _, key := range acknowledged {
			if err == nil && !strings.Contains(got.String(), "GOT "+key+" .") {
				err = fmt.Errorf("no event of %s", key)
			}
		}
		return err
	})
}

// TestFilesStartFunction: files that are dropped into a folder start a function,
// each once, though ebb is killed meanwhile; they are archived when it went well
// and put aside when it did not.
func TestFilesStartFunction(t *testing.T) {
	t.Parallel()
	data := place(t)
	drop := filepath.Join(filepath.Dir(data), "drop")
	config := filepath.Join(filepath.Dir(data), "ebb.yaml")
	text := "directories:\n  - path: " + drop + "\n    services: ['*']\n"
	if err := errors.Join(os.Mkdir(drop, 0o700), os.WriteFile(config, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	p := start(t, data, "--config", config)
	ctx := t.Context()
	f := python(`
def handler(event, context):
    name = event["Records"][0]["ebb"]["name"]
    print("FILE", name, ".")
    if "bad" in name:
        raise ValueError(name)
`)
	f.Name = "f"
	if err := p.Create(ctx, f); err != nil {
		t.Fatal(err)
	}
	retries := 0
	if _, err := p.Client.CreateTrigger(ctx, "t", client.TriggerSettings{Target: "f", MaxRetries: &retries,
		Directory: json.RawMessage(`{"path":"` + drop + `","complete":"rename","after":"archive","archive":"done","failed":"error"}`)}); err != nil {
		t.Fatal(err)
	}
	const n = 300
	var names []string
	for i := range n {
		name := fmt.Sprintf("%03d.csv", i)
		if i%100 == 50 {
			name = "bad-" + name
		}
		part := filepath.Join(drop, name+".part")
		if err := errors.Join(os.WriteFile(part, []byte("x"), 0o600), os.Rename(part, filepath.Join(drop, name))); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
		if i == n/2 {
			if err := p.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	p = start(t, data, "--config", config)
	await(t, "every file where it belongs", func() bool {
		for _, name := range names {
			folder := "done"
			if strings.HasPrefix(name, "bad") {
				folder = "error"
			}
			if _, err := os.Stat(filepath.Join(drop, folder, name)); err != nil {
				return false
			}
		}
		return true
	})
	shown, err := p.Client.Trigger(ctx, "t")
	if err != nil || shown.State.Fired != n {
		t.Errorf("%d files were told %d times, %v", n, shown.State.Fired, err)
	}
}

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"github.com/ebb-faas/ebb/test/platform"
)

// open gives a function an open URL.
func open(t *testing.T, function string) string {
	t.Helper()
	u, err := shared.URL(t.Context(), function)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// do sends a request and reads the whole answer.
func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func request(t *testing.T, method, url, body string, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	return req
}

// event is payload format 2.0.
type event struct {
	Version, RouteKey, RawPath, RawQueryString, Body string
	IsBase64Encoded                                  bool
	Cookies                                          []string
	Headers, QueryStringParameters                   map[string]string
	RequestContext                                   struct {
		AccountID, APIID, DomainName, DomainPrefix, RequestID, RouteKey, Stage, Time string
		TimeEpoch                                                                    int64
		HTTP                                                                         struct{ Method, Path, Protocol, SourceIP, UserAgent string }
		Authorizer                                                                   struct {
			IAM struct{ AccessKey, AccountID, UserARN string }
		}
	}
}

func TestFunctionURLEvent(t *testing.T) {
	t.Parallel()
	u := open(t, deploy(t, python("def handler(event, context):\n    return event\n")))
	before := time.Now()
	req := request(t, "PUT", u+"a%20b/c?x=1&y=z%20z&x=2&flag", "body ß", "Content-Type", "text/plain; charset=utf-8",
		"Cookie", "one=1; two=2", "X-Many", "a", "X-Many", "b", "User-Agent", "tester/1", "Connection", "X-Hop", "X-Hop", "no")
	res, body := do(t, req)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" || res.Header.Get("X-Amzn-Requestid") == "" {
		t.Fatalf("%s %v %s", res.Status, res.Header, body)
	}
	got := decode[event](t, body)
	address, err := url.Parse(u)
	if err != nil {
		t.Fatal(err)
	}
	id := strings.Split(strings.Trim(address.Path, "/"), "/")[1]
	if got.Version != "2.0" || got.RouteKey != "$default" || got.RawPath != "/a%20b/c" || got.RawQueryString != "x=1&y=z%20z&x=2&flag" ||
		got.Body != "body ß" || got.IsBase64Encoded {
		t.Errorf("%s", body)
	}
	if !slices.Equal(got.Cookies, []string{"one=1", "two=2"}) {
		t.Errorf("cookies %q", got.Cookies)
	}
	if want := map[string]string{"x": "1,2", "y": "z z", "flag": ""}; !maps.Equal(got.QueryStringParameters, want) {
		t.Errorf("query %v", got.QueryStringParameters)
	}
	for name, want := range map[string]string{
		"x-many": "a,b", "host": address.Host, "content-type": "text/plain; charset=utf-8", "user-agent": "tester/1",
		"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-port": address.Port(), "x-hop": "", "connection": "",
	} {
		if got.Headers[name] != want {
			t.Errorf("header %s is %q, want %q", name, got.Headers[name], want)
		}
	}
	c := got.RequestContext
	at := time.UnixMilli(c.TimeEpoch)
	if c.AccountID != "anonymous" || c.APIID != id || c.DomainPrefix != id || c.DomainName != address.Hostname() ||
		c.RequestID != res.Header.Get("X-Amzn-Requestid") || c.RouteKey != "$default" || c.Stage != "$default" ||
		at.Before(before.Add(-time.Second)) || at.After(time.Now()) || c.Time != at.UTC().Format("02/Jan/2006:15:04:05 -0700") {
		t.Errorf("context %+v", c)
	}
	if h := c.HTTP; h.Method != "PUT" || h.Path != "/a%20b/c" || h.Protocol != "HTTP/1.1" || h.SourceIP != "127.0.0.1" || h.UserAgent != "tester/1" {
		t.Errorf("http %+v", h)
	}
}

const answers = `
import base64
def handler(event, context):
    path = event["rawPath"]
    if path == "/bytes":
        # The bytes that came, back again.
        body = base64.b64decode(event["body"]) if event["isBase64Encoded"] else event["body"].encode()
        return {"statusCode": 200, "headers": {"Content-Type": "application/octet-stream", "X-Was-Base64": str(event["isBase64Encoded"])},
                "isBase64Encoded": True, "body": base64.b64encode(body).decode()}
    return {
        "/full": {"statusCode": 418, "headers": {"Content-Type": "text/html", "X-A": "b"}, "cookies": ["a=1; Path=/", "b=2"], "body": "<p>ß</p>"},
        "/text": "just text",
        "/object": {"no": "status", "n": [1, None]},
        "/number": 42,
        "/null": None,
        "/empty": {"statusCode": 204},
        "/broken": {"statusCode": "many"},
        "/raise": None,
    }[path] if path != "/raise" else 1 / 0
`

func TestFunctionURLAnswers(t *testing.T) {
	t.Parallel()
	u := open(t, deploy(t, python(answers)))
	for path, want := range map[string]struct {
		status     int
		kind, body string
	}{
		"full":   {418, "text/html", "<p>ß</p>"},
		"text":   {200, "application/json", `"just text"`},
		"object": {200, "application/json", `{"no": "status", "n": [1, null]}`},
		"number": {200, "application/json", `42`},
		"null":   {200, "application/json", `null`},
		"empty":  {204, "", ""},
		"broken": {502, "application/json", `{"Message":"Internal Server Error"}`},
		"raise":  {502, "application/json", `{"Message":"Internal Server Error"}`},
	} {
		res, body := do(t, request(t, "GET", u+path, ""))
		if res.StatusCode != want.status || body != want.body || want.kind != "" && res.Header.Get("Content-Type") != want.kind {
			t.Errorf("/%s: %s %q %s", path, res.Status, res.Header.Get("Content-Type"), body)
		}
		if path == "full" && (res.Header.Get("X-A") != "b" || !slices.Equal(res.Header.Values("Set-Cookie"), []string{"a=1; Path=/", "b=2"})) {
			t.Errorf("/full: %v", res.Header)
		}
	}
	all := make([]byte, 1<<16)
	for i := range all {
		all[i] = byte(i ^ i>>8)
	}
	res, body := do(t, request(t, "POST", u+"bytes", string(all), "Content-Type", "application/octet-stream"))
	if body != string(all) || res.Header.Get("X-Was-Base64") != "True" {
		t.Errorf("%s: %d bytes became %d", res.Status, len(all), len(body))
	}
}

func TestFunctionURLWithCurl(t *testing.T) {
	t.Parallel()
	u := open(t, deploy(t, python(answers)))
	cmd := exec.CommandContext(t.Context(), "curl", "-sS", "--data-binary", "@-", "-H", "Content-Type: image/png",
		"-w", "\n%{http_code} %{content_type}", u+"bytes")
	cmd.Stdin = strings.NewReader("\x89PNG\x00\xff")
	out, errs, code, err := platform.Output(cmd)
	if err != nil || code != 0 || out != "\x89PNG\x00\xff\n200 application/octet-stream" {
		t.Errorf("exit %d, %v: %q %s", code, err, out, errs)
	}
}

func TestFunctionURLCORS(t *testing.T) {
	t.Parallel()
	f := deploy(t, python("def handler(event, context):\n    return 'ok'\n"))
	out, err := shared.Lambda().CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{
		FunctionName: aws.String(f), AuthType: types.FunctionUrlAuthTypeNone, Cors: &types.Cors{
			AllowOrigins: []string{"https://a.example"}, AllowMethods: []string{"POST"}, AllowHeaders: []string{"x-token"},
			AllowCredentials: aws.Bool(true), MaxAge: aws.Int32(60), ExposeHeaders: []string{"x-amzn-requestid"}}})
	if err := errors.Join(err, shared.Publish(t.Context(), f)); err != nil {
		t.Fatal(err)
	}
	u := aws.ToString(out.FunctionUrl)
	preflight := func(origin string) http.Header {
		res, body := do(t, request(t, "OPTIONS", u, "", "Origin", origin, "Access-Control-Request-Method", "POST",
			"Access-Control-Request-Headers", "x-token"))
		if res.StatusCode >= 300 || body != "" {
			t.Errorf("preflight: %s %s", res.Status, body)
		}
		return res.Header
	}
	h := preflight("https://a.example")
	for name, want := range map[string]string{"Origin": "https://a.example", "Methods": "POST", "Headers": "x-token", "Credentials": "true"} {
		if got := h.Get("Access-Control-Allow-" + name); got != want {
			t.Errorf("Access-Control-Allow-%s: %q", name, got)
		}
	}
	if h.Get("Access-Control-Max-Age") != "60" {
		t.Errorf("%v", h)
	}
	if got := preflight("https://evil.example").Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("a stranger is allowed: %s", got)
	}
	res, body := do(t, request(t, "POST", u, "", "Origin", "https://a.example"))
	if body != `"ok"` || res.Header.Get("Access-Control-Allow-Origin") != "https://a.example" ||
		!strings.EqualFold(res.Header.Get("Access-Control-Expose-Headers"), "x-amzn-requestid") {
		t.Errorf("%s %v %s", res.Status, res.Header, body)
	}
}

func TestFunctionURLWithIAM(t *testing.T) {
	t.Parallel()
	f := deploy(t, python("def handler(event, context):\n    return event\n"))
	out, err := shared.Lambda().CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{
		FunctionName: aws.String(f), AuthType: types.FunctionUrlAuthTypeAwsIam})
	if err != nil {
		t.Fatal(err)
	}
	u := aws.ToString(out.FunctionUrl)
	c := shared.Client.Config()
	signed := func(secret, body string) *http.Request {
		req := request(t, "POST", u+"p?q=1", body, "Content-Type", "application/json")
		sum := sha256.Sum256([]byte(body))
		err := signer.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: secret},
			req, hex.EncodeToString(sum[:]), "lambda", c.Region, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return req
	}
	res, body := do(t, signed(c.SecretAccessKey, `{"a":1}`))
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", res.Status, body)
	}
	got := decode[event](t, body)
	if iam := got.RequestContext.Authorizer.IAM; got.RequestContext.AccountID != "000000000000" || iam.AccessKey != c.AccessKeyID ||
		iam.UserARN == "" || got.Body != `{"a":1}` || got.Headers["authorization"] != "" {
		t.Errorf("%s", body)
	}
	tampered := signed(c.SecretAccessKey, `{"a":1}`)
	tampered.Body, tampered.GetBody = io.NopCloser(strings.NewReader(`{"a":2}`)), nil
	for what, req := range map[string]*http.Request{
		"unsigned": request(t, "POST", u, "{}"), "wrong secret": signed("wrong", "{}"), "tampered": tampered,
	} {
		res, body := do(t, req)
		if res.StatusCode != http.StatusForbidden || body != `{"Message":"Forbidden"}` {
			t.Errorf("%s: %s %s", what, res.Status, body)
		}
	}
}

func TestFunctionURLBodyLimit(t *testing.T) {
	t.Parallel()
	u := open(t, deploy(t, python("def handler(event, context):\n    return len(event['body'])\n")))
	fits := strings.Repeat("x", 6<<20)
	res, body := do(t, request(t, "POST", u, fits, "Content-Type", "text/plain"))
	if res.StatusCode != http.StatusOK || body != strconv.Itoa(6<<20) {
		t.Errorf("6 MiB: %s %s", res.Status, body)
	}
	for what, reader := range map[string]io.Reader{"declared": strings.NewReader(fits + "x"), "chunked": io.LimitReader(zeros{}, 7<<20)} {
		req, err := http.NewRequestWithContext(t.Context(), "POST", u, reader)
		if err != nil {
			t.Fatal(err)
		}
		res, body := do(t, req)
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("too large, %s: %s %s", what, res.Status, body)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestFunctionURLThrottle(t *testing.T) {
	t.Parallel()
	cfg := within(t, "ebb.yaml", "pool: {maxPerFunction: 1, maxQueue: 1}\ninvoke: {patience: 60s}\n")
	p := start(t, place(t), "--config", cfg)
	f := python("import time\ndef handler(event, context):\n    time.sleep(1)\n    return 'ok'\n")
	f.Name, f.TimeoutS = "slow", 30
	if err := p.Create(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	u, err := p.URL(t.Context(), f.Name)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	count := map[int]int{}
	for range 8 {
		all.Go(func() {
			res, err := http.Get(u)
			if err != nil {
				t.Error(err)
				return
			}
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			mu.Lock()
			defer mu.Unlock()
			count[res.StatusCode]++
			if res.StatusCode == http.StatusTooManyRequests {
				after, err := strconv.Atoi(res.Header.Get("Retry-After"))
				if err != nil || after < 1 || !bytes.Contains(body, []byte("ConcurrentInvocationLimitExceeded")) {
					t.Errorf("%v %s", res.Header, body)
				}
			}
		})
	}
	all.Wait()
	if count[200] == 0 || count[429] == 0 || count[200]+count[429] != 8 {
		t.Errorf("statuses %v", count)
	}
}

const streaming = `
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'Content-Type': 'text/plain', 'X-S': 'yes' }, cookies: ['k=v'] });
  stream.write('first');
  await new Promise(r => setTimeout(r, Number(event.queryStringParameters.wait)));
  stream.write(' second');
  stream.end();
});
`

func TestFunctionURLStream(t *testing.T) {
	t.Parallel()
	f := node(streaming)
	f.TimeoutS = 30
	out, err := shared.Lambda().CreateFunctionUrlConfig(t.Context(), &lambda.CreateFunctionUrlConfigInput{
		FunctionName: aws.String(deploy(t, f)), AuthType: types.FunctionUrlAuthTypeNone, InvokeMode: types.InvokeModeResponseStream})
	if err := errors.Join(err, shared.Publish(t.Context(), name(t))); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", aws.ToString(out.FunctionUrl)+"?wait=2000", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != 201 || res.Header.Get("X-S") != "yes" || res.Header.Get("Set-Cookie") != "k=v" || res.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	first := make([]byte, 5)
	if _, err := io.ReadFull(res.Body, first); err != nil || string(first) != "first" {
		t.Fatalf("%q %v", first, err)
	}
	// The instance is still at it while we hold the first part.
	running, err := shared.Instances(t.Context(), name(t))
	if err != nil || len(running) != 1 || running[0].State != "busy" {
		t.Errorf("%+v, %v", running, err)
	}
	rest, err := io.ReadAll(res.Body)
	if err != nil || string(rest) != " second" {
		t.Errorf("%q %v", rest, err)
	}
}

func TestFunctionURLNotThere(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/url/", "/url/nobody/x", "/url/" + strings.Repeat("a", 32) + "/", "/../etc/passwd"} {
		res, body := do(t, request(t, "GET", shared.Gateway+path, ""))
		if res.StatusCode != http.StatusNotFound || !json.Valid([]byte(body)) {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
}

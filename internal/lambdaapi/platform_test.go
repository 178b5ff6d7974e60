package lambdaapi

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"go.uber.org/goleak"

	"github.com/ebb-faas/ebb/internal/artifact"
	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger"
	"github.com/ebb-faas/ebb/runtimes"
)

// TestMain looks for the host's runtimes once: that takes longer than a test.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "lambdaapi")
	if err != nil {
		panic(err)
	}
	if host, err = runtimes.Load(context.Background(), dir); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// host is written by TestMain only.
var host *runtimes.Catalog

const testRole = "arn:aws:iam::000000000000:role/test"

// platform is the API over a real database and real packages; only what would
// run functions is the test's own.
type platform struct {
	t         *testing.T
	api       *API
	functions *function.Functions
	url       string
	keys      auth.Credentials
	http      *http.Client
	runtime   string // one that this host has
	logged    *logBuffer
	stop      func() // returns when no request is being served any more

	mu  sync.Mutex
	run func(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error)
}

// Invoke lets each test be the platform's running part.
func (p *platform) Invoke(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
	p.mu.Lock()
	run := p.run
	p.mu.Unlock()
	return run(ctx, inv, sink)
}

// Resolve implements Invoker.
func (p *platform) Resolve(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Version, error) {
	return p.functions.Resolve(ctx, key, qualifier)
}

// Check implements Invoker.
func (p *platform) Check(ctx context.Context, inv *ebb.Invocation) error {
	v, err := p.functions.Resolve(ctx, inv.FunctionKey, inv.Qualifier)
	if err != nil {
		return err
	}
	return v.CheckTenant(inv.Tenant)
}

func (p *platform) runs(f func(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.run = f
}

// logBuffer keeps what the API logged.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	dir := t.TempDir()
	db, err := store.Open(t.Context(), store.Config{Path: filepath.Join(dir, "ebb.db"), Twice: true})
	must(t, err)
	t.Cleanup(func() { must(t, db.Close()) })
	packages, err := artifact.Open(artifact.Config{Dir: filepath.Join(dir, "packages")})
	must(t, err)
	t.Cleanup(func() { must(t, packages.Close()) })
	if len(host.IDs()) == 0 {
		t.Fatal("this host has no runtime")
	}
	p := &platform{t: t, runtime: host.IDs()[0], logged: new(logBuffer)}
	p.functions = function.New(function.Config{Images: findImage, CheckTarget: func(ebb.FunctionKey, ebb.Target) error { return nil }}, db, packages, host)
	p.keys, err = auth.LoadOrCreateRoot(dir)
	must(t, err)
	p.api = New(Config{
		Triggers:   trigger.New(trigger.Config{}, trigger.Deps{Store: db, Log: slog.New(slog.DiscardHandler)}, nil),
		GatewayURL: func(id string) string { return "http://127.0.0.1:9081/url/" + id + "/" },
		Package:    packages.Zip,
	}, p.functions, p, auth.New(auth.Config{}, p.keys), slog.New(slog.NewTextHandler(p.logged, nil)))
	p.url, p.http, p.stop = serve(t, p.api)
	return p
}

// serve runs h until the test ends.
func serve(t *testing.T, h http.Handler) (url string, hc *http.Client, stop func()) {
	t.Helper()
	srv := httptest.NewServer(h)
	transport := &http.Transport{}
	stop = func() {
		transport.CloseIdleConnections()
		srv.Close()
	}
	t.Cleanup(stop)
	return srv.URL, &http.Client{Transport: transport}, stop
}

// client is the SDK with these keys. It tries everything once, so that a test
// sees the first answer.
func client(url string, hc *http.Client, keys auth.Credentials, session string) *lambda.Client {
	return lambda.New(lambda.Options{
		Region: "us-east-1", BaseEndpoint: &url, HTTPClient: hc, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretAccessKey, session),
	})
}

func (p *platform) sdk() *lambda.Client { return client(p.url, p.http, p.keys, "") }

// raw sends a request as curl with the bearer token would.
func (p *platform) raw(method, path, body string, header ...string) *answered {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, p.url+path, strings.NewReader(body))
	must(p.t, err)
	req.Header.Set("Authorization", "Bearer "+p.keys.Token)
	for i := 0; i < len(header); i += 2 {
		if header[i] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	return send(p.t, p.http, req)
}

// answered is an answer, read.
type answered struct {
	*http.Response
	body string
}

func send(t *testing.T, hc *http.Client, req *http.Request) *answered {
	t.Helper()
	res, err := hc.Do(req)
	must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	if len(res.Header.Get("X-Amzn-RequestId")) != 36 {
		t.Errorf("%s %s: request id %q", req.Method, req.URL, res.Header.Get("X-Amzn-RequestId"))
	}
	return &answered{res, string(b)}
}

// json reads the answer's document.
func (a *answered) json(t *testing.T) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(a.body), &doc); err != nil {
		t.Fatalf("%d %q: %v", a.StatusCode, a.body, err)
	}
	return doc
}

// is checks an error answer.
func (a *answered) is(t *testing.T, status int, typ, message string) {
	t.Helper()
	if a.StatusCode != status || a.Header.Get("x-amzn-ErrorType") != typ || !strings.Contains(a.body, message) {
		t.Errorf("%s %s: got %d %s %s\nwant %d %s …%s…", a.Request.Method, a.Request.URL,
			a.StatusCode, a.Header.Get("x-amzn-ErrorType"), a.body, status, typ, message)
	}
}

// pack makes a package whose one file says text.
func pack(t *testing.T, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	w, err := z.Create("app.py")
	must(t, err)
	_, err = w.Write([]byte(text))
	must(t, err)
	must(t, z.Close())
	return buf.Bytes()
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return base64.StdEncoding.EncodeToString(s[:])
}

// create makes a function directly, for tests of other things.
func (p *platform) create(name string) *ebb.Version {
	p.t.Helper()
	v, err := p.functions.Create(p.t.Context(), function.Create{
		FunctionKey: ebb.FunctionKey{Service: ebb.DefaultService, Name: name},
		Runtime:     p.runtime, Handler: "app.handler", Role: testRole, Zip: pack(p.t, "x"),
	})
	must(p.t, err)
	return v
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// str reads an optional text of the SDK.
func str(p *string) string { return aws.ToString(p) }

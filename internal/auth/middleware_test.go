package auth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// door is a server that answers with what Middleware handed on.
func door(t *testing.T, by Authenticator, limit int64) *httptest.Server {
	t.Helper()
	h := Middleware(by, Options{
		MaxBody: limit,
		Open:    func(r *http.Request) bool { return r.URL.Path == "/open" },
		Fail: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set("X-Amzn-Errortype", ebb.TypeOf(err))
			w.WriteHeader(http.StatusForbidden)
		},
	}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !bytes.Equal(body, Body(r.Context())) && From(r.Context()).Kind != Anonymous {
			t.Errorf("body %q, %q, %v", body, Body(r.Context()), err)
		}
		w.Header().Set("X-Principal", From(r.Context()).Kind.String())
		_, _ = w.Write(body)
	}))
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv
}

func lambdaClient(url, region string, c Credentials, token string) *lambda.Client {
	return lambda.New(lambda.Options{
		Region: region, BaseEndpoint: aws.String(url), RetryMaxAttempts: 1,
		HTTPClient:  &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
		Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretAccessKey, token),
	})
}

// The Lambda client of the SDK, unchanged, gets through; with a wrong secret it
// does not.
func TestMiddlewareWithTheLambdaClient(t *testing.T) {
	box := New(Config{}, testRoot).NewBox(testRole, ebb.DefaultService)
	for name, c := range map[string]struct {
		by    Authenticator
		key   Credentials
		token string
	}{
		"root": {New(Config{}, testRoot), testRoot, ""},
		"box":  {box, box.Credentials(), box.Credentials().Token},
	} {
		t.Run(name, func(t *testing.T) {
			srv := door(t, c.by, 1<<20)
			for _, fn := range []string{"hello", "arn:aws:lambda:us-east-1:000000000000:function:hello:live"} {
				client := lambdaClient(srv.URL, "us-east-1", c.key, c.token)
				out, err := client.Invoke(context.Background(), &lambda.InvokeInput{
					FunctionName: &fn, Payload: []byte(`{"a":1}`), Qualifier: aws.String("$LATEST"),
					ClientContext: aws.String("e30=")})
				if err != nil {
					t.Fatal(err)
				}
				if string(out.Payload) != `{"a":1}` {
					t.Fatalf("payload %q", out.Payload)
				}
			}
			bad := c.key
			bad.SecretAccessKey += "x"
			_, err := lambdaClient(srv.URL, "eu-west-1", bad, c.token).GetFunction(context.Background(),
				&lambda.GetFunctionInput{FunctionName: aws.String("hello")})
			if api, ok := errors.AsType[smithy.APIError](err); !ok || api.ErrorCode() != ebb.TypeInvalidSignature {
				t.Fatalf("error %v", err)
			}
		})
	}
}

func TestMiddlewareBody(t *testing.T) {
	a := New(Config{Now: clock}, testRoot)
	var failed error
	h := Middleware(a, Options{MaxBody: 10, Fail: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err }},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(Body(r.Context())) }))
	call := func(body string, length int64, r io.Reader) (*httptest.ResponseRecorder, error) {
		failed = nil
		req := signing{body: body}.signed(t)
		req.Body, req.ContentLength = io.NopCloser(r), length
		w := httptest.NewRecorder()
		h.ServeHTTP(w, req)
		return w, failed
	}
	if w, err := call("0123456789", 10, strings.NewReader("0123456789")); err != nil || w.Body.String() != "0123456789" {
		t.Fatalf("%q, %v", w.Body, err)
	}
	never := readerFunc(func([]byte) (int, error) { t.Error("body was read"); return 0, io.EOF })
	if _, err := call("0123456789a", 11, never); ebb.KindOf(err) != ebb.TooLarge || ebb.TypeOf(err) != ebb.TypeRequestTooLarge {
		t.Fatalf("announced 11: %v", err)
	}
	if _, err := call("0123456789a", -1, strings.NewReader("0123456789a")); ebb.KindOf(err) != ebb.TooLarge {
		t.Fatalf("11 unannounced: %v", err)
	}
	broken := readerFunc(func([]byte) (int, error) { return 0, io.ErrUnexpectedEOF })
	if _, err := call("01", 2, broken); ebb.KindOf(err) != ebb.Invalid || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("broken body: %v", err)
	}
	// A stranger's body is not read at all.
	failed = nil
	req := httptest.NewRequest("POST", "/", never)
	h.ServeHTTP(httptest.NewRecorder(), req)
	if ebb.TypeOf(failed) != ebb.TypeMissingAuthentication {
		t.Fatalf("stranger: %v", failed)
	}
}

func TestMiddlewareOpen(t *testing.T) {
	srv := door(t, New(Config{}, testRoot), 100)
	for path, want := range map[string]int{"/open": 200, "/": 403, "/open/": 403} {
		resp, err := srv.Client().Post(srv.URL+path, "", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want || want == 200 && resp.Header.Get("X-Principal") != "anonymous" {
			t.Fatalf("%s: %d %s", path, resp.StatusCode, resp.Header.Get("X-Principal"))
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

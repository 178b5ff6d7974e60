package auth

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/ebb-faas/ebb/internal/ebb"
)

var testRoot = Credentials{
	AccessKeyID:     "AKIATESTTESTTESTTEST",
	SecretAccessKey: "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY",
	Token:           "ebb_token-for-tests-only",
}

// testNow is the time on both sides of every test.
var testNow = time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)

func clock() time.Time { return testNow }

func testAuth() *Auth { return New(Config{Now: clock}, testRoot) }

// signing says how a test signs its request.
type signing struct {
	method, url, body string
	header            map[string]string
	service, region   string
	at                time.Time
	key               Credentials
	session           bool // send key.Token as session token
	hash              string
}

func (s signing) fill() signing {
	if s.method == "" {
		s.method = http.MethodPost
	}
	if s.url == "" {
		s.url = "http://127.0.0.1:9080/2015-03-31/functions/hello/invocations"
	}
	if s.service == "" {
		s.service = "lambda"
	}
	if s.region == "" {
		s.region = "us-east-1"
	}
	if s.at.IsZero() {
		s.at = testNow
	}
	if s.key == (Credentials{}) {
		s.key = testRoot
	}
	if s.hash == "" {
		sum := sha256.Sum256([]byte(s.body))
		s.hash = hex.EncodeToString(sum[:])
	}
	return s
}

// request returns the request as the client sends it, before signing.
func (s signing) request(t testing.TB) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), s.method, s.url, strings.NewReader(s.body))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range s.header {
		r.Header.Set(k, v)
	}
	return r
}

// signed returns the request as a server sees it, signed by the SDK's signer.
func (s signing) signed(t testing.TB) *http.Request {
	t.Helper()
	s = s.fill()
	r := s.request(t)
	key := aws.Credentials{AccessKeyID: s.key.AccessKeyID, SecretAccessKey: s.key.SecretAccessKey}
	if s.session {
		key.SessionToken = s.key.Token
	}
	opt := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s.service == "s3" }
	if err := v4.NewSigner().SignHTTP(r.Context(), key, r, s.hash, s.service, s.region, s.at, opt); err != nil {
		t.Fatal(err)
	}
	return wire(t, r, s.body)
}

// presigned is signed with the signature in the query.
func (s signing) presigned(t testing.TB, expires string) *http.Request {
	t.Helper()
	s = s.fill()
	r := s.request(t)
	q := r.URL.Query()
	if expires != "" {
		q.Set("X-Amz-Expires", expires)
	}
	r.URL.RawQuery = q.Encode()
	key := aws.Credentials{AccessKeyID: s.key.AccessKeyID, SecretAccessKey: s.key.SecretAccessKey}
	if s.session {
		key.SessionToken = s.key.Token
	}
	opt := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = s.service == "s3" }
	uri, header, err := v4.NewSigner().PresignHTTP(r.Context(), key, r, s.hash, s.service, s.region, s.at, opt)
	if err != nil {
		t.Fatal(err)
	}
	s.url, s.header = uri, nil // header says what was not moved to the query
	out := s.request(t)
	for k, v := range header {
		if k != "Host" && k != "Content-Length" {
			out.Header[k] = v
		}
	}
	return wire(t, out, s.body)
}

// wire sends r through text, so that what is checked is what net/http's server
// makes of the bytes.
func wire(t testing.TB, r *http.Request, body string) *http.Request {
	t.Helper()
	var buf bytes.Buffer
	r.Body = io.NopCloser(strings.NewReader(body))
	if err := r.Write(&buf); err != nil {
		t.Fatal(err)
	}
	in, err := http.ReadRequest(bufio.NewReader(&buf))
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func wantType(t *testing.T, err error, typ, part string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted, want %s", typ)
	}
	if got := ebb.TypeOf(err); got != typ {
		t.Fatalf("error %v, want type %s", err, typ)
	}
	if ebb.KindOf(err) != ebb.Unauthenticated {
		t.Fatalf("error %v has kind %d", err, ebb.KindOf(err))
	}
	if !strings.Contains(err.Error(), part) {
		t.Fatalf("error %q does not say %q", err, part)
	}
	for _, s := range []string{testRoot.SecretAccessKey, testRoot.Token} {
		if strings.Contains(err.Error(), s) {
			t.Fatalf("error %q tells a secret", err)
		}
	}
}

func TestAuthenticateAcceptsTheSigner(t *testing.T) {
	for name, s := range map[string]signing{
		"plain":            {},
		"body":             {body: `{"name":"x"}`, header: map[string]string{"Content-Type": "application/json"}},
		"other region":     {region: "eu-central-1"},
		"get":              {method: "GET", url: "http://localhost:9080/2015-03-31/functions/"},
		"escaped arn":      {method: "GET", url: "http://h/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Ahello"},
		"raw colons":       {method: "GET", url: "http://h/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:hello"},
		"space and utf8":   {method: "GET", url: "http://h/url/abc/a%20b/%E4%BD%A0%2Fx"},
		"root path":        {method: "GET", url: "http://h:9081"},
		"query":            {method: "GET", url: "http://h/?b=2&a=1&a=0&empty&Z=%2F%20%2B%26%3D%7E&%E4%BD%A0=%25"},
		"qualifier":        {url: "http://h/x?Qualifier=%24LATEST"},
		"headers":          {body: "x", header: map[string]string{"X-Amz-Invocation-Type": "DryRun", "X-Custom": "  a   b  ", "User-Agent": "me"}},
		"content hash":     {body: "abc", header: map[string]string{"X-Amz-Content-Sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}},
		"almost too early": {at: testNow.Add(5*time.Minute - time.Second)},
		"almost too late":  {at: testNow.Add(-5*time.Minute + time.Second)},
		"s3 path":          {service: "s3", method: "PUT", url: "http://h/bucket/a%20b%2Bc", body: "x", hash: "UNSIGNED-PAYLOAD", header: map[string]string{"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}},
		"states":           {service: "states", body: "{}", header: map[string]string{"X-Amz-Target": "AWSStepFunctions.ListActivities"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := testAuth().Authenticate(s.signed(t), []byte(s.body))
			if err != nil {
				t.Fatal(err)
			}
			want := Principal{Kind: Root, Service: ebb.DefaultService, Node: true, ARN: "arn:aws:iam::000000000000:root", AccessKey: testRoot.AccessKeyID}
			if p != want {
				t.Fatalf("principal %+v", p)
			}
		})
	}
}

func TestAuthenticateRefuses(t *testing.T) {
	const lambda = "http://h/2015-03-31/functions/hello/invocations"
	for name, c := range map[string]struct {
		s     signing
		alter func(*http.Request)
		body  string
		typ   string
		part  string
	}{
		"wrong secret": {s: signing{key: Credentials{AccessKeyID: testRoot.AccessKeyID, SecretAccessKey: "no"}},
			typ: ebb.TypeInvalidSignature, part: "does not match"},
		"unknown key": {s: signing{key: Credentials{AccessKeyID: "AKIANOBODY", SecretAccessKey: testRoot.SecretAccessKey}},
			typ: ebb.TypeUnrecognizedClient, part: "security token"},
		"altered body": {s: signing{body: "a"}, body: "b", typ: ebb.TypeInvalidSignature, part: "does not match"},
		"body added":   {s: signing{}, body: "b", typ: ebb.TypeInvalidSignature, part: "does not match"},
		"altered body, hash in header": {s: signing{body: "abc", header: map[string]string{
			"X-Amz-Content-Sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}},
			body: "abd", typ: ebb.TypeInvalidSignature, part: "does not match the SHA-256"},
		"altered header": {s: signing{header: map[string]string{"X-Amz-Invocation-Type": "DryRun"}},
			alter: func(r *http.Request) { r.Header.Set("X-Amz-Invocation-Type", "RequestResponse") },
			typ:   ebb.TypeInvalidSignature, part: "does not match"},
		"header taken away": {s: signing{header: map[string]string{"X-Amz-Invocation-Type": "DryRun"}},
			alter: func(r *http.Request) { r.Header.Del("X-Amz-Invocation-Type") },
			typ:   ebb.TypeInvalidSignature, part: "does not match"},
		"header value added": {s: signing{header: map[string]string{"X-Custom": "a"}},
			alter: func(r *http.Request) { r.Header.Add("X-Custom", "b") },
			typ:   ebb.TypeInvalidSignature, part: "does not match"},
		"x-amz header added": {alter: func(r *http.Request) { r.Header.Set("X-Amz-Invocation-Type", "Event") },
			typ: ebb.TypeInvalidSignature, part: "not signed: x-amz-invocation-type"},
		"altered query": {s: signing{url: lambda + "?Qualifier=1"},
			alter: func(r *http.Request) { r.URL.RawQuery = "Qualifier=2" },
			typ:   ebb.TypeInvalidSignature, part: "does not match"},
		"query added": {alter: func(r *http.Request) { r.URL.RawQuery = "Qualifier=2" },
			typ: ebb.TypeInvalidSignature, part: "does not match"},
		"unreadable query added": {s: signing{url: lambda + "?Qualifier=1"},
			alter: func(r *http.Request) { r.URL.RawQuery += "&%zz=1" },
			typ:   ebb.TypeInvalidSignature, part: "cannot be read"},
		"semicolon query added": {s: signing{url: lambda + "?Qualifier=1"},
			alter: func(r *http.Request) { r.URL.RawQuery += "&a;b=1" },
			typ:   ebb.TypeInvalidSignature, part: "cannot be read"},
		"altered path": {alter: func(r *http.Request) { r.URL.Path = "/2015-03-31/functions/other/invocations" },
			typ: ebb.TypeInvalidSignature, part: "does not match"},
		"unescaped path": {s: signing{url: "http://h/functions/a%2Fb"},
			alter: func(r *http.Request) { r.URL.RawPath = "" },
			typ:   ebb.TypeInvalidSignature, part: "does not match"},
		"altered method": {alter: func(r *http.Request) { r.Method = "DELETE" },
			typ: ebb.TypeInvalidSignature, part: "does not match"},
		"altered host": {alter: func(r *http.Request) { r.Host = "other:9080" },
			typ: ebb.TypeInvalidSignature, part: "does not match"},
		"altered date": {alter: func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261122T110001Z") },
			typ: ebb.TypeInvalidSignature, part: "does not match"},
		"skewed late":  {s: signing{at: testNow.Add(-6 * time.Minute)}, typ: ebb.TypeInvalidSignature, part: "Signature expired: 20261122T105400Z is now earlier than 20261122T105500Z (20261122T110000Z - 5 min.)"},
		"skewed early": {s: signing{at: testNow.Add(6 * time.Minute)}, typ: ebb.TypeInvalidSignature, part: "Signature not yet current: 20261122T110600Z is still later than 20261122T110500Z"},
		"wrong service": {s: signing{service: "ec2"},
			typ: ebb.TypeInvalidSignature, part: "Credential should be scoped to correct service"},
		"no authorization": {alter: func(r *http.Request) { r.Header.Del("Authorization") },
			typ: ebb.TypeMissingAuthentication, part: "Missing Authentication Token"},
		"two authorizations": {alter: func(r *http.Request) { r.Header.Add("Authorization", "Bearer x") },
			typ: ebb.TypeIncompleteSignature, part: "more than one"},
		"basic": {alter: func(r *http.Request) { r.Header.Set("Authorization", "Basic eDp5") },
			typ: ebb.TypeIncompleteSignature, part: "algorithm"},
		"no date": {alter: func(r *http.Request) { r.Header.Del("X-Amz-Date") },
			typ: ebb.TypeIncompleteSignature, part: "X-Amz-Date"},
		"bad date": {alter: func(r *http.Request) { r.Header.Set("X-Amz-Date", "yesterday") },
			typ: ebb.TypeIncompleteSignature, part: "ISO-8601"},
		"date of another day": {alter: func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261121T110000Z") },
			typ: ebb.TypeInvalidSignature, part: "Date in Credential scope"},
		"no signature": {alter: edit("Signature=", "Sig="), typ: ebb.TypeIncompleteSignature, part: "'Signature'"},
		"no scope":     {alter: edit("/aws4_request", ""), typ: ebb.TypeIncompleteSignature, part: "Credential must have the form"},
		"host unsigned": {alter: edit("content-length;host;", "content-length;"), s: signing{body: "x"}, body: "x",
			typ: ebb.TypeInvalidSignature, part: "'Host'"},
		"date unsigned": {alter: edit(";x-amz-date", ""), typ: ebb.TypeInvalidSignature, part: "'X-Amz-Date'"},
		"short signature": {alter: func(r *http.Request) { h := r.Header.Get("Authorization"); r.Header.Set("Authorization", h[:len(h)-1]) },
			typ: ebb.TypeInvalidSignature, part: "does not match"},
		"unsigned payload": {s: signing{hash: "UNSIGNED-PAYLOAD", header: map[string]string{"X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD"}},
			typ: ebb.TypeInvalidSignature, part: "value UNSIGNED-PAYLOAD of"},
		"streaming payload": {s: signing{hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", header: map[string]string{"X-Amz-Content-Sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}},
			typ: ebb.TypeInvalidSignature, part: "is not supported"},
		"streaming s3": {s: signing{service: "s3", hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER", header: map[string]string{"X-Amz-Content-Sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}},
			typ: ebb.TypeInvalidSignature, part: "is not supported"},
		"foreign session token": {s: signing{session: true}, typ: ebb.TypeUnrecognizedClient, part: "security token"},
		"wrong bearer": {alter: func(r *http.Request) { r.Header.Set("Authorization", "Bearer no") },
			typ: ebb.TypeUnrecognizedClient, part: "security token"},
		"empty bearer": {alter: func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") },
			typ: ebb.TypeUnrecognizedClient, part: "security token"},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.s.signed(t)
			if c.alter != nil {
				c.alter(r)
			}
			p, err := testAuth().Authenticate(r, []byte(c.body))
			wantType(t, err, c.typ, c.part)
			if p != (Principal{}) {
				t.Fatalf("principal %+v beside an error", p)
			}
		})
	}
}

func edit(old, with string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, with, 1))
	}
}

func TestBearer(t *testing.T) {
	r := httptest.NewRequest("GET", "/v1/node", nil)
	r.Header.Set("Authorization", "bearer "+testRoot.Token)
	p, err := testAuth().Authenticate(r, nil)
	if err != nil || p.Kind != Root {
		t.Fatalf("%+v, %v", p, err)
	}
	// Without a token of its own an Auth takes none, the empty one included.
	none := New(Config{}, Credentials{AccessKeyID: "AKIA", SecretAccessKey: "x"})
	r.Header.Set("Authorization", "Bearer ")
	if _, err := none.Authenticate(r, nil); err == nil {
		t.Fatal("empty token accepted")
	}
}

// A client may sign headers that the SDK's signer never would.
func TestHeadersTheSignerIgnoresAreChecked(t *testing.T) {
	s := signing{}.fill()
	r := s.request(t)
	// In lower case the signer signs it.
	r.Header["user-agent"] = []string{"curl"}
	key := aws.Credentials{AccessKeyID: testRoot.AccessKeyID, SecretAccessKey: testRoot.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(r.Context(), key, r, s.hash, s.service, s.region, s.at); err != nil {
		t.Fatal(err)
	}
	delete(r.Header, "user-agent")
	r.Header.Set("User-Agent", "curl")
	in := wire(t, r, "")
	if !strings.Contains(in.Header.Get("Authorization"), "user-agent") {
		t.Fatal("user-agent was not signed")
	}
	if _, err := testAuth().Authenticate(in, nil); err != nil {
		t.Fatal(err)
	}
	in.Header.Set("User-Agent", "other")
	_, err := testAuth().Authenticate(in, nil)
	wantType(t, err, ebb.TypeInvalidSignature, "does not match")
}

func FuzzAuthenticate(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIATESTTESTTESTTEST/20261122/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00", "20261122T110000Z", "a=1", "/x%2Fy")
	f.Add("Bearer x", "", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/b/c/d/e&X-Amz-Date=&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=1", "/")
	a := testAuth()
	f.Fuzz(func(t *testing.T, authorization, date, query, path string) {
		r := httptest.NewRequest("GET", "http://h/", nil)
		r.URL.Path, r.URL.RawQuery = path, query
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		r.Header.Set("X-Amz-Date", date)
		p, err := a.Authenticate(r, nil)
		if err == nil || p != (Principal{}) {
			t.Fatalf("accepted without the secret: %+v", p)
		}
		if ebb.KindOf(err) != ebb.Unauthenticated {
			t.Fatalf("error %v", err)
		}
	})
}

func BenchmarkAuthenticate(b *testing.B) {
	body := strings.Repeat("x", 1024)
	for name, region := range map[string]string{"cached key": "us-east-1", "other region": "eu-west-1"} {
		b.Run(name, func(b *testing.B) {
			r := signing{body: body, region: region, header: map[string]string{
				"Content-Type": "application/json", "X-Amz-Invocation-Type": "RequestResponse",
				"Amz-Sdk-Invocation-Id": "3b6a7c1e", "Amz-Sdk-Request": "attempt=1; max=3",
			}}.signed(b)
			a, raw := testAuth(), []byte(body)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Authenticate(r, raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

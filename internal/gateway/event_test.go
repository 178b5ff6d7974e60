package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// listen is a rig whose function keeps the last invocation and its event.
type listen struct {
	*rig
	inv   ebb.Invocation
	event map[string]any
}

func newListen(t *testing.T, u *urls) *listen {
	l := new(listen)
	l.rig = newRig(t, Config{}, u, func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		l.inv = *inv
		l.inv.Payload = bytes.Clone(inv.Payload)
		return ebb.Result{}, say(sink, ebb.Head{}, `"ok"`)
	})
	return l
}

// ask sends a request and returns the event it became.
func (l *listen) ask(t *testing.T, method, path, body string, header ...string) map[string]any {
	t.Helper()
	if a := l.do(t, method, l.url+path, body, header...); a.status != 200 {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	return l.decode(t)
}

func (l *listen) decode(t *testing.T) map[string]any {
	t.Helper()
	l.event = nil
	if err := json.Unmarshal(l.inv.Payload, &l.event); err != nil {
		t.Fatalf("%v in %s", err, l.inv.Payload)
	}
	// The types that functions in Go read it with must take it whole.
	strict := json.NewDecoder(bytes.NewReader(l.inv.Payload))
	strict.DisallowUnknownFields()
	var typed struct {
		events.LambdaFunctionURLRequest
		RouteKey string `json:"routeKey"`
	}
	if err := strict.Decode(&typed); err != nil && !strings.Contains(err.Error(), "unknown field") {
		t.Fatal(err)
	}
	return l.event
}

func (l *listen) headers() map[string]any { return l.event["headers"].(map[string]any) }

// The event is that of Lambda, field by field: compare the events that AWS's Go
// library keeps as examples.
func TestEvent(t *testing.T) {
	l := newListen(t, plainURL(func(f *ebb.FunctionURL) { f.Qualifier = "live" }))
	got := l.ask(t, "POST", "/hello?hello=world&foo=bar", `{"hello": "world"}`,
		"Header1", "h1", "Header2", "h1,h2", "Header3", "h3", "Cookie", "foo=bar; hello=hello",
		"Content-Type", "application/json", "User-Agent", "agent/1", "Accept-Encoding", "gzip",
		"X-Amzn-Trace-Id", "Root=1-643eccfa-2c6028925c2b249524664087", "Authorization", "Bearer mine")
	host := strings.TrimPrefix(l.URL, "http://")
	want := map[string]any{
		"version": "2.0", "routeKey": "$default",
		"rawPath": "/hello", "rawQueryString": "hello=world&foo=bar",
		"cookies":               []any{"foo=bar", "hello=hello"},
		"queryStringParameters": map[string]any{"hello": "world", "foo": "bar"},
		"headers": map[string]any{
			"host": host, "header1": "h1", "header2": "h1,h2", "header3": "h3", "cookie": "foo=bar; hello=hello",
			"content-type": "application/json", "content-length": "18", "user-agent": "agent/1", "accept-encoding": "gzip",
			"x-amzn-trace-id": "Root=1-643eccfa-2c6028925c2b249524664087", "authorization": "Bearer mine",
			"x-forwarded-for": "127.0.0.1", "x-forwarded-proto": "http", "x-forwarded-port": host[strings.IndexByte(host, ':')+1:],
		},
		"requestContext": map[string]any{
			"accountId": "anonymous", "apiId": testID, "domainName": "127.0.0.1", "domainPrefix": testID,
			"http": map[string]any{"method": "POST", "path": "/hello", "protocol": "HTTP/1.1",
				"sourceIp": "127.0.0.1", "userAgent": "agent/1"},
			"requestId": string(l.inv.ID), "routeKey": "$default", "stage": "$default",
			"time": "22/Nov/2026:11:00:00 +0000", "timeEpoch": float64(testNow.UnixMilli()),
		},
		"body": `{"hello": "world"}`, "isBase64Encoded": false,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatal(d)
	}
	if l.inv.FunctionKey != testKey || l.inv.Qualifier != "live" || l.inv.TraceID != "Root=1-643eccfa-2c6028925c2b249524664087" {
		t.Fatalf("invocation %+v", l.inv)
	}
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(string(l.inv.ID)) {
		t.Fatalf("id %q", l.inv.ID)
	}
}

// What a request has not, its event has not.
func TestEventOfNothing(t *testing.T) {
	l := newListen(t, plainURL())
	got := l.ask(t, "GET", "", "")
	for _, name := range []string{"body", "cookies", "queryStringParameters", "pathParameters"} {
		if v, ok := got[name]; ok {
			t.Errorf("%s is %v", name, v)
		}
	}
	if got["rawPath"] != "/" || got["rawQueryString"] != "" || got["isBase64Encoded"] != false {
		t.Fatalf("event %v", got)
	}
	if _, ok := got["requestContext"].(map[string]any)["authorizer"]; ok {
		t.Fatal("authorizer without IAM")
	}
	trace := l.headers()["x-amzn-trace-id"].(string)
	if !regexp.MustCompile(`^Root=1-[0-9a-f]{8}-[0-9a-f]{24}$`).MatchString(trace) || trace != l.inv.TraceID {
		t.Fatalf("trace %q, %q", trace, l.inv.TraceID)
	}
}

func TestEventPathsAndQueries(t *testing.T) {
	l := newListen(t, plainURL())
	for path, want := range map[string]string{
		"/": "/", "/a/b/": "/a/b/", "//a//b": "//a//b", "/a%20b%2Fc": "/a%20b%2Fc", "/../x": "/../x",
		"/%E4%BD%A0": "/%E4%BD%A0", "/a;b=1": "/a;b=1",
	} {
		if got := l.ask(t, "GET", path, "")["rawPath"]; got != want {
			t.Errorf("path %s: rawPath %q", path, got)
		}
	}
	for query, want := range map[string]map[string]any{
		"a=1&b=2&a=3":                      {"a": "1,3", "b": "2"},
		"a&b=&=c":                          {"a": "", "b": "", "": "c"},
		"q=a%20b+c%2Bd%26%3D":              {"q": "a b c+d&="},
		"bad=%zz&x=1":                      {"bad": "%zz", "x": "1"},
		"s=a;b&&&t=%22%5C":                 {"s": "a;b", "t": `"\`},
		"u=%E4%BD%A0%ff":                   {"u": "你\ufffd"},
		strings.Repeat("k=v&", 40) + "l=1": {"k": strings.Repeat("v,", 39) + "v", "l": "1"},
	} {
		got := l.ask(t, "GET", "/?"+query, "")
		if d := cmp.Diff(want, got["queryStringParameters"]); d != "" {
			t.Errorf("query %s: %s", query, d)
		}
		if got["rawQueryString"] != query {
			t.Errorf("rawQueryString %q", got["rawQueryString"])
		}
	}
	if got := l.ask(t, "GET", "/?&", ""); got["queryStringParameters"] != nil {
		t.Errorf("parameters of nothing: %v", got)
	}
}

func TestEventBodies(t *testing.T) {
	l := newListen(t, plainURL())
	for _, c := range []struct {
		kind, body string
		text       bool
		header     []string
	}{
		{"text/plain", "a\"b\\c\n\t\x01é你😀", true, nil},
		{"TEXT/HTML; charset=utf-8", "<a&b>", true, nil},
		{"application/json", `{"a":1}`, true, nil},
		{"application/xml; charset=utf-8", `<a/>`, true, nil},
		{"application/javascript", `1`, true, nil},
		{"application/json", "\xff", false, nil},
		{"application/json", "{}", false, []string{"Content-Encoding", "gzip"}},
		{"application/x-www-form-urlencoded", "a=b", false, nil},
		{"application/vnd.api+json", "{}", false, nil},
		{"image/png", "\x89PNG", false, nil},
		{"", "x", false, nil},
		{"text", "x", false, nil},
	} {
		header := append([]string{}, c.header...)
		if c.kind != "" {
			header = append(header, "Content-Type", c.kind)
		}
		got := l.ask(t, "PUT", "/", c.body, header...)
		want := c.body
		if !c.text {
			want = base64.StdEncoding.EncodeToString([]byte(c.body))
		}
		if got["body"] != want || got["isBase64Encoded"] != !c.text {
			t.Errorf("%s %q: %v %v", c.kind, c.body, got["body"], got["isBase64Encoded"])
		}
	}
}

func TestEventHeaders(t *testing.T) {
	l := newListen(t, plainURL())
	l.ask(t, "GET", "/", "", "X-A", "1", "X-A", "2", "X-Gone", "3", "Connection", "x-gone", "Te", "trailers",
		"Proxy-Authorization", "x", "Keep-Alive", "5", "X-Forwarded-For", "10.0.0.1", "X-Forwarded-For", "10.0.0.2",
		"X-Forwarded-Proto", "gopher", "X-Latin", "caf\xe9", "Cookie", "a=1;b=2; ;c=3", "Cookie", "d=4")
	h := l.headers()
	want := map[string]any{"x-a": "1,2", "x-forwarded-for": "10.0.0.1, 10.0.0.2, 127.0.0.1", "x-forwarded-proto": "http", "x-latin": "caf\ufffd"}
	for name, v := range want {
		if h[name] != v {
			t.Errorf("%s: %q", name, h[name])
		}
	}
	for _, name := range []string{"x-gone", "connection", "te", "keep-alive", "proxy-authorization"} {
		if v, ok := h[name]; ok {
			t.Errorf("%s: %q", name, v)
		}
	}
	if d := cmp.Diff([]any{"a=1", "b=2", "c=3", "d=4"}, l.event["cookies"]); d != "" {
		t.Error(d)
	}
	// A caller cannot choose the id, and not fill the log with a trace.
	l.ask(t, "GET", "/", "", "X-Amzn-Trace-Id", strings.Repeat("x", 2000))
	if len(l.inv.TraceID) > 100 {
		t.Errorf("trace of %d bytes", len(l.inv.TraceID))
	}
}

func signed(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(body))
	key := aws.Credentials{AccessKeyID: testRoot.AccessKeyID, SecretAccessKey: testRoot.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(r.Context(), key, r, hex.EncodeToString(sum[:]), "lambda", "us-east-1", testNow); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestIAM(t *testing.T) {
	l := newListen(t, plainURL(withIAM))
	if a := l.send(t, signed(t, "POST", l.url+"/a%20b?x=%2F&y=1", "body")); a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	got := l.decode(t)["requestContext"].(map[string]any)
	want := map[string]any{"iam": map[string]any{
		"accessKey": testRoot.AccessKeyID, "accountId": "000000000000", "callerId": "000000000000",
		"cognitoIdentity": nil, "principalOrgId": nil, "userArn": "arn:aws:iam::000000000000:root", "userId": "000000000000"}}
	if d := cmp.Diff(want, got["authorizer"]); d != "" || got["accountId"] != "000000000000" {
		t.Fatal(d, got)
	}
	if v, ok := l.headers()["authorization"]; ok {
		t.Fatalf("authorization %q", v)
	}
	if l.headers()["x-amz-date"] == nil {
		t.Fatal("no x-amz-date")
	}

	l.inv = ebb.Invocation{}
	bad := signed(t, "POST", l.url, "body")
	bad.URL.RawQuery = "added=1"
	unread, err := http.NewRequest("POST", l.url, strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	for typ, r := range map[string]*http.Request{ebb.TypeInvalidSignature: bad, ebb.TypeMissingAuthentication: unread} {
		a := l.send(t, r)
		if a.status != 403 || a.body != `{"Message":"Forbidden"}` || a.header.Get("X-Amzn-Errortype") != typ {
			t.Fatalf("%d %s %v", a.status, a.body, a.header)
		}
	}
	if l.inv.ID != "" {
		t.Fatal("invoked without a signature")
	}
}

func FuzzEvent(f *testing.F) {
	f.Add("POST", "/a%20b", "a=1&b=%zz&a=", "X-Head", "v\"\\\x00\xff", "a=1; b", "text/plain", []byte("body\u2028\x1f"))
	f.Add("GET", "//", "", "Content-Encoding", "", "", "", []byte{0xff, 0xfe})
	f.Fuzz(func(t *testing.T, method, path, query, name, value, cookie, kind string, body []byte) {
		u := &ebb.FunctionURL{FunctionKey: testKey, ID: testID}
		hr := httptest.NewRequest("GET", "http://h:1/", nil)
		hr.Method, hr.URL.RawQuery = method, query
		hr.Header["Cookie"], hr.Header["Content-Type"] = []string{cookie}, []string{kind}
		if validName(name) && name != "" {
			hr.Header.Add(name, value)
		}
		r := &request{Request: hr, route: &route{FunctionURL: u}, path: path, body: body, id: newID(), trace: "Root=1", at: testNow}
		event := appendEvent(nil, r)
		if !utf8.Valid(event) {
			t.Fatalf("not UTF-8: %q", event)
		}
		var got events.LambdaFunctionURLRequest
		if err := json.Unmarshal(event, &got); err != nil {
			t.Fatalf("%v: %s", err, event)
		}
		back := []byte(got.Body)
		if got.IsBase64Encoded {
			back, _ = base64.StdEncoding.DecodeString(got.Body)
		}
		if !bytes.Equal(back, body) && len(body) > 0 {
			t.Fatalf("body %q became %q", body, back)
		}
		valid := func(s string) string { return strings.ToValidUTF8(s, "\ufffd") }
		if len([]rune(got.RawPath)) != len([]rune(path)) || utf8.ValidString(path) && got.RawPath != path {
			t.Fatalf("path %q became %q", path, got.RawPath)
		}
		if utf8.ValidString(query) && got.RawQueryString != query {
			t.Fatalf("query %q became %q", query, got.RawQueryString)
		}
		want, err := url.ParseQuery(query)
		if err == nil && utf8.ValidString(query) && !strings.Contains(query, "%") {
			joined := map[string]string{}
			for k, v := range want {
				joined[valid(k)] = valid(strings.Join(v, ","))
			}
			if len(joined) == 0 {
				joined = nil
			}
			if !reflect.DeepEqual(joined, got.QueryStringParameters) {
				t.Fatalf("query %q became %v", query, got.QueryStringParameters)
			}
		}
	})
}

func BenchmarkEvent(b *testing.B) {
	hr := httptest.NewRequest("POST", "http://127.0.0.1:9081/url/"+testID+"/items/7?limit=10&next=abc", nil)
	hr.Header = http.Header{"User-Agent": {"bench/1.0"}, "Accept": {"*/*"}, "Accept-Encoding": {"gzip"},
		"Content-Type": {"application/json"}, "Content-Length": {"1024"}}
	body := []byte(`{"text":"` + strings.Repeat("x", 1013) + `"}`)
	r := &request{Request: hr, route: &route{FunctionURL: &ebb.FunctionURL{ID: testID}}, path: "/items/7", body: body,
		id: newID(), trace: newTrace(testNow), at: testNow}
	b.Run("text", func(b *testing.B) {
		var buf []byte
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			buf = appendEvent(buf[:0], r)
		}
	})
	b.Run("base64 iam", func(b *testing.B) {
		r.principal = auth.Principal{Kind: auth.Root, Service: ebb.DefaultService}
		hr.Header.Set("Content-Type", "image/png")
		var buf []byte
		b.ReportAllocs()
		b.SetBytes(int64(len(body)))
		for b.Loop() {
			buf = appendEvent(buf[:0], r)
		}
	})
}

func TestAppendTimeIsTimeFormat(t *testing.T) {
	at := time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC)
	for range 500 {
		want := at.Format("02/Jan/2006:15:04:05 -0700")
		if got := string(appendTime(nil, at)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		at = at.Add(26*time.Hour + 61*time.Minute + 7*time.Second)
	}
}

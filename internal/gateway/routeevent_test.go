package gateway

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const golden2 = `{
	"version": "2.0", "routeKey": "POST /orders/{id}/{rest+}", "rawPath": "/orders/4%20711/a/b", "rawQueryString": "x=1&x=2&y=%26",
	"cookies": ["c1=v1", "c2=v2"],
	"headers": {"accept-encoding": "gzip", "content-length": "7", "content-type": "application/json", "cookie": "c1=v1; c2=v2", "host": "HOST",
		"header1": "v1,v2", "user-agent": "agent/1", "x-amzn-trace-id": "Root=1-643eccfa-2c6028925c2b249524664087",
		"x-forwarded-for": "192.0.2.1, 127.0.0.1", "x-forwarded-port": "PORT", "x-forwarded-proto": "http"},
	"queryStringParameters": {"x": "1,2", "y": "&"},
	"pathParameters": {"id": "4 711", "rest": "a/b"},
	"requestContext": {"accountId": "000000000000", "apiId": "id-route-b", "domainName": "127.0.0.1", "domainPrefix": "127",
		"http": {"method": "POST", "path": "/orders/4%20711/a/b", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "agent/1"},
		"requestId": "REQUEST", "routeKey": "POST /orders/{id}/{rest+}", "stage": "$default",
		"time": "22/Nov/2026:11:00:00 +0000", "timeEpoch": 1795345200123},
	"body": "{\"a\":1}", "isBase64Encoded": false
}`

// golden1 has every field of an HTTP API's event of format 1.0, as AWS's guide
// shows it.
const golden1 = `{
	"version": "1.0", "resource": "/orders/{id}/{rest+}", "path": "/orders/4%20711/a/b", "httpMethod": "POST",
	"headers": {"Accept-Encoding": "gzip", "Content-Length": "7", "Content-Type": "application/json", "Cookie": "c1=v1; c2=v2", "Host": "HOST",
		"Header1": "v2", "User-Agent": "agent/1", "X-Amzn-Trace-Id": "Root=1-643eccfa-2c6028925c2b249524664087",
		"X-Forwarded-For": "192.0.2.1, 127.0.0.1", "X-Forwarded-Port": "PORT", "X-Forwarded-Proto": "http"},
	"multiValueHeaders": {"Accept-Encoding": ["gzip"], "Content-Length": ["7"], "Content-Type": ["application/json"], "Cookie": ["c1=v1; c2=v2"], "Host": ["HOST"],
		"Header1": ["v1", "v2"], "User-Agent": ["agent/1"], "X-Amzn-Trace-Id": ["Root=1-643eccfa-2c6028925c2b249524664087"],
		"X-Forwarded-For": ["192.0.2.1, 127.0.0.1"], "X-Forwarded-Port": ["PORT"], "X-Forwarded-Proto": ["http"]},
	"queryStringParameters": {"x": "2", "y": "&"},
	"multiValueQueryStringParameters": {"x": ["1", "2"], "y": ["&"]},
	"requestContext": {"accountId": "000000000000", "apiId": "id-route-b", "authorizer": {"claims": null, "scopes": null},
		"domainName": "127.0.0.1", "domainPrefix": "127", "extendedRequestId": "REQUEST", "httpMethod": "POST",
		"identity": {"accessKey": null, "accountId": null, "caller": null, "clientCert": null, "cognitoAuthenticationProvider": null,
			"cognitoAuthenticationType": null, "cognitoIdentityId": null, "cognitoIdentityPoolId": null, "principalOrgId": null,
			"sourceIp": "127.0.0.1", "user": null, "userAgent": "agent/1", "userArn": null},
		"path": "/orders/4%20711/a/b", "protocol": "HTTP/1.1", "requestId": "REQUEST", "requestTime": "22/Nov/2026:11:00:00 +0000",
		"requestTimeEpoch": 1795345200123, "resourceId": null, "resourcePath": "/orders/{id}/{rest+}", "stage": "$default"},
	"pathParameters": {"id": "4 711", "rest": "a/b"}, "stageVariables": null,
	"body": "{\"a\":1}", "isBase64Encoded": false
}`

func TestRouteEvents(t *testing.T) {
	for format, golden := range map[string]string{"1.0": golden1, "2.0": golden2} {
		r := newRouteRig(t, Config{}, nil)
		r.answer = `{"statusCode":200}`
		r.put(ebb.Route{Path: "/orders/{id}/{rest+}", Methods: []string{"POST", "PUT"}, PayloadFormat: format})
		got := r.ask("POST", "/orders/4%20711/a/b?x=1&x=2&y=%26", `{"a":1}`, "Content-Type", "application/json", "Cookie", "c1=v1; c2=v2",
			"Header1", "v1", "Header1", "v2", "User-Agent", "agent/1", "Accept-Encoding", "gzip", "X-Forwarded-For", "192.0.2.1",
			"X-Amzn-Trace-Id", "Root=1-643eccfa-2c6028925c2b249524664087")
		host := strings.TrimPrefix(r.URL, "http://")
		golden = strings.NewReplacer("HOST", host, "PORT", host[strings.IndexByte(host, ':')+1:], "REQUEST", string(r.inv.ID)).Replace(golden)
		var want map[string]any
		if err := json.Unmarshal([]byte(golden), &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("format %s: %s", format, d)
		}
	}
}

// What a request does not have is null in format 1.0, and the path that takes
// everything is called $default.
func TestRouteEvent1OfNothing(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	r.answer = `{"statusCode":200}`
	r.put(ebb.Route{Path: "/*", PayloadFormat: "1.0"})
	got := r.ask("GET", "/", "")
	for _, name := range []string{"body", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters", "stageVariables"} {
		if v, ok := got[name]; !ok || v != nil {
			t.Errorf("%s is %v, %v", name, v, ok)
		}
	}
	if got["resource"] != "$default" || got["isBase64Encoded"] != false {
		t.Fatalf("event %v", got)
	}
	got = r.ask("POST", "/x", "\xff", "Content-Type", "image/png")
	if got["isBase64Encoded"] != true || got["body"] != base64.StdEncoding.EncodeToString([]byte{0xff}) {
		t.Fatalf("body %v", got["body"])
	}
}

func TestAnswers1(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	r.put(ebb.Route{Path: "/x", PayloadFormat: "1.0"})
	r.answer = `{"statusCode":201,"headers":{"X-A":"single","X-B":"b"},"multiValueHeaders":{"x-a":["1","2"],"Set-Cookie":["c=1","d=2"],"X-N":[3,true]},"body":"aGk=","isBase64Encoded":true}`
	a := r.do(t, "GET", r.URL+"/x", "")
	want := map[string][]string{"X-A": {"1", "2"}, "X-B": {"b"}, "Set-Cookie": {"c=1", "d=2"}, "X-N": {"3", "true"}, "Content-Type": {"application/json"}}
	for name, values := range want {
		if d := cmp.Diff(values, a.header.Values(name)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	if a.status != 201 || a.body != "hi" {
		t.Fatalf("%d %q", a.status, a.body)
	}
	for _, bad := range []string{`"text"`, `{"a":1}`, `[]`, ``, `{"statusCode":200,"body":{}}`, `{"statusCode":200,"multiValueHeaders":{"A":"b"}}`, `{"statusCode":99}`,
		`{"statusCode":200,"multiValueHeaders":{"A":["b\n"]}}`} {
		r.answer = bad
		r.refused(http.StatusBadGateway, "FunctionError", "GET", "/x", "")
	}
	// Cookies are of format 2.0, several values of 1.0.
	r.answer = `{"statusCode":200,"cookies":["a=1"]}`
	if a := r.do(t, "GET", r.URL+"/x", ""); a.status != 200 || a.header.Get("Set-Cookie") != "" {
		t.Fatalf("%d %v", a.status, a.header)
	}
	r.put(ebb.Route{Path: "/y"})
	r.answer = `{"statusCode":200,"cookies":["a=1"],"multiValueHeaders":{"X-A":["1"]}}`
	if a := r.do(t, "GET", r.URL+"/y", ""); a.status != 200 || a.header.Get("Set-Cookie") != "a=1" || a.header.Get("X-A") != "" {
		t.Fatalf("%d %v", a.status, a.header)
	}
}

func FuzzEvent1(f *testing.F) {
	f.Add("POST", "/a%20b", "a=1&b=%zz&a=", "X-Head", "v\"\\\x00\xff", "text/plain", []byte("body\u2028\x1f"))
	f.Add("GET", "//", "", "Content-Encoding", "", "", []byte{0xff, 0xfe})
	f.Fuzz(func(t *testing.T, method, path, query, name, value, kind string, body []byte) {
		h := &httpRoute{settings: ebb.Route{Path: "/{x+}"}, names: []string{"x"}, anyKey: "ANY /{x+}"}
		hr := httptest.NewRequest("GET", "http://h:1/", nil)
		hr.Method, hr.URL.RawQuery = method, query
		hr.Header["Content-Type"] = []string{kind}
		if validName(name) {
			hr.Header.Add(name, value)
		}
		r := &request{Request: hr, route: &route{FunctionURL: &ebb.FunctionURL{FunctionKey: testKey, ID: testID}, http: h},
			path: path, body: body, id: newID(), trace: "Root=1", at: testNow, found: &found{n: 1}}
		r.found.values[0] = path
		event := appendEvent1(nil, r)
		if !utf8.Valid(event) {
			t.Fatalf("not UTF-8: %q", event)
		}
		var got events.APIGatewayProxyRequest
		if err := json.Unmarshal(event, &got); err != nil {
			t.Fatalf("%v: %s", err, event)
		}
		back := got.Body
		if got.IsBase64Encoded {
			b, err := base64.StdEncoding.DecodeString(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			back = string(b)
		}
		if back != string(body) {
			t.Fatalf("body %q became %q", body, back)
		}
		if utf8.ValidString(path) && (got.Path != path || got.PathParameters["x"] != path) {
			t.Fatalf("path %q became %q, %q", path, got.Path, got.PathParameters["x"])
		}
		for key, values := range got.MultiValueQueryStringParameters {
			if len(values) == 0 || values[len(values)-1] != got.QueryStringParameters[key] {
				t.Fatalf("%q: %q and %q", key, values, got.QueryStringParameters[key])
			}
		}
		for key, values := range got.MultiValueHeaders {
			if len(values) == 0 || values[len(values)-1] != got.Headers[key] {
				t.Fatalf("%q: %q and %q", key, values, got.Headers[key])
			}
		}
	})
}

// FuzzAnswer1 has the decoder of format 1.0 agree with encoding/json on what is
// an answer.
func FuzzAnswer1(f *testing.F) {
	for _, s := range []string{`{"statusCode":200,"headers":{"a":"b"},"multiValueHeaders":{"a":["b","c"]},"body":"\ud83d\ude00\n","isBase64Encoded":false}`,
		`"x"`, `{"a":1}`, `{"statusCode":"404","body":null}`, `{"multiValueHeaders":{"a":[1,null]},"statusCode":200}`, `{"statusCode":200,}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if !utf8.Valid(doc) {
			return
		}
		var r response
		wrong := parseAnswer1(append([]byte(nil), doc...), &r)
		if wrong != "" {
			return
		}
		var got struct {
			Body *string `json:"body"`
		}
		var whole map[string]json.RawMessage
		if err := json.Unmarshal(doc, &whole); err != nil {
			t.Fatalf("took %q: %v", doc, err)
		}
		if raw, ok := whole["body"]; ok {
			if err := json.Unmarshal(raw, &got.Body); err != nil {
				t.Fatalf("took %q: %v", doc, err)
			}
		}
		if string(whole["isBase64Encoded"]) != "true" && got.Body != nil && *got.Body != string(r.body) {
			t.Fatalf("%q: body %q", doc, r.body)
		}
		for _, p := range append(r.headers, r.multi...) {
			if !validName(p.key) || !validValue(p.value) {
				t.Fatalf("%q: header %q: %q", doc, p.key, p.value)
			}
		}
	})
}

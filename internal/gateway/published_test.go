package gateway

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// published1 and published2 are the members of the events that AWS's guide to HTTP
// APIs prints for the two payload formats, without those whose names are the
// caller's.
const (
	published2 = `version routeKey rawPath rawQueryString cookies headers queryStringParameters
		requestContext.accountId requestContext.apiId
		requestContext.authentication.clientCert.clientCertPem requestContext.authentication.clientCert.subjectDN
		requestContext.authentication.clientCert.issuerDN requestContext.authentication.clientCert.serialNumber
		requestContext.authentication.clientCert.validity.notBefore requestContext.authentication.clientCert.validity.notAfter
		requestContext.authorizer.jwt.claims requestContext.authorizer.jwt.scopes
		requestContext.domainName requestContext.domainPrefix
		requestContext.http.method requestContext.http.path requestContext.http.protocol requestContext.http.sourceIp requestContext.http.userAgent
		requestContext.requestId requestContext.routeKey requestContext.stage requestContext.time requestContext.timeEpoch
		body pathParameters isBase64Encoded stageVariables`
	published1 = `version resource path httpMethod headers multiValueHeaders queryStringParameters multiValueQueryStringParameters
		requestContext.accountId requestContext.apiId requestContext.authorizer.claims requestContext.authorizer.scopes
		requestContext.domainName requestContext.domainPrefix requestContext.extendedRequestId requestContext.httpMethod
		requestContext.identity.accessKey requestContext.identity.accountId requestContext.identity.caller
		requestContext.identity.cognitoAuthenticationProvider requestContext.identity.cognitoAuthenticationType
		requestContext.identity.cognitoIdentityId requestContext.identity.cognitoIdentityPoolId requestContext.identity.principalOrgId
		requestContext.identity.sourceIp requestContext.identity.user requestContext.identity.userAgent requestContext.identity.userArn
		requestContext.identity.clientCert.clientCertPem requestContext.identity.clientCert.subjectDN requestContext.identity.clientCert.issuerDN
		requestContext.identity.clientCert.serialNumber requestContext.identity.clientCert.validity.notBefore requestContext.identity.clientCert.validity.notAfter
		requestContext.path requestContext.protocol requestContext.requestId requestContext.requestTime requestContext.requestTimeEpoch
		requestContext.resourceId requestContext.resourcePath requestContext.stage
		pathParameters stageVariables body isBase64Encoded`
)

// leaves are the paths of an event's members.
func leaves(at string, v any) []string {
	own := []string{"headers", "multiValueHeaders", "queryStringParameters", "multiValueQueryStringParameters", "pathParameters",
		"requestContext.authorizer.jwt.claims", "requestContext.authorizer.claims"}
	object, ok := v.(map[string]any)
	if !ok || slices.Contains(own, at) {
		return []string{at}
	}
	var all []string
	for name, v := range object {
		all = append(all, leaves(strings.TrimPrefix(at+"."+name, "."), v)...)
	}
	return all
}

// TestPublishedExamples makes the request of the guide's examples, with a
// certificate and a token, and compares what the event has, member by member, and
// what the caller sent, value by value. Stages have no variables here: format 2.0
// leaves such out.
func TestPublishedExamples(t *testing.T) {
	hr := httptest.NewRequest("POST", "https://id.execute-api.us-east-1.amazonaws.com/my/path?parameter1=value1&parameter1=value2&parameter2=value", nil)
	hr.RemoteAddr = "192.0.2.1:4711"
	hr.Header = map[string][]string{"Header1": {"value1"}, "Header2": {"value1", "value2"}, "Cookie": {"cookie1; cookie2"},
		"User-Agent": {"agent"}, "Content-Type": {"text/plain"}}
	at := time.Date(2020, 3, 12, 19, 3, 58, 390e6, time.UTC)
	cert := &x509.Certificate{Raw: []byte("x"), Subject: pkix.Name{CommonName: "www.example.com"}, Issuer: pkix.Name{CommonName: "Example issuer"},
		SerialNumber: new(big.Int).SetBytes([]byte{0xa1, 0xa1, 0xa1}), NotBefore: time.Date(2019, 5, 28, 12, 30, 2, 0, time.UTC), NotAfter: time.Date(2021, 8, 5, 9, 36, 4, 0, time.UTC)}
	for format, list := range map[string]string{ebb.PayloadFormat1: published1, ebb.PayloadFormat2: published2} {
		h := &httpRoute{settings: ebb.Route{Path: "/my/{parameter1}", PayloadFormat: format}, names: []string{"parameter1"}}
		h.setKeys()
		r := &request{Request: hr, path: "/my/path", body: []byte("Hello from Lambda"), id: "id", trace: "Root=1", at: at, found: &found{n: 1},
			route: &route{FunctionURL: &ebb.FunctionURL{FunctionKey: ebb.FunctionKey{Service: "123456789012", Name: "f"}, ID: "api-id"}, http: h},
			caller: caller{cert: cert, token: &token{asked: true, scopes: []string{"scope1", "scope2"},
				claims: map[string]json.RawMessage{"claim1": []byte(`"value1"`), "claim2": []byte(`"value2"`)}}}}
		r.found.values[0] = "value1"
		var event map[string]any
		if err := json.Unmarshal(appendRouteEvent(nil, r), &event); err != nil {
			t.Fatal(err)
		}
		want, got := strings.Fields(list), leaves("", event)
		if format == ebb.PayloadFormat2 {
			want = slices.DeleteFunc(want, func(s string) bool { return s == "stageVariables" })
		}
		slices.Sort(want)
		slices.Sort(got)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("format %s: %s", format, d)
		}
		headers, query := event["headers"].(map[string]any), event["queryStringParameters"].(map[string]any)
		values := map[string]any{
			"body": event["body"], "base64": event["isBase64Encoded"],
			"parameters": event["pathParameters"], "cookies": event["cookies"], "raw": event["rawQueryString"],
			"header1": headers["header1"], "header2": headers["header2"], "parameter1": query["parameter1"], "parameter2": query["parameter2"],
		}
		expected := map[string]any{"body": "Hello from Lambda", "base64": false, "parameters": map[string]any{"parameter1": "value1"},
			"cookies": []any{"cookie1", "cookie2"}, "raw": hr.URL.RawQuery, "header1": "value1", "header2": "value1,value2",
			"parameter1": "value1,value2", "parameter2": "value"}
		if format == ebb.PayloadFormat1 {
			for _, name := range []string{"cookies", "raw", "header1", "header2"} {
				expected[name] = nil // of format 2.0, or spelt as HTTP spells it
			}
			expected["parameter1"] = "value2"
			if headers["Header1"] != "value1" || headers["Header2"] != "value2" {
				t.Errorf("headers %v", headers)
			}
			multi := map[string]any{"parameter1": []any{"value1", "value2"}, "parameter2": []any{"value"}}
			if d := cmp.Diff(multi, event["multiValueQueryStringParameters"]); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]any{"value1", "value2"}, event["multiValueHeaders"].(map[string]any)["Header2"]); d != "" {
				t.Error(d)
			}
		}
		if d := cmp.Diff(expected, values); d != "" {
			t.Errorf("format %s: %s", format, d)
		}
		spelt := string(appendRouteEvent(nil, r))
		for _, part := range []string{`"serialNumber":"a1:a1:a1"`, `"notBefore":"May 28 12:30:02 2019 GMT"`, `"notAfter":"Aug  5 09:36:04 2021 GMT"`,
			`12/Mar/2020:19:03:58 +0000`, `1584039838390`, `"scopes":["scope1","scope2"]`, `"claims":{"claim1":"value1","claim2":"value2"}`} {
			if !strings.Contains(spelt, part) {
				t.Errorf("format %s lacks %s: %s", format, part, spelt)
			}
		}
	}
}

// TestRouteJWTFileChanges: keys in a file are rotated by replacing it.
func TestRouteJWTFileChanges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	write := func(keys ...jose.JSONWebKey) {
		t.Helper()
		var set jose.JSONWebKeySet
		for _, k := range keys {
			set.Keys = append(set.Keys, k.Public())
		}
		text, err := json.Marshal(set)
		if err == nil {
			err = os.WriteFile(file+".new", text, 0o600)
		}
		if err == nil {
			err = os.Rename(file+".new", file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	old, next := newJWK(t, "old", jose.ES256), newJWK(t, "next", jose.ES256)
	write(old)
	var passed atomic.Int64
	r := newRouteRig(t, Config{JWKSDir: filepath.Dir(file), Now: func() time.Time { return testNow.Add(time.Duration(passed.Load())) }}, nil)
	r.put(ebb.Route{Path: "/x", Auth: ebb.RouteAuthJWT, Issuer: "https://id.bank.example", Audience: []string{"api"}, JWKS: "keys.json"})
	ask := func(k jose.JSONWebKey) int {
		return r.do(t, "GET", r.URL+"/x", "", "Authorization", signToken(t, k, goodClaims())).status
	}
	steps := []struct {
		what      string
		change    func()
		after     time.Duration
		old, next int
	}{
		{"one key", func() {}, 0, 200, 401},
		{"both", func() { write(old, next) }, 11 * time.Second, 200, 200},
		{"the new one", func() { write(next) }, 11 * time.Minute, 401, 200},
		{"half a file", func() { must(t, os.WriteFile(file, []byte(`{"keys":[`), 0o600)) }, 11 * time.Minute, 401, 200},
		{"no file", func() { must(t, os.Remove(file)) }, 11 * time.Minute, 401, 200},
	}
	for _, s := range steps {
		s.change()
		passed.Add(int64(s.after))
		if a, b := ask(old), ask(next); a != s.old || b != s.next {
			t.Errorf("%s: %d and %d, want %d and %d", s.what, a, b, s.old, s.next)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestRouteLimitsOfCallers: who is counted is whoever proved who they are, by key
// and by token, not the address they share.
func TestRouteLimitsOfCallers(t *testing.T) {
	i := newTokenIssuer(t)
	k := newJWK(t, "k", jose.ES256)
	i.set(false, k)
	r := newRouteRig(t, Config{JWKSPrivate: loopback()}, nil)
	r.put(ebb.Route{Path: "/key", Auth: ebb.RouteAuthKey, CallerRate: 0.5, CallerBurst: 1})
	r.put(ebb.Route{Path: "/jwt", Auth: ebb.RouteAuthJWT, Issuer: "https://id.bank.example", Audience: []string{"api"}, JWKS: i.URL, CallerRate: 0.5, CallerBurst: 1})
	r.put(ebb.Route{Path: "/all", Rate: 0.5, Burst: 2})
	for _, name := range []string{"one", "two"} {
		_, key, err := r.auth.CreateAPIKey(t.Context(), ebb.APIKey{Service: testKey.Service, Name: name})
		if err != nil {
			t.Fatal(err)
		}
		r.ask("GET", "/key", "", "X-Api-Key", key)
		a := r.refused(429, ebb.TypeTooManyRequests, "GET", "/key", "", "X-Api-Key", key)
		token := signToken(t, k, goodClaims("sub", name))
		r.ask("GET", "/jwt", "", "Authorization", token)
		b := r.refused(429, ebb.TypeTooManyRequests, "GET", "/jwt", "", "Authorization", token)
		for _, said := range []answered{a, b} {
			if said.header.Get("Retry-After") != "2" || !strings.Contains(said.body, ebb.ReasonCaller) {
				t.Errorf("%v %s", said.header, said.body)
			}
		}
		r.ask("GET", "/all", "")
	}
	if a := r.refused(429, ebb.TypeTooManyRequests, "GET", "/all", ""); a.header.Get("Retry-After") != "2" || !strings.Contains(a.body, ebb.ReasonRoute) {
		t.Errorf("%v %s", a.header, a.body)
	}
}

// TestRoutePreflight: a preflight is answered by the route's settings, without the
// caller's proof, and what is not allowed is not mentioned; of an answer the
// settings' headers take the place of the function's.
func TestRoutePreflight(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	r.put(ebb.Route{Path: "/x/{id}", Methods: []string{"POST"}, Auth: ebb.RouteAuthKey, CORS: &ebb.RouteCORS{
		AllowOrigins: []string{"https://shop.example"}, AllowMethods: []string{"POST"}, AllowHeaders: []string{"content-type", "x-api-key"},
		ExposeHeaders: []string{"x-request"}, AllowCredentials: true, MaxAge: 600}})
	ask := func(origin, method string) answered {
		return r.do(t, "OPTIONS", r.URL+"/x/1", "", "Origin", origin, "Access-Control-Request-Method", method, "Access-Control-Request-Headers", "content-type")
	}
	a := ask("https://shop.example", "POST")
	for name, want := range map[string]string{"Origin": "https://shop.example", "Methods": "POST", "Headers": "content-type,x-api-key", "Credentials": "true"} {
		if got := a.header.Get("Access-Control-Allow-" + name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a.status != 200 || a.header.Get("Access-Control-Max-Age") != "600" || r.inv.ID != "" {
		t.Errorf("%d %v, invoked %q", a.status, a.header, r.inv.ID)
	}
	if a := ask("https://evil.example", "POST"); a.header.Get("Access-Control-Allow-Origin") != "" || a.header.Get("Access-Control-Allow-Methods") != "" {
		t.Errorf("another origin: %v", a.header)
	}
	if a := ask("https://shop.example", "DELETE"); a.header.Get("Access-Control-Allow-Origin") != "" || a.status != 405 {
		t.Errorf("another method: %d %v", a.status, a.header)
	}
	_, key, err := r.auth.CreateAPIKey(t.Context(), ebb.APIKey{Service: testKey.Service, Name: "k"})
	if err != nil {
		t.Fatal(err)
	}
	r.answer = `{"statusCode":200,"headers":{"Access-Control-Allow-Origin":"*","X-Request":"1"}}`
	a = r.do(t, "POST", r.URL+"/x/1", "", "Origin", "https://shop.example", "X-Api-Key", key)
	if got := a.header.Values("Access-Control-Allow-Origin"); a.status != 200 || len(got) != 1 || got[0] != "https://shop.example" ||
		a.header.Get("Access-Control-Expose-Headers") != "x-request" {
		t.Errorf("%d %v", a.status, a.header)
	}
}

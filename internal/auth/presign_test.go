package auth

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestPresigned(t *testing.T) {
	get := signing{method: "GET", url: "http://h:9080/code/abc?x=a%20b&y=%2B"}
	for name, c := range map[string]struct {
		s       signing
		expires string
		alter   func(*http.Request)
		now     time.Duration // after signing
		typ     string        // "" = accepted
		part    string
	}{
		"good":            {s: get, expires: "60"},
		"s3 unsigned":     {s: signing{method: "GET", url: "http://h/b/k%20x", service: "s3", hash: "UNSIGNED-PAYLOAD"}, expires: "60"},
		"with header":     {s: signing{method: "GET", url: "http://h/", header: map[string]string{"Content-Type": "a/b"}}, expires: "60"},
		"hoisted header":  {s: signing{method: "POST", url: "http://h/", header: map[string]string{"X-Amz-Invocation-Type": "DryRun"}}, expires: "60"},
		"last second":     {s: get, expires: "60", now: 60 * time.Second},
		"expired":         {s: get, expires: "60", now: 61 * time.Second, typ: ebb.TypeInvalidSignature, part: "Signature expired"},
		"long":            {s: get, expires: "604800", now: 6 * 24 * time.Hour},
		"too long":        {s: get, expires: "604801", typ: ebb.TypeIncompleteSignature, part: "X-Amz-Expires"},
		"zero":            {s: get, expires: "0", typ: ebb.TypeIncompleteSignature, part: "X-Amz-Expires"},
		"no expires":      {s: get, typ: ebb.TypeIncompleteSignature, part: "X-Amz-Expires"},
		"from the future": {s: get, expires: "60", now: -6 * time.Minute, typ: ebb.TypeInvalidSignature, part: "not yet current"},
		"longer by hand": {s: get, expires: "60", now: 61 * time.Second, alter: setQuery("X-Amz-Expires", "600"),
			typ: ebb.TypeInvalidSignature, part: "does not match"},
		"altered query": {s: get, expires: "60", alter: setQuery("x", "c"), typ: ebb.TypeInvalidSignature, part: "does not match"},
		"query added":   {s: get, expires: "60", alter: setQuery("z", "c"), typ: ebb.TypeInvalidSignature, part: "does not match"},
		"date twice": {s: get, expires: "60", alter: func(r *http.Request) { r.URL.RawQuery += "&X-Amz-Date=20261122T110000Z" },
			typ: ebb.TypeIncompleteSignature, part: "X-Amz-Date"},
		"header unsigned": {s: get, expires: "60", alter: func(r *http.Request) { r.Header.Set("X-Amz-Invocation-Type", "DryRun") },
			typ: ebb.TypeInvalidSignature, part: "not signed"},
		"other algorithm": {s: get, expires: "60", alter: setQuery("X-Amz-Algorithm", "AWS4-ECDSA-P256-SHA256"),
			typ: ebb.TypeIncompleteSignature, part: "algorithm"},
		"wrong secret": {s: signing{method: "GET", url: "http://h/", key: Credentials{AccessKeyID: testRoot.AccessKeyID, SecretAccessKey: "no"}},
			expires: "60", typ: ebb.TypeInvalidSignature, part: "does not match"},
		"host unsigned": {s: get, expires: "60", alter: setQuery("X-Amz-SignedHeaders", "content-type"),
			typ: ebb.TypeInvalidSignature, part: "'Host'"},
	} {
		t.Run(name, func(t *testing.T) {
			r := c.s.presigned(t, c.expires)
			if c.alter != nil {
				c.alter(r)
			}
			a := New(Config{Now: func() time.Time { return testNow.Add(c.now) }}, testRoot)
			_, err := a.Authenticate(r, nil)
			if c.typ == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantType(t, err, c.typ, c.part)
		})
	}
}

func setQuery(key, value string) func(*http.Request) {
	return func(r *http.Request) {
		q := r.URL.Query()
		q.Set(key, value)
		r.URL.RawQuery = q.Encode()
	}
}

func TestPresignedBody(t *testing.T) {
	s := signing{url: "http://h/x", body: "abc"}
	if _, err := testAuth().Authenticate(s.presigned(t, "60"), []byte("abc")); err != nil {
		t.Fatal(err)
	}
	_, err := testAuth().Authenticate(s.presigned(t, "60"), []byte("abd"))
	wantType(t, err, ebb.TypeInvalidSignature, "does not match")
	// Presigned, a caller may leave the body open, and says so in the query.
	s = signing{url: "http://h/x?X-Amz-Content-Sha256=UNSIGNED-PAYLOAD", body: "abc", hash: "UNSIGNED-PAYLOAD"}
	if _, err := testAuth().Authenticate(s.presigned(t, "60"), []byte("anything")); err != nil {
		t.Fatal(err)
	}
}

func TestPresign(t *testing.T) {
	a := testAuth()
	for _, service := range []string{"lambda", "s3"} {
		uri, err := a.Presign(context.Background(), "GET", "http://127.0.0.1:9080/code/000000000000/he%20llo?v=1", service, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequest("GET", uri, nil)
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.Authenticate(wire(t, r, ""), nil)
		if err != nil || p.Kind != Root {
			t.Fatalf("%s: %+v, %v", service, p, err)
		}
		r.Method = "DELETE"
		_, err = a.Authenticate(wire(t, r, ""), nil)
		wantType(t, err, ebb.TypeInvalidSignature, "does not match")
	}
}

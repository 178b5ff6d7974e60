package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		err     error
		status  int
		body    string
		headers map[string]string
		logged  string
	}{
		"concurrency": {&ebb.Error{Kind: ebb.Throttled, Type: ebb.TypeTooManyRequests, Message: "secret", Reason: ebb.ReasonConcurrency, RetryAfter: 1500 * time.Millisecond},
			429, `{"Message":"Rate Exceeded.","Reason":"ConcurrentInvocationLimitExceeded"}`,
			map[string]string{"Retry-After": "2", "X-Amzn-Errortype": ebb.TypeTooManyRequests}, ""},
		"throttled, no hint": {&ebb.Error{Kind: ebb.Throttled, Type: ebb.TypeTooManyRequests}, 429, `{"Message":"Rate Exceeded."}`, map[string]string{"Retry-After": "1"}, ""},
		"draining":           {&ebb.Error{Kind: ebb.Unavailable, Type: ebb.TypeServiceUnavailable}, 503, `{"Message":"Service Unavailable"}`, map[string]string{"Retry-After": "1"}, ""},
		"function gone":      {fmt.Errorf("invoke: %w", ebb.Errorf(ebb.NotFound, ebb.TypeResourceNotFound, "x")), 404, `{"Message":"Not Found"}`, nil, ""},
		"invalid":            {ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "X: no"), 400, `{"Message":"X: no"}`, nil, ""},
		"too large":          {ebb.Errorf(ebb.TooLarge, ebb.TypeRequestTooLarge, "no"), 413, `{"Message":"no"}`, nil, ""},
		"forbidden":          {ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied, "no"), 403, `{"Message":"Forbidden"}`, nil, ""},
		"unclassified":       {errors.New("disk on fire"), 500, `{"Message":"Internal Server Error"}`, nil, "disk on fire"},
		"internal":           {ebb.Errorf(ebb.Internal, ebb.TypeServiceException, "boom"), 500, `{"Message":"Internal Server Error"}`, nil, "boom"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{}, plainURL(), func(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error) { return ebb.Result{}, c.err })
			a := r.do(t, "GET", r.url, "")
			if a.status != c.status || a.body != c.body || a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Amzn-Requestid") == "" {
				t.Fatalf("%+v", a)
			}
			for k, v := range c.headers {
				if a.header.Get(k) != v {
					t.Errorf("%s: %q", k, a.header.Get(k))
				}
			}
			if (c.logged == "") != (r.log.String() == "") || !strings.Contains(r.log.String(), c.logged) {
				t.Errorf("log %q", r.log)
			}
		})
	}
}

func TestFunctionErrors(t *testing.T) {
	for _, typ := range []string{ebb.ErrorTimeout, ebb.ErrorExit, "ValueError"} {
		r := newRig(t, Config{}, plainURL(), func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
			err := say(sink, ebb.Head{FunctionError: ebb.FunctionErrorUnhandled}, `{"errorType":"`+typ+`","errorMessage":"password is 123"}`)
			return ebb.Result{FunctionError: ebb.FunctionErrorUnhandled, ErrorType: typ}, err
		})
		a := r.do(t, "GET", r.url, "")
		if a.status != 502 || a.body != `{"Message":"Internal Server Error"}` || a.header.Get("X-Amzn-Errortype") != "" {
			t.Fatalf("%+v", a)
		}
	}
}

func TestUnknownURLs(t *testing.T) {
	u := plainURL()
	r := newRig(t, Config{}, u, saying(`1`))
	for _, path := range []string{"/", "/url", "/url/", "/url//x", "/url/nobody", "/url/" + testID[1:], "/url/ABC/", "/url/a-b/",
		"/x/url/" + testID, "/url/" + strings.Repeat("a", 65), "/url%2F" + testID} {
		a := r.do(t, "GET", r.URL+path, "")
		if a.status != 404 || a.body != `{"Message":"Not Found"}` || a.header.Get("X-Amzn-Errortype") != ebb.TypeFunctionURLNotFound {
			t.Errorf("%s: %+v", path, a)
		}
	}
	if u.reads != 2 {
		t.Errorf("%d reads of the database for nonsense", u.reads)
	}
	broken := func(context.Context, string) (*ebb.FunctionURL, error) { return nil, errors.New("database is gone") }
	r.g.routes.lookup = broken
	if a := r.do(t, "GET", r.URL+"/url/zzz", ""); a.status != 500 || !strings.Contains(r.log.String(), "database is gone") {
		t.Errorf("%+v", a)
	}
}

func TestForget(t *testing.T) {
	u := plainURL()
	r := newRig(t, Config{}, u, saying(`1`))
	for range 5 {
		if a := r.do(t, "GET", r.url, ""); a.status != 200 {
			t.Fatalf("%+v", a)
		}
	}
	if u.reads != 1 {
		t.Fatalf("%d reads", u.reads)
	}
	f := u.table[testID]
	f.AuthType = ebb.URLAuthIAM
	u.mu.Lock()
	u.table[testID] = f
	u.mu.Unlock()
	r.g.Forget(ebb.FunctionKey{Service: ebb.DefaultService, Name: "other"})
	if a := r.do(t, "GET", r.url, ""); a.status != 200 {
		t.Fatalf("forgot what another function was: %+v", a)
	}
	r.g.Forget(testKey)
	if a := r.do(t, "GET", r.url, ""); a.status != 403 {
		t.Fatalf("%+v", a)
	}
}

// A lookup that began before a change must not be remembered after it.
func TestForgetDuringLookup(t *testing.T) {
	u := plainURL()
	began, goOn := make(chan struct{}), make(chan struct{})
	r := newRig(t, Config{}, u, saying(`1`))
	r.g.routes.lookup = func(ctx context.Context, id string) (*ebb.FunctionURL, error) {
		f, err := u.lookup(ctx, id)
		close(began)
		<-goOn
		return f, err
	}
	done := make(chan answered)
	go func() { done <- r.do(t, "GET", r.url, "") }()
	<-began
	u.mu.Lock()
	delete(u.table, testID)
	u.mu.Unlock()
	r.g.Forget(testKey)
	close(goOn)
	<-done
	r.g.routes.lookup = u.lookup
	if a := r.do(t, "GET", r.url, ""); a.status != 404 {
		t.Fatalf("a deleted URL answers: %+v", a)
	}
}

func TestBodyLimit(t *testing.T) {
	var got int
	r := newRig(t, Config{MaxBody: 1000}, plainURL(), func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		var e struct{ Body string }
		if err := json.Unmarshal(inv.Payload, &e); err != nil {
			t.Error(err)
		}
		got = len(e.Body)
		return ebb.Result{}, say(sink, ebb.Head{}, `1`)
	})
	for _, chunked := range []bool{false, true} {
		for n, want := range map[int]int{0: 200, 1: 200, 1000: 200, 1001: 413, 100000: 413} {
			var body io.Reader = strings.NewReader(strings.Repeat("x", n))
			if chunked {
				body = struct{ io.Reader }{body}
			}
			req, err := http.NewRequest("POST", r.url, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", "text/plain")
			got = -1
			a := r.send(t, req)
			if a.status != want || want == 200 && got != n || want == 413 && got != -1 {
				t.Errorf("%d bytes, chunked %v: %d, function saw %d", n, chunked, a.status, got)
			}
		}
	}
}

func TestClientLeaves(t *testing.T) {
	began, finish, over := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	r := newRig(t, Config{}, plainURL(), func(ctx context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		close(began)
		<-ctx.Done() // the gateway knows that the client has left
		<-finish
		err := say(sink, ebb.Head{}, `"late"`)
		over <- err
		return ebb.Result{}, err
	})
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", r.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan error, 1)
	go func() {
		resp, err := r.Client().Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		left <- err
	}()
	<-began
	cancel()
	if err := <-left; err == nil {
		t.Fatal("an answer came")
	}
	close(finish)
	if err := <-over; err != nil {
		t.Fatalf("the function was told: %v", err)
	}
	r.Close() // waits for the handler
	if !strings.Contains(r.log.String(), "level=DEBUG msg=\"client left") {
		t.Fatalf("log %q", r.log)
	}
}

func TestClientLeavesTheQueue(t *testing.T) {
	began := make(chan struct{})
	r := newRig(t, Config{}, plainURL(), func(ctx context.Context, _ *ebb.Invocation, _ ebb.Sink) (ebb.Result, error) {
		close(began)
		<-ctx.Done()
		return ebb.Result{}, fmt.Errorf("wait for an instance: %w", ctx.Err())
	})
	ctx, cancel := context.WithCancel(context.Background())
	req, err := http.NewRequestWithContext(ctx, "GET", r.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-began; cancel() }()
	if resp, err := r.Client().Do(req); err == nil {
		_ = resp.Body.Close()
		t.Fatal("an answer came")
	}
	r.Close()
	if l := r.log.String(); !strings.Contains(l, "level=DEBUG") || strings.Contains(l, "ERROR") {
		t.Fatalf("log %q", l)
	}
}

// Buffers are used again; no request may see another's.
func TestBuffersAreNotShared(t *testing.T) {
	r := newRig(t, Config{}, plainURL(), func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		var e struct{ Body, RawPath string }
		if err := json.Unmarshal(inv.Payload, &e); err != nil {
			t.Error(err)
		}
		doc, _ := json.Marshal(map[string]any{"statusCode": 200, "headers": map[string]string{"X-Path": e.RawPath}, "cookies": []string{e.RawPath}, "body": e.Body})
		if len(e.Body)%3 == 0 {
			return ebb.Result{FunctionError: ebb.FunctionErrorUnhandled}, say(sink, ebb.Head{FunctionError: ebb.FunctionErrorUnhandled}, "{}")
		}
		return ebb.Result{}, say(sink, ebb.Head{}, string(doc[:len(doc)/2]), string(doc[len(doc)/2:]))
	})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 40 {
				n := i*101 + j*37
				body, path := strings.Repeat(string(rune('a'+i)), n), fmt.Sprintf("/%d/%d", i, j)
				a := r.do(t, "POST", r.url+path, body, "Content-Type", "text/plain")
				if n%3 == 0 {
					if a.status != 502 {
						t.Errorf("%d: %+v", n, a)
					}
				} else if a.status != 200 || a.body != body || a.header.Get("X-Path") != path || a.header.Get("Set-Cookie") != path {
					t.Errorf("%s: got %d bytes for %d, %v", path, len(a.body), n, a.header)
				}
			}
		})
	}
	wg.Wait()
}

func TestConfig(t *testing.T) {
	if err := (Config{MaxBody: -1}).Validate(); err == nil || !strings.Contains(err.Error(), "http.maxBody") {
		t.Fatal(err)
	}
	c := Config{}.withDefaults()
	if err := c.Validate(); err != nil || c.MaxBody != 6<<20 || c.Now == nil {
		t.Fatalf("%+v, %v", c, err)
	}
}

// quiet is a response writer that costs nothing.
type quiet struct{ h http.Header }

func (q *quiet) Header() http.Header         { return q.h }
func (q *quiet) Write(p []byte) (int, error) { return len(p), nil }
func (q *quiet) WriteHeader(int)             {}

// BenchmarkGateway is what the gateway costs beside net/http and the function.
func BenchmarkGateway(b *testing.B) {
	doc := []byte(`{"statusCode":200,"headers":{"content-type":"application/json"},"body":"{\"a\":1}"}`)
	d := dispatch(func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		_ = sink.Head(ebb.Head{})
		_, err := sink.Write(doc)
		return ebb.Result{}, err
	})
	g := newGateway(Config{}, plainURL().lookup, d, auth.New(auth.Config{}, testRoot), slog.New(slog.DiscardHandler))
	body := bytes.NewReader([]byte(`{"text":"` + strings.Repeat("x", 1000) + `"}`))
	req := httptest.NewRequest("POST", "http://127.0.0.1:9081/url/"+testID+"/items?limit=10", body)
	req.Header = http.Header{"User-Agent": {"bench/1.0"}, "Accept": {"*/*"}, "Content-Type": {"application/json"}, "Content-Length": {"1011"}}
	w := &quiet{}
	b.ReportAllocs()
	for b.Loop() {
		w.h = http.Header{}
		_, _ = body.Seek(0, io.SeekStart)
		g.ServeHTTP(w, req)
	}
}

// A URL without authentication lets nobody in unless its policy does, whatever
// kind of function stands behind it.
func TestNotPublic(t *testing.T) {
	closed := plainURL(func(f *ebb.FunctionURL) { f.Public = false })
	for name, web := range map[string]bool{"event": false, "web": true} {
		r := newRigBefore(t, Config{}, closed, &door{web: web, t: t})
		if a := r.do(t, "GET", r.url, ""); a.status != 403 || a.body != `{"Message":"Forbidden"}` {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// door fails the test if something is invoked.
type door struct {
	web bool
	t   *testing.T
}

func (d *door) Resolve(context.Context, ebb.FunctionKey, string) (*ebb.Version, error) {
	v := &ebb.Version{}
	if d.web {
		v.Env = map[string]string{ebb.EnvWebPort: "8080"}
	}
	return v, nil
}

func (d *door) Invoke(context.Context, *ebb.Invocation, ebb.Sink) (ebb.Result, error) {
	d.t.Error("the function was invoked")
	return ebb.Result{}, nil
}

package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/cluster"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/metrics"
	"github.com/ebb-faas/ebb/internal/pool"
	"github.com/ebb-faas/ebb/internal/sandbox"
	"github.com/ebb-faas/ebb/runtimes"
)

func TestHealth(t *testing.T) {
	r := newRig(t)
	for range 2 { // no credentials
		resp, err := r.Client().Get(r.URL + "/v1/health")
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 200 || strings.TrimSpace(string(b)) != `{"status":"ok"}` {
			t.Fatalf("%d %s", resp.StatusCode, b)
		}
	}
	r.api.Stop()
	r.api.Stop()
	if resp, body := r.get(t, "GET", "/v1/health"); resp.StatusCode != 503 || strings.TrimSpace(body) != `{"status":"stopping"}` {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
}

func TestCredentials(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/v1/node", "/v1/instances", "/v1/functions/hello/logs", "/v1/openapi.json", "/v1/nothing", "/v1/health/"} {
		for name, c := range map[string]struct{ authorization, code string }{
			"none":  {"", ebb.TypeMissingAuthentication},
			"wrong": {"Bearer nope", ebb.TypeUnrecognizedClient},
		} {
			req := r.request(t, t.Context(), "GET", path)
			req.Header.Set("Authorization", c.authorization)
			if c.authorization == "" {
				req.Header.Del("Authorization")
			}
			resp, body := r.do(t, req)
			t.Log(name, path)
			refused(t, resp, body, 403, c.code, "")
		}
	}
	req := r.request(t, t.Context(), "GET", "/v1/node")
	sum := sha256.Sum256(nil)
	key := aws.Credentials{AccessKeyID: testRoot.AccessKeyID, SecretAccessKey: testRoot.SecretAccessKey}
	if err := v4.NewSigner().SignHTTP(t.Context(), key, req, hex.EncodeToString(sum[:]), "execute-api", "us-east-1", time.Now()); err != nil {
		t.Fatal(err)
	}
	if resp, body := r.do(t, req); resp.StatusCode != 200 {
		t.Fatalf("signed: %d %s", resp.StatusCode, body)
	}
}

// Whoever is known but not root may do nothing here.
func TestAuthorize(t *testing.T) {
	r := newRig(t)
	p := auth.Principal{Kind: auth.Role, Service: ebb.DefaultService, ARN: "arn:aws:sts::000000000000:assumed-role/r/function"}
	err := r.cfg.Auth.Authorize(p, "ebb:GetNode", "*")
	if got := r.api.problem(t.Context(), err); got.Status != 403 || got.Code != ebb.TypeAccessDenied || !strings.Contains(got.Detail, "ebb:GetNode") {
		t.Fatalf("%+v", got)
	}
}

func TestNode(t *testing.T) {
	catalog, err := runtimes.Load(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, func(c *Config) {
		c.Sandbox = sandbox.Level{Name: "linux", Summary: "namespaces", Missing: []string{"seccomp: none"}}
		c.Runtimes = catalog
		c.Limits = Limits{Instances: 500, RequestBytes: 6 << 20}
		c.Counts = func() pool.Counts { return pool.Counts{Instances: 3, Idle: 2, Waiting: 1, Spare: 4, Zygotes: 5} }
	})
	resp, body := r.get(t, "GET", "/v1/node")
	var n Node
	if err := json.Unmarshal([]byte(body), &n); err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%v: %d %s", err, resp.StatusCode, body)
	}
	if n.Version != "1.2.3" || n.Uptime < 60 || n.Uptime > 120 || n.Sandbox.Missing[0] != "seccomp: none" || !slices.Contains(n.Runtimes, "provided") ||
		n.Limits.Instances != 500 || n.Memory.RSS < 1<<20 || n.Memory.Heap == 0 || n.Memory.Goroutines == 0 || n.Instances != (Counts{Total: 3, Idle: 2, Waiting: 1, Spare: 4, Zygotes: 5}) {
		t.Fatalf("%+v", n)
	}
	if _, body := newRig(t).get(t, "GET", "/v1/node"); strings.Contains(body, "null") || !strings.Contains(body, `"runtimes":[]`) {
		t.Fatal(body)
	}
}

func TestNodes(t *testing.T) {
	at := time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)
	r := newRig(t, func(c *Config) {
		c.Nodes = func(context.Context) ([]cluster.Peer, error) {
			return []cluster.Peer{
				{Node: ebb.Node{ID: "a", API: "http://a", Gateway: "http://g", Version: "1", Instances: 5, BeganAt: at, HeartbeatAt: at}, Self: true, Leases: 2},
				{Node: ebb.Node{ID: "b", BeganAt: at, HeartbeatAt: at}, Lost: true},
			}, nil
		}
	})
	resp, body := r.get(t, "GET", "/v1/nodes")
	var got Nodes
	if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v: %s", err, body)
	}
	if d := cmp.Diff([]Peer{
		{ID: "a", State: "up", Self: true, API: "http://a", Gateway: "http://g", Version: "1", Instances: 5, Leases: 2, Began: at, Heartbeat: at},
		{ID: "b", State: "lost", Began: at, Heartbeat: at},
	}, got.Nodes); d != "" {
		t.Fatal(d)
	}
	if _, body := newRig(t).get(t, "GET", "/v1/nodes"); !strings.Contains(body, `"nodes":[]`) {
		t.Fatal(body)
	}
}

func TestInstances(t *testing.T) {
	at := time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)
	key := func(name string) ebb.FunctionKey { return ebb.FunctionKey{Service: ebb.DefaultService, Name: name} }
	r := newRig(t, func(c *Config) {
		c.Counts = func() pool.Counts { return pool.Counts{Instances: 2} }
		c.Calls = func() []metrics.Calls {
			return []metrics.Calls{{Function: key("z"), Version: "1", Throttled: 3}, {Function: key("a"), Version: ebb.Latest, OK: 7, Failed: 2}}
		}
		c.Instances = func() []pool.InstanceState {
			return []pool.InstanceState{
				{ID: "i-2", Function: key("b"), Version: "1", State: ebb.InstanceIdle, Since: at, Began: at},
				{ID: "i-1", Function: key("a"), Version: ebb.Latest, Runtime: "python3", State: ebb.InstanceBusy, Since: at, Began: at, Uses: 7,
					Usage: sandbox.Usage{MemoryPeak: 2, Memory: 1, CPU: 1500 * time.Millisecond, PIDs: 3}},
			}
		}
	})
	want := Instance{ID: "i-1", Service: "000000000000", Function: "a", Version: "$LATEST", Runtime: "python3", State: "busy",
		Since: at, Began: at, Invocations: 7, Memory: 1, MemoryPeak: 2, CPU: 1.5, PIDs: 3}
	for path, n := range map[string]int{"/v1/instances": 2, "/v1/instances?function=a": 1,
		"/v1/instances?function=arn:aws:lambda:us-east-1:000000000000:function:a": 1} {
		resp, body := r.get(t, "GET", path)
		var got Instances
		if err := json.Unmarshal([]byte(body), &got); err != nil || resp.StatusCode != 200 || len(got.Instances) != n || got.Counts.Total != 2 {
			t.Fatalf("%v: %s", err, body)
		}
		if d := cmp.Diff(want, got.Instances[0]); d != "" {
			t.Fatal(d)
		}
		calls := []Calls{{Service: "000000000000", Function: "a", Version: "$LATEST", OK: 7, Failed: 2},
			{Service: "000000000000", Function: "z", Version: "1", Throttled: 3}}[:n]
		if d := cmp.Diff(calls, got.Calls); d != "" {
			t.Fatal(d)
		}
	}
	if _, body := r.get(t, "GET", "/v1/instances?function=c"); !strings.Contains(body, `"instances":[]`) {
		t.Fatal(body)
	}
	resp, body := r.get(t, "GET", "/v1/instances?function=a%20b")
	refused(t, resp, body, 422, ebb.TypeInvalidParameterValue, "FunctionName")
}

func TestUnknown(t *testing.T) {
	r := newRig(t)
	resp, body := r.get(t, "GET", "/v1/nothing")
	refused(t, resp, body, 404, ebb.TypeUnknownOperation, "/v1/nothing")
	resp, body = r.get(t, "DELETE", "/v1/node")
	refused(t, resp, body, 405, ebb.TypeMethodNotAllowed, "GET, HEAD")
	if resp.Header.Get("Allow") != "GET, HEAD" {
		t.Error(resp.Header)
	}
	resp, body = r.get(t, "GET", "/v1/backup")
	refused(t, resp, body, 405, ebb.TypeMethodNotAllowed, "POST")
	req := r.request(t, t.Context(), "POST", "/v1/backup")
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(strings.Repeat("x", maxBody+1))), maxBody+1
	resp, body = r.do(t, req)
	refused(t, resp, body, 413, ebb.TypeRequestTooLarge, "smaller")
}

func TestBackup(t *testing.T) {
	big := strings.Repeat("archive", 100_000)
	fail := errors.New("disk on fire")
	for name, c := range map[string]struct {
		backup func(context.Context, io.Writer) error
		status int
		body   string
		code   string
		broken bool
	}{
		"whole": {func(_ context.Context, w io.Writer) error { _, err := io.WriteString(w, big); return err }, 200, big, "", false},
		"empty": {func(context.Context, io.Writer) error { return nil }, 200, "", "", false},
		"fails at once": {func(context.Context, io.Writer) error {
			return ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "The disk is full.")
		}, 503, "", ebb.TypeServiceUnavailable, false},
		"fails at once, unknown": {func(context.Context, io.Writer) error { return fail }, 500, "", ebb.TypeServiceException, false},
		"breaks off":             {func(_ context.Context, w io.Writer) error { _, _ = io.WriteString(w, big); return fail }, 200, "", "", true},
		"no backups":             {nil, 501, "", ebb.TypeNotImplemented, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, func(c2 *Config) { c2.Backup = c.backup })
			resp, err := r.Client().Do(r.request(t, t.Context(), "POST", "/v1/backup"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			b, err := io.ReadAll(resp.Body)
			if (err != nil) != c.broken {
				t.Fatalf("read: %v", err)
			}
			if c.code != "" {
				refused(t, resp, string(b), c.status, c.code, "")
			} else if resp.StatusCode != c.status || !c.broken && string(b) != c.body || resp.Header.Get("Content-Type") != "application/zstd" ||
				!strings.Contains(resp.Header.Get("Content-Disposition"), ".tar.zst") {
				t.Fatalf("%d %v, %d bytes", resp.StatusCode, resp.Header, len(b))
			}
			internal := c.status == 500 || c.broken
			if said := r.said.String(); strings.Contains(said, "disk on fire") != internal || strings.Contains(string(b), "on fire") {
				t.Fatalf("log %q", said)
			}
		})
	}
}

func TestOpenAPI(t *testing.T) {
	r := newRig(t)
	resp, body := r.get(t, "GET", "/v1/openapi.json")
	var doc struct {
		OpenAPI string
		Info    struct{ Version string }
		Paths   map[string]map[string]struct {
			Responses map[string]struct{ Content map[string]any }
		}
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal([]byte(body), &doc); err != nil || resp.StatusCode != 200 {
		t.Fatal(err, resp.StatusCode)
	}
	want := map[string]string{"/v1/health": "get", "/v1/node": "get", "/v1/nodes": "get", "/v1/instances": "get", "/v1/functions/{name}/logs": "get", "/v1/backup": "post"}
	for path, method := range want {
		op, ok := doc.Paths[path][method]
		if !ok {
			t.Errorf("no %s %s", method, path)
		}
		if op.Responses["default"].Content["application/problem+json"] == nil || len(op.Responses["200"].Content) != 1 {
			t.Errorf("%s %s: %+v", method, path, op)
		}
	}
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		if noun := regexp.MustCompile("^/v1/[a-z-]+").FindString(path); !regexp.MustCompile(noun + "\\b[^-]").Match(page) {
			t.Errorf("docs/api.md does not name %s", noun)
		}
		for method, op := range methods {
			if op.Responses["default"].Content["application/problem+json"] == nil {
				t.Errorf("%s %s tells of no errors", method, path)
			}
		}
	}
	if doc.Info.Version != "1.2.3" || doc.Components.Schemas["LogLine"] == nil || doc.Components.Schemas["Problem"] == nil {
		t.Errorf("version %s, %d schemas", doc.Info.Version, len(doc.Components.Schemas))
	}
	if strings.Contains(body, "ErrorModel") {
		t.Error("huma's own error shape is in the document")
	}
}

func TestStatusOfKinds(t *testing.T) {
	for kind, status := range map[ebb.Kind]int{ebb.Internal: 500, ebb.Invalid: 422, ebb.Unauthenticated: 403, ebb.Forbidden: 403, ebb.NotFound: 404,
		ebb.Conflict: 409, ebb.PreconditionFailed: 412, ebb.TooLarge: 413, ebb.Unsupported: 415, ebb.Throttled: 429, ebb.QuotaExceeded: 400,
		ebb.Unimplemented: 501, ebb.Unavailable: 503} {
		if got := statusOf(kind); got != status {
			t.Errorf("kind %d: %d", kind, got)
		}
	}
	r := newRig(t)
	p := r.api.problem(t.Context(), &ebb.Error{Kind: ebb.Throttled, Type: ebb.TypeTooManyRequests, RetryAfter: 1100 * time.Millisecond})
	if p.GetHeaders().Get("Retry-After") != "2" || !strings.Contains(p.Error(), ebb.TypeTooManyRequests) {
		t.Errorf("%+v", p)
	}
	if p := r.api.problem(t.Context(), errors.New("secret")); strings.Contains(p.Detail, "secret") || p.Status != 500 {
		t.Errorf("%+v", p)
	}
}

var _ http.Handler = (*API)(nil)

// deadlines keeps the last read deadline that was set on a connection.
type deadlines struct {
	*httptest.ResponseRecorder
	last time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error { d.last = t; return nil }

// TestOperationsMayTakeLong: no deadline for reading is left on the connection when
// an operation begins to work: it would end the operation too.
func TestOperationsMayTakeLong(t *testing.T) {
	r := newRig(t)
	req := httptest.NewRequest(http.MethodPut, "/v1/secrets/s", strings.NewReader(`{"value": "x"}`))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+testRoot.Token)
	w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	r.api.ServeHTTP(w, req)
	if w.Code/100 != 2 || !w.last.IsZero() {
		t.Errorf("%d, deadline %v: %s", w.Code, w.last, w.Body)
	}
}

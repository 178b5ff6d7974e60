package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// serve starts a server that answers with h, and a client for it.
func serve(t *testing.T, cfg Config, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	cfg.Endpoint = s.URL
	if cfg.Token == "" && cfg.AccessKeyID == "" {
		cfg.Token, cfg.AccessKeyID, cfg.SecretAccessKey = "TK", "AK", "SK"
	}
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestNodeWithToken(t *testing.T) {
	c := serve(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/node" || r.Header.Get("Authorization") != "Bearer TK" {
			t.Errorf("%s with %q", r.URL, r.Header.Get("Authorization"))
		}
		_, _ = io.WriteString(w, `{"version":"1","region":"r","platform":"linux/amd64","began":"2026-11-22T08:00:00Z","uptime":1.5,
			"sandbox":{"name":"linux","summary":"s","missing":["x"]},"runtimes":["python3"],
			"limits":{"instances":1,"instancesPerFunction":2,"queuePerFunction":3,"requestBytes":4,"responseBytes":5,
				"zippedBytes":6,"unzippedBytes":7,"timeoutSeconds":8},
			"memory":{"rss":1,"heap":2,"goroutines":3},"instances":{"total":1,"idle":2,"waiting":3,"spare":4},"of a later server":1}`)
	})
	n, err := c.Node(t.Context())
	want := &Node{
		Version: "1", Region: "r", Platform: "linux/amd64", Began: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), Uptime: 1.5,
		Sandbox: Sandbox{Name: "linux", Summary: "s", Missing: []string{"x"}}, Runtimes: []string{"python3"},
		Limits: Limits{1, 2, 3, 4, 5, 6, 7, 8}, Memory: Memory{1, 2, 3}, Instances: Counts{Total: 1, Idle: 2, Waiting: 3, Spare: 4},
	}
	if err != nil || !reflect.DeepEqual(n, want) {
		t.Errorf("got %+v, %v", n, err)
	}
}

func TestInstances(t *testing.T) {
	c := serve(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/instances" || r.URL.RawQuery != "function=f" {
			t.Error(r.URL)
		}
		_, _ = io.WriteString(w, `{"instances":[{"id":"i","function":"f","state":"idle","invocations":7,"cpu":0.5}],"counts":{"total":1}}`)
	})
	all, err := c.Instances(t.Context(), "f")
	want := &Instances{Instances: []Instance{{ID: "i", Function: "f", State: "idle", Invocations: 7, CPU: 0.5}}, Counts: Counts{Total: 1}}
	if err != nil || !reflect.DeepEqual(all, want) {
		t.Errorf("got %+v, %v", all, err)
	}
}

func TestSignedWithoutToken(t *testing.T) {
	c := serve(t, Config{AccessKeyID: "AK", SecretAccessKey: "SK", SessionToken: "ST", Region: "eu-west-1"},
		func(w http.ResponseWriter, r *http.Request) {
			auth := r.Header.Get("Authorization")
			if !strings.HasPrefix(auth, "AWS4-HMAC-SHA256 Credential=AK/") || !strings.Contains(auth, "/eu-west-1/execute-api/aws4_request") {
				t.Errorf("Authorization: %s", auth)
			}
			if r.Header.Get("X-Amz-Security-Token") != "ST" || r.Header.Get("X-Amz-Content-Sha256") == "" {
				t.Errorf("headers: %v", r.Header)
			}
			_, _ = io.WriteString(w, `{}`)
		})
	if err := c.Health(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestLogs(t *testing.T) {
	at := time.Date(2026, 11, 22, 8, 0, 0, 5, time.UTC)
	c := serve(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		want := url.Values{
			"since": {"2026-11-22T08:00:00.000000005Z"}, "until": {"2026-11-22T09:00:00Z"}, "request": {"r"},
			"contains": {"a b"}, "limit": {"7"}, "follow": {"true"},
		}
		if got := r.URL.Query(); r.URL.Path != "/v1/functions/hello/logs" || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %v", r.URL.Path, got)
		}
		e := json.NewEncoder(w)
		for i := range 3 {
			_ = e.Encode(LogLine{Time: at, Kind: "function", Level: "INFO", Request: "r", Text: strings.Repeat("x", 100_000*i)})
		}
	})
	q := LogQuery{Function: "hello", Since: at, Until: at.Truncate(time.Hour).Add(time.Hour), Request: "r", Contains: "a b", Limit: 7, Follow: true}
	var got []int
	err := c.Logs(t.Context(), q, func(l LogLine) error {
		got = append(got, len(l.Text))
		if !l.Time.Equal(at) || l.Level != "INFO" {
			t.Errorf("line: %+v", l)
		}
		return nil
	})
	if err != nil || !reflect.DeepEqual(got, []int{0, 100_000, 200_000}) {
		t.Errorf("got %v, %v", got, err)
	}
	stop := errors.New("enough")
	if err := c.Logs(t.Context(), q, func(LogLine) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("each failed, and Logs returned %v", err)
	}
}

func TestLogsEndWithTheContext(t *testing.T) {
	c := serve(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"text":"one"}`+"\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Logs(ctx, LogQuery{Function: "f", Follow: true}, func(LogLine) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// cutOff promises more than it sends.
func cutOff(body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, body)
	}
}

func TestAnswersCutOff(t *testing.T) {
	c := serve(t, Config{}, cutOff(`{"text":"one"}`+"\n"+`{"te`))
	lines := 0
	err := c.Logs(t.Context(), LogQuery{Function: "f"}, func(LogLine) error { lines++; return nil })
	if _, ok := UnreachableOf(err); !ok || lines != 1 {
		t.Errorf("logs: %d lines, %v", lines, err)
	}
	var buf bytes.Buffer
	n, err := c.Backup(t.Context(), &buf)
	if _, ok := UnreachableOf(err); !ok || n != int64(buf.Len()) || n == 0 {
		t.Errorf("backup: %d bytes, %v", n, err)
	}
	if _, err := c.Node(t.Context()); err == nil {
		t.Error("node: no error")
	}
}

type fullDisk struct{}

var errFull = errors.New("disk full")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestBackup(t *testing.T) {
	c := serve(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/v1/backup" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		_, _ = io.WriteString(w, "archive")
	})
	var buf bytes.Buffer
	if n, err := c.Backup(t.Context(), &buf); err != nil || n != 7 || buf.String() != "archive" {
		t.Errorf("%d bytes %q, %v", n, buf.String(), err)
	}
	_, err := c.Backup(t.Context(), fullDisk{})
	if _, network := UnreachableOf(err); !errors.Is(err, errFull) || network {
		t.Errorf("a writer that fails: %v", err)
	}
}

func TestErrorOf(t *testing.T) {
	const id = "8f2d6c1e-3f0a-4c52-9a3e-0d6f5f5b8a10"
	for name, call := range map[string]func(*Client) error{
		"v1": func(c *Client) error { _, err := c.Node(t.Context()); return err },
		"lambda": func(c *Client) error {
			_, err := c.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("f")})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			c := serve(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
				calls++
				w.Header().Set("X-Amzn-Errortype", "TooManyRequestsException")
				w.Header().Set("X-Amzn-Requestid", id)
				w.Header().Set("Retry-After", "3")
				w.WriteHeader(http.StatusTooManyRequests)
				_, _ = io.WriteString(w, `{"Type":"User","Reason":"x","message":"slow down"}`)
			})
			err := call(c)
			e, ok := ErrorOf(fmt.Errorf("wrapped: %w", err))
			want := Error{Status: 429, Type: "TooManyRequestsException", Message: "slow down", RequestID: id, RetryAfter: 3 * time.Second}
			if !ok || *e != want {
				t.Errorf("got %+v from %v", e, err)
			}
			if calls != 1 {
				t.Errorf("the request was sent %d times", calls)
			}
			if _, network := UnreachableOf(err); network || e.Caller() {
				t.Error("taken for a network error or the caller's fault")
			}
		})
	}
	if _, ok := ErrorOf(io.EOF); ok {
		t.Error("io.EOF is no answer")
	}
}

// The answers of /v1 are problem documents, those of the Lambda API are not.
func TestErrorBodies(t *testing.T) {
	for body, want := range map[string]Error{
		`{"message":"m","type":"T"}`:           {Status: 404, Type: "T", Message: "m"},
		`{"title":"Not Found","detail":"d"}`:   {Status: 404, Message: "d"},
		`{"type":"https://x/T.md","code":"T"}`: {Status: 404, Type: "T", Message: "Not Found"},
		`{"type":"https://x/T.md"}`:            {Status: 404, Message: "Not Found"},
		`{"title":"Not Found"}`:                {Status: 404, Message: "Not Found"},
		`<html>proxy</html>`:                   {Status: 404, Message: "Not Found"},
		``:                                     {Status: 404, Message: "Not Found"},
		`{"Message":"` + `m","__other":[1,2]}`: {Status: 404, Message: "m"},
	} {
		c := serve(t, Config{}, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, body)
		})
		err := c.Health(t.Context())
		e, ok := errors.AsType[*Error](err)
		if !ok || *e != want || !e.Caller() {
			t.Errorf("%s: got %+v", body, e)
		}
	}
}

func TestUnreachable(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c, err := New(Config{Endpoint: s.URL, Token: "TK", AccessKeyID: "AK", SecretAccessKey: "SK"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Lambda().GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("f")})
	for _, err := range []error{err, c.Health(t.Context())} {
		e, ok := UnreachableOf(err)
		if !ok || e.Endpoint != s.URL || !strings.Contains(e.Error(), "refused") {
			t.Errorf("got %v", err)
		}
	}
}

func TestLambdaNeedsKeys(t *testing.T) {
	c := serve(t, Config{Token: "TK"}, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	_, err := c.Lambda().ListFunctions(t.Context(), &lambda.ListFunctionsInput{})
	if err == nil || !strings.Contains(err.Error(), "AccessKeyID") {
		t.Errorf("got %v", err)
	}
}

func TestLambdaSpeaksToTheEndpoint(t *testing.T) {
	c := serve(t, Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/2015-03-31/functions/hello/invocations" || !strings.Contains(r.Header.Get("Authorization"), "/lambda/aws4_request") {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		w.Header().Set("X-Amz-Executed-Version", "$LATEST")
		_, _ = io.Copy(w, r.Body)
	})
	out, err := c.Lambda().Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("hello"), Payload: []byte(`{"a":1}`), LogType: types.LogTypeTail})
	if err != nil || string(out.Payload) != `{"a":1}` || aws.ToString(out.ExecutedVersion) != "$LATEST" {
		t.Errorf("%+v, %v", out, err)
	}
}

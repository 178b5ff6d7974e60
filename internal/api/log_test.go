package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/logs"
)

var helloKey = ebb.FunctionKey{Service: ebb.DefaultService, Name: "hello"}

// fill writes n lines, one a second from began on.
func fill(r *rig, key ebb.FunctionKey, began time.Time, n int) {
	s := r.cfg.Logs.Stream(key)
	for i := range n {
		s.Append(logs.Entry{Time: began.Add(time.Duration(i) * time.Second), Kind: logs.Function, Level: "INFO",
			Request: ebb.InvocationID("r" + strconv.Itoa(i%2)), Version: "$LATEST", Instance: "i-1", Text: []byte("line " + strconv.Itoa(i) + " <&>")})
	}
}

// lines decodes an ndjson body.
func lines(t *testing.T, body string) (all []LogLine) {
	t.Helper()
	for l := range strings.Lines(body) {
		var line LogLine
		if err := json.Unmarshal([]byte(l), &line); err != nil {
			t.Fatalf("%v: %q", err, l)
		}
		all = append(all, line)
	}
	return all
}

func TestLogs(t *testing.T) {
	r := newRig(t)
	began := time.Now().Add(-time.Hour).Truncate(time.Second).UTC()
	fill(r, helloKey, began, 20)
	resp, body := r.get(t, "GET", "/v1/functions/hello/logs")
	got := lines(t, body)
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/x-ndjson" || len(got) != 20 {
		t.Fatalf("%d %v %s", resp.StatusCode, resp.Header, body)
	}
	want := LogLine{Time: began.Add(3 * time.Second), Kind: "function", Level: "INFO", Request: "r1", Version: "$LATEST", Instance: "i-1", Text: "line 3 <&>"}
	if d := cmp.Diff(want, got[3]); d != "" {
		t.Fatal(d)
	}
	if !strings.Contains(body, "<&>") {
		t.Error("escaped for HTML")
	}
	for query, texts := range map[string]string{
		"limit=2":                    "line 18,line 19",
		"request=r1&limit=1":         "line 19",
		"contains=" + "ne 7":         "line 7",
		"since=" + stamp(began, 18):  "line 18,line 19",
		"until=" + stamp(began, 2):   "line 0,line 1",
		"since=2h&until=30m&limit=1": "line 19",
		"since=2h&until=1h1m":        "",
		"since=1s":                   "",
		"contains=nowhere":           "",
	} {
		for _, name := range []string{"hello", "function:hello", "arn:aws:lambda:us-east-1:000000000000:function:hello:live"} {
			q, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			resp, body := r.get(t, "GET", "/v1/functions/"+url.PathEscape(name)+"/logs?"+q.Encode())
			var got []string
			for _, l := range lines(t, body) {
				got = append(got, strings.TrimSuffix(l.Text, " <&>"))
			}
			if resp.StatusCode != 200 || strings.Join(got, ",") != texts {
				t.Errorf("%s %s: %d %v", name, query, resp.StatusCode, got)
			}
		}
	}
}

func stamp(began time.Time, second int) string {
	return began.Add(time.Duration(second) * time.Second).Format(time.RFC3339Nano)
}

func TestLogsRefused(t *testing.T) {
	r := newRig(t)
	for path, detail := range map[string]string{
		"a%20b/logs":                       "FunctionName",
		"hello/logs?since=yesterday":       "since",
		"hello/logs?until=-5m":             "until",
		"hello/logs?since=1m&until=2m":     "until: is not after since",
		"hello/logs?limit=-1":              "query.limit",
		"hello/logs?limit=many":            "query.limit",
		"hello/logs?limit=10001":           "query.limit",
		"hello/logs?follow=perhaps":        "query.follow",
		strings.Repeat("a", 200) + "/logs": "path.name",
	} {
		resp, body := r.get(t, "GET", "/v1/functions/"+path)
		t.Log(path)
		refused(t, resp, body, 422, ebb.TypeInvalidParameterValue, detail)
	}
	resp, body := r.get(t, "GET", "/v1/functions/nobody/logs?follow=true")
	refused(t, resp, body, 404, ebb.TypeResourceNotFound, "nobody")
}

// A function's logs can be read when it is gone.
func TestLogsOfADeletedFunction(t *testing.T) {
	r := newRig(t)
	fill(r, ebb.FunctionKey{Service: ebb.DefaultService, Name: "gone"}, time.Now(), 3)
	resp, body := r.get(t, "GET", "/v1/functions/gone/logs?follow=true")
	if resp.StatusCode != 200 || len(lines(t, body)) != 3 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
}

// follow opens a stream that follows.
func follow(t *testing.T, r *rig, ctx context.Context, query string) (*http.Response, *bufio.Reader) {
	t.Helper()
	resp, err := r.Client().Do(r.request(t, ctx, "GET", "/v1/functions/hello/logs?follow=true"+query))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp, bufio.NewReader(resp.Body)
}

func TestFollow(t *testing.T) {
	r := newRig(t)
	fill(r, helloKey, time.Now().Add(-time.Hour), 2)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	resp, in := follow(t, r, ctx, "&limit=1")
	if resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	for i, want := range []string{"line 1 <&>", "fresh 1", "fresh 2"} {
		if i > 0 {
			r.cfg.Logs.Stream(helloKey).Append(logs.Entry{Text: []byte(want)})
		}
		l, err := in.ReadString('\n')
		if err != nil || lines(t, l)[0].Text != want {
			t.Fatalf("%q, %v", l, err)
		}
	}
	cancel()
	if _, err := io.ReadAll(in); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	r.Close() // returns when the handler has ended: it saw that the client left
	if r.said.String() != "" {
		t.Fatal(r.said)
	}
}

// Stop ends what follows, and the end is clean.
func TestStopEndsFollow(t *testing.T) {
	r := newRig(t)
	_, in := follow(t, r, t.Context(), "")
	r.api.Stop()
	if b, err := io.ReadAll(in); err != nil || len(b) != 0 {
		t.Fatalf("%q, %v", b, err)
	}
}

func TestFollowShowsThatItLives(t *testing.T) {
	r := newRig(t, func(c *Config) { c.KeepAlive = time.Millisecond })
	_, in := follow(t, r, t.Context(), "")
	for range 3 {
		if l, err := in.ReadString('\n'); err != nil || l != "\n" {
			t.Fatalf("%q, %v", l, err)
		}
	}
	r.cfg.Logs.Stream(helloKey).Append(logs.Entry{Text: []byte("x")})
	for {
		l, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if l != "\n" {
			if lines(t, l)[0].Text != "x" {
				t.Fatal(l)
			}
			return
		}
	}
}

// Many lines through a slow reader come whole and in order.
func TestFollowManyLines(t *testing.T) {
	r := newRig(t)
	_, in := follow(t, r, t.Context(), "")
	const n = 5000
	go fill(r, helloKey, time.Now(), n)
	for i := range n {
		l, err := in.ReadString('\n')
		if err != nil || lines(t, l)[0].Text != "line "+strconv.Itoa(i)+" <&>" {
			t.Fatalf("%d: %q, %v", i, l, err)
		}
	}
}

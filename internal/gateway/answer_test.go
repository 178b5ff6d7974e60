package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdaurl"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const prelude = `{"statusCode":201,"headers":{"Content-Type":"text/event-stream","X-A":"b"},"cookies":["c=1"]}`

func streaming(kind string, chunks ...string) dispatch {
	return func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		return ebb.Result{}, say(sink, ebb.Head{Streaming: true, ContentType: kind}, chunks...)
	}
}

func TestStreams(t *testing.T) {
	long := strings.Repeat("x", 70<<10)
	for name, c := range map[string]struct {
		d      dispatch
		status int
		kind   string
		body   string
	}{
		"prelude":           {streaming(integration, prelude+preludeEnd+"a", "b"), 201, "text/event-stream", "ab"},
		"prelude in pieces": {streaming(integration, prelude[:5], prelude[5:]+preludeEnd[:3], preludeEnd[3:], "a", "", "b"), 201, "text/event-stream", "ab"},
		"nothing after":     {streaming(integration, prelude+preludeEnd), 201, "text/event-stream", ""},
		"default prelude":   {streaming(integration, "{}"+preludeEnd+"x"), 200, "application/json", "x"},
		"NULs in the body":  {streaming(integration, "{}"+preludeEnd+"x"+preludeEnd+"y"), 200, "application/json", "x" + preludeEnd + "y"},
		"plain":             {streaming("text/csv", "a,b\n", "c,d\n"), 200, "text/csv", "a,b\nc,d\n"},
		"large":             {streaming(integration+"; charset=utf-8", prelude+preludeEnd, long, long), 201, "text/event-stream", long + long},
		"no prelude end":    {streaming(integration, prelude), 502, "application/json", `{"Message":"Internal Server Error"}`},
		"bad prelude":       {streaming(integration, "hello"+preludeEnd+"x"), 502, "application/json", `{"Message":"Internal Server Error"}`},
		"endless prelude":   {streaming(integration, long, "x"), 502, "application/json", `{"Message":"Internal Server Error"}`},
		"bad status":        {streaming(integration, `{"statusCode":0}`+preludeEnd), 502, "application/json", `{"Message":"Internal Server Error"}`},
		"not streamed":      {saying(`{"statusCode":202,"body":"x"}`), 202, "application/json", "x"},
	} {
		for mode, u := range map[string]*urls{"stream": plainURL(withStream), "buffered": plainURL()} {
			t.Run(name+" "+mode, func(t *testing.T) {
				r := newRig(t, Config{}, u, c.d)
				a := r.do(t, "GET", r.url, "")
				if a.status != c.status || a.body != c.body || a.header.Get("Content-Type") != c.kind {
					t.Fatalf("%d %v %.200q", a.status, a.header, a.body)
				}
				if c.status == 201 && (a.header.Get("X-A") != "b" || a.header.Get("Set-Cookie") != "c=1") {
					t.Fatalf("%v", a.header)
				}
			})
		}
	}
	r := newRig(t, Config{}, plainURL(withStream), streaming("", "x"))
	if a := r.do(t, "GET", r.url, ""); a.header.Get("Content-Type") != "application/octet-stream" || a.body != "x" {
		t.Fatalf("%+v", a)
	}
	r = newRig(t, Config{}, plainURL(), streaming("", `{"statusCode":203}`))
	if a := r.do(t, "GET", r.url, ""); a.status != 203 {
		t.Fatalf("%+v", a)
	}
	r = newRig(t, Config{}, plainURL(withStream), streaming(integration, `{"statusCode":204}`+preludeEnd+"dropped"))
	if a := r.do(t, "GET", r.url, ""); a.status != 204 || a.body != "" {
		t.Fatalf("%+v", a)
	}
}

// What the function has written is with the client while it still runs.
func TestStreamArrivesWhileTheFunctionRuns(t *testing.T) {
	seen := make(chan struct{})
	r := newRig(t, Config{}, plainURL(withStream), func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		if err := say(sink, ebb.Head{Streaming: true, ContentType: integration}, prelude, preludeEnd, "first\n"); err != nil {
			return ebb.Result{}, err
		}
		<-seen
		_, err := io.WriteString(sink, "second\n")
		return ebb.Result{}, err
	})
	resp, err := r.Client().Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	in := bufio.NewReader(resp.Body)
	if line, err := in.ReadString('\n'); err != nil || line != "first\n" {
		t.Fatalf("%q, %v", line, err)
	}
	close(seen)
	if rest, err := io.ReadAll(in); err != nil || string(rest) != "second\n" {
		t.Fatalf("%q, %v", rest, err)
	}
}

// A stream that fails ends the connection, so that nobody takes a part for all.
func TestStreamBreaksOff(t *testing.T) {
	for name, result := range map[string]ebb.Result{
		"late error": {LateError: []byte(`{"errorType":"x"}`)},
		"timeout":    {FunctionError: ebb.FunctionErrorUnhandled, ErrorType: ebb.ErrorTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Config{}, plainURL(withStream), func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
				return result, say(sink, ebb.Head{Streaming: true}, "part")
			})
			resp, err := r.Client().Get(r.url)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if b, err := io.ReadAll(resp.Body); err == nil {
				t.Fatalf("%q passes for a whole answer", b)
			}
		})
	}
}

func TestStreamWithoutAReader(t *testing.T) {
	told := make(chan error, 1)
	r := newRig(t, Config{}, plainURL(withStream), func(ctx context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		if err := sink.Head(ebb.Head{Streaming: true}); err != nil {
			return ebb.Result{}, err
		}
		chunk := []byte(strings.Repeat("x", 64<<10))
		var err error
		for i := 0; err == nil && i < 10000; i++ {
			_, err = sink.Write(chunk)
		}
		if _, again := sink.Write(chunk); !errors.Is(again, err) {
			err = errors.Join(errors.New("a write after a failed one succeeded"), again)
		}
		told <- err
		return ebb.Result{}, nil
	})
	resp, err := r.Client().Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if err := <-told; err == nil || strings.Contains(err.Error(), "succeeded") {
		t.Fatal(err)
	}
}

// A client that takes nothing does not hold the function for ever, and one that
// did take its answer in time may use the connection again.
func TestStreamNobodyReads(t *testing.T) {
	told := make(chan error, 1)
	r := newRig(t, Config{Stall: 50 * time.Millisecond}, plainURL(withStream), func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		if err := sink.Head(ebb.Head{Streaming: true}); err != nil {
			return ebb.Result{}, err
		}
		if bytes.Contains(inv.Payload, []byte("short")) {
			_, err := io.WriteString(sink, "short")
			return ebb.Result{}, err
		}
		chunk := []byte(strings.Repeat("x", 64<<10))
		var err error
		for i := 0; err == nil && i < 10000; i++ {
			_, err = sink.Write(chunk)
		}
		told <- err
		return ebb.Result{}, nil
	})
	for range 2 {
		if a := r.do(t, "GET", r.url+"/short", ""); a.body != "short" {
			t.Fatalf("%+v", a)
		}
		<-time.After(60 * time.Millisecond) // longer than the first answer had
	}
	resp, err := r.Client().Get(r.url)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-told; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the function was told %v", err)
	}
	_ = resp.Body.Close()
}

// AWS's own Go adapter for function URLs reads our event and streams back.
func TestWithLambdaURL(t *testing.T) {
	handler := lambdaurl.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c, _ := r.Cookie("who")
		w.Header().Set("Content-Type", "text/plain")
		http.SetCookie(w, &http.Cookie{Name: "seen", Value: c.Value})
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, r.Method+" "+r.URL.Path+" "+r.URL.RawQuery+" "+r.Header.Get("X-One")+" "+string(body))
	}))
	r := newRig(t, Config{}, plainURL(withStream), func(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		var event events.LambdaFunctionURLRequest
		if err := json.Unmarshal(inv.Payload, &event); err != nil {
			return ebb.Result{}, err
		}
		out, err := handler(ctx, &event)
		if err != nil {
			return ebb.Result{}, err
		}
		if err := sink.Head(ebb.Head{Streaming: true, ContentType: out.ContentType()}); err != nil {
			return ebb.Result{}, err
		}
		_, err = io.Copy(struct{ io.Writer }{sink}, out)
		return ebb.Result{}, err
	})
	a := r.do(t, "POST", r.url+"/a%20b/c?x=%2F&y=2", "\x00\xffbinary", "X-One", "1", "Cookie", "who=me")
	if a.status != 418 || a.body != "POST /a b/c x=%2F&y=2 1 \x00\xffbinary" || !strings.HasPrefix(a.header.Get("Set-Cookie"), "seen=me") {
		t.Fatalf("%+v", a)
	}
}

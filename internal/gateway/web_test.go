package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// server is a door behind which a web function stands.
type server func(x *ebb.Exchange, sink ebb.Sink) (ebb.Result, error)

func (s server) Invoke(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
	if inv.HTTP == nil || inv.Payload != nil || inv.ID == "" || inv.TraceID == "" {
		panic("the invocation is not an HTTP exchange")
	}
	return s(inv.HTTP, sink)
}

func (server) Resolve(context.Context, ebb.FunctionKey, string) (*ebb.Version, error) {
	return &ebb.Version{Env: map[string]string{ebb.EnvWebPort: "8080"}}, nil
}

func TestWebRequest(t *testing.T) {
	var got *http.Request
	var body string
	r := newRigBefore(t, Config{MaxBody: 10}, plainURL(), server(func(x *ebb.Exchange, _ ebb.Sink) (ebb.Result, error) {
		b, err := io.ReadAll(x.Request.Body)
		got, body = x.Request, string(b)
		x.Writer.Header().Set("X-Amzn-Requestid", "forged")
		x.Writer.Header().Add("Set-Cookie", "a=1")
		x.Writer.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(x.Writer, "short and stout")
		return ebb.Result{}, err
	}))
	large := strings.Repeat("x", 1<<20) // far beyond MaxBody: it is not kept
	res := r.do(t, "PUT", r.url+"/a%2Fb//c?q=1&q=2", large, "X-Forwarded-For", "1.2.3.4", "Authorization", "Bearer mine",
		"X-Amzn-Request-Context", "forged")
	if res.status != http.StatusTeapot || res.body != "short and stout" || res.header.Get("Set-Cookie") != "a=1" {
		t.Errorf("%+v", res)
	}
	if id := res.header["X-Amzn-Requestid"]; len(id) != 1 || id[0] == "forged" {
		t.Errorf("request id %q", id)
	}
	if body != large || got.URL.EscapedPath() != "/a%2Fb//c" || got.URL.Path != "/a/b//c" || got.URL.RawQuery != "q=1&q=2" ||
		got.URL.Host != "" || "http://"+got.Host != r.URL {
		t.Errorf("%s %s, host %s, %d bytes", got.Method, got.URL, got.Host, len(body))
	}
	h := got.Header
	if f := strings.Join(h["X-Forwarded-For"], ", "); f != "1.2.3.4, 127.0.0.1" || h.Get("X-Forwarded-Proto") != "http" ||
		h.Get("X-Forwarded-Host") != got.Host || !strings.HasSuffix(got.Host, ":"+h.Get("X-Forwarded-Port")) || h.Get("Authorization") != "Bearer mine" {
		t.Errorf("%v", h)
	}
	var about struct {
		RequestID, DomainPrefix string
		HTTP                    struct{ Method, Path string }
	}
	if err := json.Unmarshal([]byte(h.Get("X-Amzn-Request-Context")), &about); err != nil || len(h["X-Amzn-Request-Context"]) != 1 ||
		about.RequestID != res.header.Get("X-Amzn-Requestid") || about.DomainPrefix != testID ||
		about.HTTP.Method != "PUT" || about.HTTP.Path != "/a%2Fb//c" {
		t.Errorf("%+v, %v", about, err)
	}
	if r.do(t, "GET", r.url, ""); got.URL.Path != "/" {
		t.Errorf("path %q", got.URL.Path)
	}
}

// TestWebNeighbourlyHeaders: a client can have its own headers go no further than
// to the gateway, and not those that the gateway adds.
func TestWebNeighbourlyHeaders(t *testing.T) {
	var got http.Header
	r := newRigBefore(t, Config{}, plainURL(), server(func(x *ebb.Exchange, _ ebb.Sink) (ebb.Result, error) {
		got = x.Request.Header
		x.Writer.WriteHeader(http.StatusNoContent)
		return ebb.Result{}, nil
	}))
	for sent, want := range map[string][]string{
		"X-Forwarded-For, x-amzn-request-context,x-mine": nil,
		"X-Mine, Upgrade, TE":                            {"Upgrade"},
	} {
		r.do(t, "GET", r.url, "", "Connection", sent, "Te", "trailers", "Upgrade", "x", "X-Mine", "1", "X-Other", "2")
		if !slices.Equal(got["Connection"], want) || got["X-Mine"] != nil || got.Get("X-Other") != "2" || got.Get("Te") != "trailers" ||
			got.Get("X-Forwarded-For") != "127.0.0.1" || got.Get("X-Amzn-Request-Context") == "" {
			t.Errorf("%s: %v", sent, got)
		}
	}
}

func TestWebWithIAM(t *testing.T) {
	called := false
	r := newRigBefore(t, Config{MaxBody: 10}, plainURL(withIAM), server(func(x *ebb.Exchange, _ ebb.Sink) (ebb.Result, error) {
		called = true
		x.Writer.WriteHeader(http.StatusOK)
		return ebb.Result{}, nil
	}))
	if res := r.do(t, "GET", r.url+"/", ""); res.status != http.StatusForbidden || called {
		t.Errorf("%+v", res)
	}
}

func TestWebFailures(t *testing.T) {
	broken := ebb.Result{FunctionError: ebb.FunctionErrorUnhandled}
	for name, c := range map[string]struct {
		server server
		status int // 0 = the connection ends within the answer
	}{
		"function error": {func(_ *ebb.Exchange, sink ebb.Sink) (ebb.Result, error) {
			return broken, say(sink, ebb.Head{FunctionError: ebb.FunctionErrorUnhandled}, `{"errorMessage":"secret"}`)
		}, http.StatusBadGateway},
		"throttled": {func(*ebb.Exchange, ebb.Sink) (ebb.Result, error) {
			return ebb.Result{}, ebb.Errorf(ebb.Throttled, ebb.TypeTooManyRequests, "full")
		}, http.StatusTooManyRequests},
		"late": {func(x *ebb.Exchange, _ ebb.Sink) (ebb.Result, error) {
			_, _ = io.WriteString(x.Writer, strings.Repeat("part", 10000))
			return ebb.Result{FunctionError: ebb.FunctionErrorUnhandled, LateError: []byte("{}")}, nil
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigBefore(t, Config{}, plainURL(), c.server)
			res, err := r.Client().Get(r.url)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if c.status == 0 {
				if err == nil {
					t.Error("the part is taken for the whole")
				}
				return
			}
			if err != nil || res.StatusCode != c.status || strings.Contains(string(body), "secret") {
				t.Errorf("%s %s %v", res.Status, body, err)
			}
		})
	}
}

func TestWebCORSIsTheURLs(t *testing.T) {
	cors := func(f *ebb.FunctionURL) { f.CORS = &ebb.CORS{AllowOrigins: []string{"https://a.example"}} }
	r := newRigBefore(t, Config{}, plainURL(cors), server(func(x *ebb.Exchange, _ ebb.Sink) (ebb.Result, error) {
		x.Writer.Header().Set("Access-Control-Allow-Origin", "*")
		_, _ = io.WriteString(x.Writer, "x")
		return ebb.Result{}, nil
	}))
	res := r.do(t, "GET", r.url, "", "Origin", "https://a.example")
	if res.header.Get("Access-Control-Allow-Origin") != "https://a.example" {
		t.Errorf("%v", res.header)
	}
}

func TestWebUpgrade(t *testing.T) {
	r := newRigBefore(t, Config{}, plainURL(), server(func(x *ebb.Exchange, _ ebb.Sink) (ebb.Result, error) {
		conn, rw, err := http.NewResponseController(x.Writer).Hijack()
		if err != nil {
			return ebb.Result{}, err
		}
		defer func() { _ = conn.Close() }()
		line, _ := rw.ReadString('\n')
		_, _ = rw.WriteString("heard " + line)
		return ebb.Result{FunctionError: ebb.FunctionErrorUnhandled}, rw.Flush() // nothing more to be said about it in HTTP
	}))
	conn, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(conn, "GET /url/"+testID+"/ HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || line != "heard hello\n" {
		t.Errorf("%q %v", line, err)
	}
}

// TestWebClientStalls: a client that takes nothing is left.
func TestWebClientStalls(t *testing.T) {
	ended := make(chan error, 1)
	r := newRigBefore(t, Config{Stall: 50 * time.Millisecond}, plainURL(), server(func(x *ebb.Exchange, _ ebb.Sink) (ebb.Result, error) {
		var err error
		for err == nil {
			_, err = x.Writer.Write(make([]byte, 64<<10))
		}
		ended <- err
		return ebb.Result{}, nil
	}))
	conn, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET /url/"+testID+"/ HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := <-ended; err == nil {
		t.Error("the answer goes on")
	}
}

// TestWebSmallBodyIsAwaited: the function is not called before a small body is
// there, so that a client who does not send it holds nothing.
func TestWebSmallBodyIsAwaited(t *testing.T) {
	called := false
	r := newRigBefore(t, Config{BodyTimeout: 50 * time.Millisecond}, plainURL(), server(func(*ebb.Exchange, ebb.Sink) (ebb.Result, error) {
		called = true
		return ebb.Result{}, nil
	}))
	conn, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "POST /url/"+testID+"/ HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusBadRequest || called {
		t.Errorf("%s, called: %v", res.Status, called)
	}
}

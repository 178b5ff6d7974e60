package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

func TestRouteLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(&ebb.Route{Rate: 10, Burst: 4, CallerRate: 1, CallerBurst: 2})
		take := func(caller string, reason string, after time.Duration) {
			t.Helper()
			err := l.take(caller, time.Now())
			e, _ := err.(*ebb.Error)
			switch {
			case reason == "" && err != nil:
				t.Fatalf("%s: %v", caller, err)
			case reason != "" && (e == nil || e.Kind != ebb.Throttled || e.Reason != reason || e.RetryAfter != after):
				t.Fatalf("%s: %+v, want %s after %s", caller, e, reason, after)
			}
		}
		take("a", "", 0)
		take("a", "", 0)
		take("a", ebb.ReasonCaller, time.Second)
		take("b", "", 0)
		take("c", "", 0)
		take("d", ebb.ReasonRoute, 100*time.Millisecond) // the route's four are taken
		time.Sleep(time.Second)
		take("a", "", 0) // as Retry-After said
		take("a", ebb.ReasonCaller, time.Second)
	})
}

// Callers beyond the bound begin anew, the latest ones do not.
func TestRouteCallersAreBounded(t *testing.T) {
	l := newLimits(&ebb.Route{CallerRate: 0.001, CallerBurst: 1})
	for i := range maxCallers + 10 {
		if err := l.take(fmt.Sprint(i), testNow); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.callers) != maxCallers || l.recent.Len() != maxCallers {
		t.Fatalf("%d callers", len(l.callers))
	}
	if l.take(fmt.Sprint(maxCallers), testNow) == nil {
		t.Fatal("a caller seen lately was forgotten")
	}
	if err := l.take("0", testNow); err != nil {
		t.Fatal(err)
	}
}

func TestRouteTooManyRequests(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	r.put(ebb.Route{Path: "/x", CallerRate: 0.1, CallerBurst: 1})
	r.ask("GET", "/x", "")
	if a := r.refused(429, ebb.TypeTooManyRequests, "GET", "/x", ""); a.header.Get("Retry-After") != "10" || !strings.Contains(a.body, ebb.ReasonCaller) {
		t.Fatalf("%v %s", a.header, a.body)
	}
	// Another change of routes does not give the caller back what it used.
	r.put(ebb.Route{Path: "/y"})
	r.refused(429, ebb.TypeTooManyRequests, "GET", "/x", "")
}

func TestRouteMaxBody(t *testing.T) {
	r := newRouteRig(t, Config{MaxBody: 100}, nil)
	r.put(ebb.Route{Path: "/x", MaxBody: 10})
	r.ask("POST", "/x", "0123456789")
	r.refused(413, ebb.TypeRequestEntityTooLarge, "POST", "/x", "0123456789a")
	s := ebb.Route{Path: "/x", MaxBody: 101}
	if err := r.g.CheckRoute(r.trigger(s, "y"), &s); err == nil || !strings.Contains(err.Error(), "http.maxBody") {
		t.Fatal(err)
	}
}

// A client that does not send what it announced is answered all the same.
func TestSlowBodies(t *testing.T) {
	r := newRouteRig(t, Config{BodyTimeout: 50 * time.Millisecond}, nil)
	r.put(ebb.Route{Path: "/x", MaxBody: 10})
	for want, head := range map[string]string{
		"400 Bad Request":              "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\na",
		"413 Request Entity Too Large": "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 50\r\n\r\na",
	} {
		conn, err := net.Dial("tcp", r.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(conn, head)
		_ = conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		b, err := io.ReadAll(conn)
		if err != nil || !bytes.Contains(b, []byte(want)) {
			t.Errorf("%s %v, want %s", b, err, want)
		}
		_ = conn.Close()
	}
}

// A function that takes too long runs on, and its client is told; one whose
// answer has begun is left alone.
func TestRouteTimeout(t *testing.T) {
	go1, ended := make(chan struct{}), make(chan struct{}, 2)
	r := newRouteRig(t, Config{}, dispatch(func(_ context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		defer func() { ended <- struct{}{} }()
		payload := bytes.Clone(inv.Payload)
		if inv.Patience.IsZero() {
			t.Error("no patience")
		}
		if strings.Contains(string(payload), "/stream") {
			_ = say(sink, ebb.Head{Streaming: true, ContentType: "text/plain"}, "begun ")
		}
		<-go1
		if !bytes.Equal(payload, inv.Payload) {
			t.Error("the payload was used for another request")
		}
		if strings.Contains(string(payload), "/stream") {
			_, err := sink.Write([]byte("ended"))
			return ebb.Result{}, err
		}
		return ebb.Result{}, say(sink, ebb.Head{}, `"late"`)
	}))
	r.put(ebb.Route{Path: "/x", Timeout: 1})
	r.put(ebb.Route{Path: "/stream", Timeout: 1, Stream: true})
	var all sync.WaitGroup
	all.Go(func() {
		if a := r.do(t, "GET", r.URL+"/stream", ""); a.status != 200 || a.body != "begun ended" {
			t.Errorf("stream: %d %s", a.status, a.body)
		}
	})
	r.refused(504, ebb.TypeGatewayTimeout, "GET", "/x", "")
	r.do(t, "GET", r.URL+"/url/none", "") // takes memory from the pool
	close(go1)
	<-ended
	<-ended
	all.Wait()
}

// TestRouteStreamsLateAnswer: what begins after the timeout reaches nobody.
func TestRouteStreamThatBeginsLate(t *testing.T) {
	late := make(chan error, 1)
	gate := make(chan struct{})
	r := newRouteRig(t, Config{}, dispatch(func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		<-gate
		err := sink.Head(ebb.Head{Streaming: true, ContentType: "text/plain"})
		late <- err
		return ebb.Result{}, err
	}))
	r.put(ebb.Route{Path: "/x", Timeout: 1, Stream: true})
	r.refused(504, ebb.TypeGatewayTimeout, "GET", "/x", "")
	close(gate)
	if err := <-late; err == nil {
		t.Fatal("a late answer was taken")
	}
}

func TestRouteToWorkflow(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	fails := false
	r.g.routing.deps.Workflow = func(_ context.Context, machine, input, trace string) (string, bool, error) {
		if machine != "arn:aws:states:us-east-1:000000000000:stateMachine:m" || !strings.Contains(input, `"id":"7"`) || trace == "" {
			t.Errorf("%s %s %s", machine, input, trace)
		}
		return `{"statusCode":201,"body":"made"}`, fails, nil
	}
	s := ebb.Route{Path: "/{id}"}
	tr := r.trigger(s, "flow")
	tr.Target = "arn:aws:states:us-east-1:000000000000:stateMachine:m"
	r.insert(tr)
	if a := r.do(t, "GET", r.URL+"/7", ""); a.status != 201 || a.body != "made" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	fails = true
	r.refused(502, "FunctionError", "GET", "/7", "")
}

func TestRouteSchema(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	r.put(ebb.Route{Path: "/x", Schema: []byte(`{"type":"object","required":["to"],"properties":{"amount":{"type":"number","minimum":0},
		"lines":{"type":"array","items":{"$ref":"#/$defs/line"}},"when":{"type":"string","format":"date"}},"$defs":{"line":{"type":"object","required":["sku"]}}}`)})
	r.ask("POST", "/x", `{"to":"a","amount":1,"lines":[{"sku":"1"}],"when":"2026-11-22"}`)
	r.ask("GET", "/x", "")
	for body, places := range map[string][]string{
		`{"amount":"x","to":"a"}`:           {"/amount: "},
		`{"amount":-1}`:                     {"/amount: ", "/: ", "to"},
		`{"to":"a","lines":[{"sku":1},{}]}`: {"/lines/1: "},
		`{"to":"a","when":"yesterday"}`:     {"/when: "},
		`{`:                                 {"not JSON"},
		``:                                  {"not JSON"},
		`{"to":"a"} {"to":"b"}`:             {"not JSON"},
	} {
		a := r.refused(400, ebb.TypeRequestInvalid, "POST", "/x", body)
		for _, p := range places {
			if !strings.Contains(a.body, p) {
				t.Errorf("%s: %s does not name %s", body, a.body, p)
			}
		}
	}
	for _, bad := range []string{`{"type":"nothing"}`, `{"$ref":"file:///etc/passwd"}`, `{"$ref":"https://evil.example/x"}`, `{`, `7`} {
		if _, err := compileSchema([]byte(bad)); ebb.KindOf(err) != ebb.Invalid || !strings.Contains(err.Error(), "http.schema") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestRouteCORSByGroup(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	r.put(ebb.Route{Path: "/x", Methods: []string{"GET"}, Group: "shop", CORS: &ebb.RouteCORS{AllowOrigins: []string{"https://shop.example"}, AllowMethods: []string{"*"}}})
	r.put(ebb.Route{Path: "/x", Methods: []string{"PUT"}, Group: "shop", Auth: ebb.RouteAuthKey})
	r.put(ebb.Route{Path: "/x", Methods: []string{"DELETE"}})
	for method, want := range map[string]string{"GET": "https://shop.example", "PUT": "https://shop.example", "DELETE": ""} {
		a := r.do(t, "OPTIONS", r.URL+"/x", "", "Origin", "https://shop.example", "Access-Control-Request-Method", method)
		if a.header.Get("Access-Control-Allow-Origin") != want || want == "" && a.status != 405 {
			t.Errorf("%s: %d %v", method, a.status, a.header)
		}
	}
	a := r.refused(401, ebb.TypeUnauthorized, "PUT", "/x", "", "Origin", "https://shop.example") // a browser must be able to read why
	if a.header.Get("Access-Control-Allow-Origin") != "https://shop.example" {
		t.Errorf("refusal: %v", a.header)
	}
}

func TestRouteStripPrefix(t *testing.T) {
	for _, c := range []struct{ strip, path, want, raw string }{
		{"/shop", "/shop/a%20b", "/a b", "/a%20b"}, {"/shop", "/shop", "/", "/"}, {"/shop", "/shop/", "/", "/"},
		{"/a/{v}", "/a/1/c", "/c", "/c"}, {"", "/a/b", "/a/b", "/a/b"},
	} {
		hr := httptest.NewRequest(http.MethodGet, "http://h"+c.path+"?q=1", nil)
		u := (&request{Request: hr, path: c.path, route: &route{http: &httpRoute{settings: ebb.Route{StripPrefix: c.strip}}}}).webURL()
		if u.Path != c.want || u.RawPath != c.raw || u.RawQuery != "q=1" {
			t.Errorf("%s off %s: %+v", c.strip, c.path, u)
		}
	}
}

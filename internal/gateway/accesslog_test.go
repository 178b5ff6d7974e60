package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/metrics"
)

func TestAccessLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	r := newRouteRig(t, Config{AccessLog: AccessLog{File: file, MaxMB: 1, Keep: 2}}, nil)
	r.put(ebb.Route{Path: "/x/{id}", Auth: ebb.RouteAuthNone})
	r.answer = `{"statusCode":201,"body":"12345"}`
	r.do(t, "POST", r.URL+"/x/1?q=secret", "abc", "User-Agent", "a\"gent")
	r.do(t, "GET", r.URL+"/nowhere", "")
	r.do(t, "GET", r.URL+"/url/"+testID+"/p", "")
	if err := r.g.access.flush(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []map[string]any
	for line := range strings.Lines(string(text)) {
		m := map[string]any{}
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		lines = append(lines, m)
	}
	if len(lines) != 3 || strings.Contains(string(text), "secret") {
		t.Fatalf("%s", text)
	}
	for name, want := range map[string]any{"method": "POST", "path": "/x/1", "status": 201.0, "in": 3.0, "out": 5.0, "route": "ANY /x/{id}", "trigger": "route-b",
		"function": "hello", "qualifier": "live", "caller": "ip:127.0.0.1", "agent": `a"gent`, "time": "2026-11-22T11:00:00.123Z", "requestId": string(r.inv.ID)} {
		if name == "requestId" {
			want = lines[0]["requestId"] // that of the last invocation is another's
		}
		if lines[0][name] != want {
			t.Errorf("%s is %v, want %v", name, lines[0][name], want)
		}
	}
	if lines[1]["status"] != 404.0 || lines[1]["route"] != nil || lines[2]["status"] != 201.0 || lines[2]["function"] != "hello" {
		t.Fatalf("%s", text)
	}
}

func TestAccessLogTurnsOver(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	l := newAccessLog(AccessLog{File: file, MaxMB: 1, Keep: 2})
	line := strings.Repeat("x", 700<<10) + "\n"
	for i := range 5 {
		l.waiting = []byte(string(rune('a'+i)) + line)
		if err := l.flush(); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{"": "e", ".1": "d", ".2": "c"} {
		if b, err := os.ReadFile(file + name); err != nil || string(b[:1]) != want || len(b) != len(line)+1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(file + ".3"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("more than two are kept: %v", err)
	}
	_ = l.closeFile()
}

// While nothing can be written, lines wait, then are dropped and counted; what
// waits is written when it can be.
func TestAccessLogThatCannotBeWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	l := newAccessLog(AccessLog{File: filepath.Join(dir, "access.log")})
	l.waiting = []byte("one\n")
	if err := l.flush(); !errors.Is(err, os.ErrNotExist) || string(l.waiting) != "one\n" {
		t.Fatalf("%v %q", err, l.waiting)
	}
	l.waiting = make([]byte, accessLost+1)
	l.add(nil, nil, 0)
	if l.dropped != 1 {
		t.Fatal("memory is not bounded")
	}
	l.waiting = []byte("two\n")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.flush(); err == nil || !strings.Contains(err.Error(), "1 lines were dropped") {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	l.waiting = []byte("three\n")
	stop()
	l.run(ctx, func(err error) { t.Error(err) })
	if b, err := os.ReadFile(l.cfg.File); err != nil || string(b) != "two\nthree\n" {
		t.Fatalf("%q %v", b, err)
	}
}

func TestRouteMetrics(t *testing.T) {
	r := newRouteRig(t, Config{}, nil)
	m := metrics.New()
	r.g.routing.deps.Metrics = m
	route := r.put(ebb.Route{Path: "/x", CallerRate: 0.001, CallerBurst: 2})
	r.ask("GET", "/x", "")
	r.ask("GET", "/x", "")
	r.refused(429, ebb.TypeTooManyRequests, "GET", "/x", "")
	text := scrape(t, m)
	for _, want := range []string{`ebb_route_requests_total{class="2xx",route="` + route.Name + `",service="000000000000"} 2`,
		`ebb_route_requests_total{class="4xx",route="` + route.Name + `",service="000000000000"} 1`, `ebb_route_seconds_count{route="` + route.Name + `",service="000000000000"} 3`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not in\n%s", want, text)
		}
	}
	r.remove(route)
	if text := scrape(t, m); strings.Contains(text, "ebb_route") && strings.Contains(text, route.Name) {
		t.Error("the series of a deleted route stay")
	}
}

package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// thousandRoutes is a gateway with so many routes.
func thousandRoutes(b *testing.B, d Dispatcher) *Gateway {
	g := newGateway(Config{}, plainURL().lookup, d, auth.New(auth.Config{}, testRoot), slog.New(slog.DiscardHandler))
	var all []*route
	for i := range 1000 {
		s := ebb.Route{Path: fmt.Sprintf("/url%d/{kind}/items", i), Methods: []string{"POST"}, Auth: ebb.RouteAuthNone}
		if err := s.Validate(); err != nil {
			b.Fatal(err)
		}
		r, err := g.compile(&ebb.Trigger{TriggerKey: ebb.TriggerKey{Service: testKey.Service, Name: "r"}, Target: ebb.FunctionARN("us-east-1", testKey, "")}, &s)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, r)
	}
	g.routing.table.Store(newTable(all))
	return g
}

// cpu is what this process has used, which a busy machine changes less than time.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOverHTTP sets the gateway beside a bare handler that reads the body
// and writes the same answer, both over a connection that is kept. The
// difference is what a function URL costs.
func BenchmarkOverHTTP(b *testing.B) {
	const answer = `{"a":1}`
	doc := []byte(`{"statusCode":200,"headers":{"content-type":"application/json"},"body":"{\"a\":1}"}`)
	d := dispatch(func(_ context.Context, _ *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
		_ = sink.Head(ebb.Head{})
		_, err := sink.Write(doc)
		return ebb.Result{}, err
	})
	bare := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	})
	text := `{"text":"` + strings.Repeat("x", 200) + `"}`
	rest := "/items?limit=10 HTTP/1.1\r\nHost: 127.0.0.1:9081\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n" +
		"Content-Type: application/json\r\nContent-Length: 211\r\n\r\n" + text
	for _, c := range []struct {
		name, path string
		h          http.Handler
	}{
		{"bare", "/url/" + testID, bare},
		{"gateway", "/url/" + testID, newGateway(Config{}, plainURL().lookup, d, auth.New(auth.Config{}, testRoot), slog.New(slog.DiscardHandler))},
		{"route of 1000", "/url500/" + testID, thousandRoutes(b, d)},
	} {
		b.Run(c.name, func(b *testing.B) {
			request := "POST " + c.path + rest
			srv := httptest.NewServer(c.h)
			defer srv.Close()
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			in := bufio.NewReader(conn)
			b.ReportAllocs()
			before := cpu(b)
			for b.Loop() {
				if _, err := io.WriteString(conn, request); err != nil {
					b.Fatal(err)
				}
				resp, err := http.ReadResponse(in, nil)
				if err != nil {
					b.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				if err != nil || string(body) != answer {
					b.Fatalf("%q, %v", body, err)
				}
			}
			b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

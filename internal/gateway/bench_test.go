package gateway

import (
	"bufio"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

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
	request := "POST /url/" + testID + "/items?limit=10 HTTP/1.1\r\nHost: 127.0.0.1:9081\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\n" +
		"Content-Type: application/json\r\nContent-Length: 211\r\n\r\n" + text
	for name, h := range map[string]http.Handler{
		"bare":    bare,
		"gateway": newGateway(Config{}, plainURL().lookup, d, auth.New(auth.Config{}, testRoot), slog.New(slog.DiscardHandler)),
	} {
		b.Run(name, func(b *testing.B) {
			srv := httptest.NewServer(h)
			defer srv.Close()
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			in := bufio.NewReader(conn)
			b.ReportAllocs()
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
		})
	}
}

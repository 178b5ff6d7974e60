package gateway

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// TestWebUnreadBody: a body that the function did not read to its end is not
// taken for the next request, whoever answered and however the body was sent.
func TestWebUnreadBody(t *testing.T) {
	answers := map[string]server{
		"answer": func(x *ebb.Exchange, _ ebb.Sink) (ebb.Result, error) {
			x.Writer.WriteHeader(http.StatusUnauthorized)
			return ebb.Result{}, nil
		},
		"interrupted": func(x *ebb.Exchange, _ ebb.Sink) (ebb.Result, error) {
			x.Writer.WriteHeader(http.StatusUnauthorized)
			rc := http.NewResponseController(x.Writer)
			_ = rc.Flush()
			_ = rc.SetReadDeadline(time.Unix(1, 0))
			_, _ = io.ReadAll(x.Request.Body)
			return ebb.Result{}, nil
		},
		"throttled": func(*ebb.Exchange, ebb.Sink) (ebb.Result, error) {
			return ebb.Result{}, ebb.Errorf(ebb.Throttled, ebb.TypeTooManyRequests, "full")
		},
		"failed": func(_ *ebb.Exchange, sink ebb.Sink) (ebb.Result, error) {
			return ebb.Result{FunctionError: ebb.FunctionErrorUnhandled}, say(sink, ebb.Head{FunctionError: ebb.FunctionErrorUnhandled}, `{}`)
		},
	}
	next := "GET /url/" + testID + "/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	long := next + strings.Repeat("x", firstBody)
	for name, answer := range answers {
		for sent, request := range map[string]string{
			"length":  "Content-Length: 100000\r\n\r\n" + long,
			"chunked": "Transfer-Encoding: chunked\r\n\r\n40000\r\n" + long,
			"whole":   "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + next,
		} {
			t.Run(name+" "+sent, func(t *testing.T) {
				t.Parallel()
				var log syncBuffer
				r := newRigBefore(t, Config{}, plainURL(), answer)
				r.Config.ErrorLog = slog.NewLogLogger(slog.NewTextHandler(&log, nil), slog.LevelError)
				conn, err := net.Dial("tcp", r.Listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
				_, _ = io.WriteString(conn, "POST /url/"+testID+"/ HTTP/1.1\r\nHost: x\r\n"+request)
				got, err := io.ReadAll(conn) // the connection ends by itself
				if n := strings.Count(string(got), "HTTP/1.1 "); n != 1 || !strings.Contains(string(got), "\r\nConnection: close\r\n") {
					t.Errorf("%d answers, %v: %s", n, err, got)
				}
				if log.String() != "" {
					t.Errorf("%s", log.String())
				}
			})
		}
	}
}

// TestWebReadBody: once the body was read, the connection carries more requests.
func TestWebReadBody(t *testing.T) {
	r := newRigBefore(t, Config{}, plainURL(), server(func(x *ebb.Exchange, _ ebb.Sink) (ebb.Result, error) {
		n, err := io.Copy(io.Discard, x.Request.Body)
		if n == 0 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		x.Writer.WriteHeader(http.StatusNoContent)
		return ebb.Result{}, nil
	}))
	conn, err := net.Dial("tcp", r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	in := bufio.NewReader(conn)
	for _, body := range []string{
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"Content-Length: 20000\r\n\r\n" + strings.Repeat("x", 20000),
		"Content-Length: 5\r\n\r\nhello",
	} {
		_, _ = io.WriteString(conn, "POST /url/"+testID+"/ HTTP/1.1\r\nHost: x\r\n"+body)
		res, err := http.ReadResponse(in, nil)
		if err != nil || res.StatusCode != http.StatusNoContent || res.Close {
			t.Fatalf("%.20s: %+v %v", body, res, err)
		}
		_ = res.Body.Close()
	}
}

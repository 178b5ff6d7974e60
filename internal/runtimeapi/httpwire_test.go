package runtimeapi

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// raw sends text on a connection of its own and returns what comes back before
// it ends.
func raw(t *testing.T, addr, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, text)
	b, _ := io.ReadAll(c)
	return string(b)
}

// TestHTTPRefuses: what is no request, or could be read in two ways, is told so
// and ends the connection.
func TestHTTPRefuses(t *testing.T) {
	s, rt := startHTTP(t, Options{})
	go func() { _, _ = s.Ready(t.Context(), Init{}) }()
	for text, want := range map[string]string{
		"hello\r\n\r\n":                                                                "400 ",
		"GET /2018-06-01/ping HTTP/2.0\r\n\r\n":                                        "505 ",
		"GET  HTTP/1.1\r\n\r\n":                                                        "400 ",
		"G(T / HTTP/1.1\r\n\r\n":                                                       "400 ",
		"GET / HTTP/1.1\r\nno colon\r\n\r\n":                                           "400 ",
		"GET / HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n":                                 "400 ",
		"GET / HTTP/1.1\r\nA : b\r\n\r\n":                                              "400 ",
		"GET / HTTP/1.1\r\nA: b\nB: c\r\n\r\n":                                         "400 ",
		"POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\nx":                               "400 ",
		"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\nx":                               "400 ",
		"POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n":                              "400 ",
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n":            "400 ",
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n":   "400 ",
		"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n":                  "501 ",
		"POST / HTTP/1.1\r\nExpect: a miracle\r\nContent-Length: 1\r\n\r\n":            "417 ",
		"GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", maxFields+1) + "\r\n":        "431 ",
		"GET / HTTP/1.1\r\nA: " + strings.Repeat("b", maxReqHead):                      "431 ",
		"GET /2018-06-01/ping HTTP/1.0\r\n\r\n":                                        "200 ",
		"GET http://x:9001/2018-06-01/ping?a=b HTTP/1.1\r\nConnection: close\r\n\r\n":  "200 ",
		"\r\nGET /2018-06-01/ping HTTP/1.1\r\nconnection: keep-alive, Close\r\n\r\n":   "200 ",
		"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n":                 "404 ",
		"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n": "404 ",
	} {
		got := raw(t, rt.addr, text)
		if !strings.HasPrefix(got, "HTTP/1.1 "+want) || strings.Count(got, "Content-Length: ") != 1 {
			t.Errorf("%.80q: %.200q, want %s", text, got, want)
		}
	}
}

// TestHTTPPipelined: requests that do not wait for answers are answered in their
// order, but not past a poll.
func TestHTTPPipelined(t *testing.T) {
	s, rt := startHTTP(t, Options{})
	go func() { _, _ = s.Ready(t.Context(), Init{}) }()
	ping := "GET /2018-06-01/ping HTTP/1.1\r\n\r\n"
	got := raw(t, rt.addr, ping+"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"+ping+"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n"+ping+ping)
	var status []string
	for part := range strings.SplitSeq(got, "HTTP/1.1 ") {
		status = append(status, part[:min(3, len(part))])
	}
	if fmt.Sprint(status) != "[ 200 404 200]" {
		t.Errorf("%v: %q", status, got)
	}
}

func TestHTTPExpect(t *testing.T) {
	s, rt := startHTTP(t, Options{})
	got := up(t, s, rt, &Call{ID: "a"})
	c, err := net.Dial("tcp", rt.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	br := bufio.NewReader(c)
	_, _ = io.WriteString(c, "POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
	if line, _ := br.ReadString('\n'); line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q", line)
	}
	_, _ = br.ReadString('\n')
	_, _ = io.WriteString(c, "abc")
	if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != 202 {
		t.Fatal(res, err)
	}
	if g := <-got; string(g.sink.body) != "abc" {
		t.Errorf("%q", g.sink.body)
	}
	// Nobody waits for a body that is not wanted.
	if got := raw(t, rt.addr, "POST /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 404 ") {
		t.Errorf("%q", got)
	}
}

// TestHTTPSlowHead: a head that was begun has to end.
func TestHTTPSlowHead(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() { _, _ = io.WriteString(theirs, "GET / HT") }()
	in := wireReader{src: ours}
	begin := time.Now()
	if _, err := in.head(20 * time.Millisecond); err == nil || time.Since(begin) > 5*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

// TestHTTPConnections: a box has only so many.
func TestHTTPConnections(t *testing.T) {
	s, rt := startHTTP(t, Options{})
	var all []net.Conn
	defer func() {
		for _, c := range all {
			_ = c.Close()
		}
	}()
	s.Serve()
	for range maxHTTPConns + 1 {
		c, err := net.Dial("tcp", rt.addr)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, c)
		_, _ = io.WriteString(c, "GET /2018-06-01/ping HTTP/1.1\r\n\r\n")
		if res, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
	}
	if got := raw(t, rt.addr, "GET /2018-06-01/ping HTTP/1.1\r\n\r\n"); got != "" {
		t.Errorf("one too many: %q", got)
	}
}

// TestHTTPConcurrent: a runtime that has several polls open gets several
// invocations, and answers them in any order.
func TestHTTPConcurrent(t *testing.T) {
	const places = 4
	s, rt := startHTTP(t, Options{})
	var together sync.WaitGroup // all are in flight before one is answered
	together.Add(places)
	var runtime sync.WaitGroup
	for range places {
		runtime.Go(func() {
			for round := range 2 {
				status, body, h := rt.do(t, "GET", "runtime/invocation/next", "")
				if status != 200 {
					t.Errorf("next: %d", status)
					return
				}
				if round == 0 {
					together.Done()
					together.Wait()
				}
				id := h.Get(headerRequestID)
				if status, _, _ := rt.do(t, "POST", "runtime/invocation/"+id+"/response", id+body); status != 202 {
					t.Errorf("response: %d", status)
				}
			}
		})
	}
	if _, err := s.Ready(t.Context(), Init{Concurrency: places}); err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for i := range places {
		callers.Go(func() {
			for round := range 2 {
				id := fmt.Sprintf("id-%d-%d", round, i)
				var sink catch
				c := Call{ID: ebb.InvocationID(id), Payload: []byte("P" + id), Deadline: time.Now().Add(30 * time.Second)}
				if _, err := s.Invoke(context.Background(), &c, &sink); err != nil || string(sink.body) != id+"P"+id {
					t.Errorf("%s: %q, %v", id, sink.body, err)
				}
			}
		})
	}
	callers.Wait()
	runtime.Wait()
}

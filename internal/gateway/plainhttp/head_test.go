package plainhttp

import (
	"bufio"
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// sameAsNetHTTP fails if a head that parse takes means something else to net/http.
func sameAsNetHTTP(t interface {
	Helper()
	Fatalf(string, ...any)
}, head string) (taken bool) {
	t.Helper()
	end := strings.Index(head, headEnd)
	if end < 0 {
		return false
	}
	got := parse(context.Background(), head[:end+2])
	if got == nil {
		return false
	}
	want, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if err != nil {
		t.Fatalf("net/http refuses what was taken: %v\n%q", err, head)
	}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"method", got.Method, want.Method},
		{"target", got.RequestURI, want.RequestURI},
		{"URL", got.URL, want.URL},
		{"protocol", []any{got.Proto, got.ProtoMajor, got.ProtoMinor}, []any{want.Proto, want.ProtoMajor, want.ProtoMinor}},
		{"header", got.Header, want.Header},
		{"host", got.Host, want.Host},
		{"length", got.ContentLength, want.ContentLength},
		{"close", got.Close, want.Close},
		{"transfer encoding", got.TransferEncoding, want.TransferEncoding},
		{"trailer", len(got.Trailer), len(want.Trailer)},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Fatalf("%s: %#v, net/http has %#v\n%q", c.what, c.got, c.want, head)
		}
	}
	return true
}

func TestParse(t *testing.T) {
	const host = "Host: h\r\n"
	for _, c := range []struct {
		head  string
		taken bool
	}{
		{"GET / HTTP/1.1\r\n" + host, true},
		{"GET /url/ab/%41?x=1&y=%20 HTTP/1.1\r\n" + host, true},
		{"GET //a//b HTTP/1.1\r\n" + host, true},
		{"POST /a HTTP/1.1\r\nhost:h:80\r\ncontent-length:3\r\nX-a: 1\r\nx-A:\t2 \r\nCookie: a=b\r\n", true},
		{"POST /a HTTP/1.1\r\nConnection: Close\r\nHost: [::1]:80\r\n", true},
		{"HEAD /a HTTP/1.1\r\nConnection: keep-alive\r\nUser-Agent:\r\n" + host, true},
		{"GET / HTTP/1.0\r\n" + host, false},
		{"GET / HTTP/1.1\r\n", false},
		{"GET / HTTP/1.1\r\nHost:\r\n", false},
		{"GET / HTTP/1.1\r\n" + host + host, false},
		{"GET / HTTP/1.1\r\nHost: a b\r\n", false},
		{"GET http://h/ HTTP/1.1\r\n" + host, false},
		{"GET * HTTP/1.1\r\n" + host, false},
		{"GET /a b HTTP/1.1\r\n" + host, false},
		{"GET /%zz HTTP/1.1\r\n" + host, false},
		{"GET /\x80 HTTP/1.1\r\n" + host, false},
		{"get / HTTP/1.1\r\n" + host, false},
		{"CONNECT h:80 HTTP/1.1\r\n" + host, false},
		{"PRI * HTTP/2.0\r\n", false},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + host, false},
		{"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n" + host, false},
		{"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n" + host, false},
		{"POST / HTTP/1.1\r\nContent-Length: 3, 3\r\n" + host, false},
		{"POST / HTTP/1.1\r\nContent-Length: +3\r\n" + host, false},
		{"POST / HTTP/1.1\r\nContent-Length: -3\r\n" + host, false},
		{"POST / HTTP/1.1\r\nContent-Length: 0x3\r\n" + host, false},
		{"POST / HTTP/1.1\r\nContent-Length:\r\n" + host, false},
		{"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n" + host, false},
		{"POST / HTTP/1.1\r\nContent-Length : 3\r\n" + host, false},
		{"POST / HTTP/1.1\r\nExpect: 100-continue\r\n" + host, false},
		{"GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + host, false},
		{"GET / HTTP/1.1\r\nConnection: keep-alive, X-a\r\n" + host, false},
		{"GET / HTTP/1.1\r\nConnection: close\r\nConnection: keep-alive\r\n" + host, false},
		{"GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n", false},
		{"GET / HTTP/1.1\r\n" + host + "X: a\nY: b\r\n", false},
		{"GET / HTTP/1.1\r\n" + host + "X: a\rY: b\r\n", false},
		{"GET / HTTP/1.1\r\n" + host + "X: a\x00b\r\n", false},
		{"GET / HTTP/1.1\r\n" + host + "X\r\n", false},
		{"GET / HTTP/1.1\r\n" + host + ": a\r\n", false},
		{"GET / HTTP/1.1\r\n" + host + "X y: a\r\n", false},
		{"GET / HTTP/1.1\n" + host, false},
		{"\r\nGET / HTTP/1.1\r\n" + host, false},
		{" GET / HTTP/1.1\r\n" + host, false},
	} {
		if taken := sameAsNetHTTP(t, c.head+"\r\n"); taken != c.taken {
			t.Errorf("%q: taken is %v", c.head, taken)
		}
	}
}

// TestParseIsWhatNetHTTPMakes puts heads together out of what heads are made of,
// and of what breaks them.
func TestParseIsWhatNetHTTPMakes(t *testing.T) {
	line := rapid.SampledFrom([]string{
		"Host: h", "host: example.com:8080", "Host: h, h", "Content-Length: 3", "content-length: 0", "Content-Length: 3 3", "Connection: close",
		"Connection: keep-alive", "connection: Keep-Alive, close", "Cookie: a=b; c=d", "X-A: 1", "x-a:2", "X-Forwarded-For: 1.2.3.4", "X_b:\tq\t",
		"Transfer-Encoding: chunked", "Transfer-Encoding: identity", "Expect: 100-continue", "Trailer: X", "Pragma: no-cache", "Cache-Control: no-cache",
		"Accept:", " folded", "\tfolded", "bad name: x", "no colon", "X: \x00", "X: \x7f", "X: \xff", "Å: 1", "Upgrade: h2c", "Te: trailers",
	})
	end := rapid.SampledFrom([]string{"\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\r\n", "\n", "\r"})
	first := rapid.SampledFrom([]string{
		"GET / HTTP/1.1", "POST /a/b?c=d HTTP/1.1", "PUT /%2f/.. HTTP/1.1", "DELETE //x HTTP/1.1", "GET /? HTTP/1.1", "GET /#f HTTP/1.1", "GET /a:b HTTP/1.1",
		"GET /\" HTTP/1.1", "GET /[ HTTP/1.1", "GET / HTTP/1.0", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "POST http://h/ HTTP/1.1", "TRACE / HTTP/1.1",
	})
	rapid.Check(t, func(t *rapid.T) {
		head := first.Draw(t, "first") + end.Draw(t, "end")
		for range rapid.IntRange(0, 5).Draw(t, "lines") {
			head += line.Draw(t, "line") + end.Draw(t, "end")
		}
		sameAsNetHTTP(t, head+"\r\n")
	})
}

func FuzzParse(f *testing.F) {
	f.Add("GET /a?b=c HTTP/1.1\r\nHost: h\r\nX: y\r\n\r\n")
	f.Add("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
	f.Fuzz(func(t *testing.T, head string) { sameAsNetHTTP(t, head) })
}

package pool

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestEndpointIsPatientWithinBounds: a head that does not end, in bytes or in time, is
// not waited for, and others are answered meanwhile.
func TestEndpointIsPatientWithinBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newPipes()
		srv := newEndpoint(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "here") }))
		go func() { _ = srv.Serve(l) }()
		dial := func() net.Conn {
			ours, theirs := net.Pipe()
			l.conns <- theirs
			return ours
		}
		slow := dial()
		if _, err := io.WriteString(slow, "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
		began := time.Now()

		other := dial()
		go func() { _, _ = io.WriteString(other, "GET / HTTP/1.1\r\nHost: x\r\n\r\n") }()
		answered(t, other, 200, "here")

		large := dial()
		go func() {
			_, _ = io.WriteString(large, "GET / HTTP/1.1\r\nHost: x\r\nX-Large: "+strings.Repeat("x", 2*maxBoxHead)+"\r\n\r\n")
		}()
		answered(t, large, 431, "")

		_, _ = io.Copy(io.Discard, slow) // until ebb ends it
		if took := time.Since(began); took != boxPatience {
			t.Errorf("a slow head was waited for %s", took)
		}
		for _, c := range []net.Conn{slow, other, large} {
			_ = c.Close()
		}
		_ = srv.Close()
	})
}

func answered(t *testing.T, c net.Conn, status int, body string) {
	t.Helper()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	if res.StatusCode != status || body != "" && string(text) != body {
		t.Errorf("%d %q, want %d", res.StatusCode, text, status)
	}
}

package sandboxtest

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/sandbox"
)

// dialPort: what listens in a box can be reached, from many goroutines at once.
func dialPort(t *testing.T, b Boxes) {
	const port = 8080
	box := b.Box(t, "dial-port", sandbox.Limits{})
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if conn, err := box.Dial(ctx, port); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("where nothing listens Dial gives %v, %v", conn, err)
	}
	Start(t, box, "serve", strconv.Itoa(box.Port(port)))
	Expect(t, box, "ready\n")
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			conn, err := box.Dial(ctx, port)
			if err != nil {
				t.Errorf("Dial: %v", err)
				return
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(Patience))
			want := strings.Repeat(strconv.Itoa(i), 1<<16)
			wg.Go(func() {
				_, _ = io.WriteString(conn, want)
				_ = conn.(*net.TCPConn).CloseWrite()
			})
			if got, err := io.ReadAll(conn); err != nil || string(got) != want {
				t.Errorf("the echo of %d differs: %d bytes, %v", i, len(got), err)
			}
		})
	}
	wg.Wait()
	gone, stop := context.WithCancel(ctx)
	stop()
	if conn, err := box.Dial(gone, port); err == nil {
		_ = conn.Close() // it may have been quick enough
	} else if !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled Dial gives %v", err)
	}
}

// serving makes a box with a server, at an address if one is given, and a connection
// to it.
func serving(t *testing.T, b Boxes, name string, at ...string) (sandbox.Box, net.Conn) {
	t.Helper()
	box := b.Box(t, name, sandbox.Limits{})
	Start(t, box, append([]string{"serve", strconv.Itoa(box.Port(8080))}, at...)...)
	Expect(t, box, "ready\n")
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	conn, err := box.Dial(ctx, 8080)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return box, conn
}

// dialIPv6: some servers listen on ::1 alone, which localhost may mean.
func dialIPv6(t *testing.T, b Boxes) {
	if l, err := net.Listen("tcp6", "[::1]:0"); err != nil {
		t.Skipf("no IPv6 here: %v", err)
	} else {
		_ = l.Close()
	}
	_, conn := serving(t, b, "dial-ipv6", "::1")
	_ = conn.SetDeadline(time.Now().Add(Patience))
	got := make([]byte, 5)
	if _, err := io.WriteString(conn, "hello"); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// dialGone: an open connection ends with the box, and there is no other.
func dialGone(t *testing.T, b Boxes) {
	box, conn := serving(t, b, "dial-gone")
	box.Destroy()
	_ = conn.SetDeadline(time.Now().Add(Patience))
	if _, err := io.ReadAll(conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("a connection outlives its box")
	}
	if conn, err := box.Dial(t.Context(), 8080); err == nil {
		_ = conn.Close()
		t.Error("Dial works after Destroy")
	}
}

package socket

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long anything here may take.
const patience = time.Minute

// pair is two ends of a connection, the first of them a Conn, for each kind of
// socket.
func pair(t *testing.T, test func(t *testing.T, c, peer net.Conn)) {
	t.Helper()
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = filepath.Join(t.TempDir(), "s")
			}
			l, err := net.Listen(network, address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			peer, err := net.Dial(network, l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = peer.Close() }()
			accepted, err := l.Accept()
			if err != nil {
				t.Fatal(err)
			}
			c := New(accepted)
			defer func() { _ = c.Close() }()
			if _, made := c.(*Conn); made != quick {
				t.Fatalf("%T", c)
			}
			until := time.Now().Add(patience)
			if err := errors.Join(peer.SetDeadline(until), c.SetDeadline(until)); err != nil {
				t.Fatal(err)
			}
			test(t, c, peer)
		})
	}
}

func TestMessages(t *testing.T) {
	pair(t, func(t *testing.T, c, peer net.Conn) {
		for _, m := range []string{"a", "bcd"} {
			if _, err := io.WriteString(peer, m); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 10) // more than there is
			if n, err := c.Read(b); err != nil || string(b[:n]) != m {
				t.Errorf("%q %v", b[:n], err)
			}
			if n, err := c.Write([]byte(m)); err != nil || n != len(m) {
				t.Error(n, err)
			}
			if n, err := peer.Read(b); err != nil || string(b[:n]) != m {
				t.Errorf("%q %v", b[:n], err)
			}
		}
		for _, do := range []func([]byte) (int, error){c.Read, c.Write} {
			if n, err := do(nil); n != 0 || err != nil {
				t.Error("nothing was asked for:", n, err)
			}
		}
		if err := peer.Close(); err != nil {
			t.Fatal(err)
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Error(n, err)
		}
	})
}

// TestMoreThanTheSocketTakes: a write waits until the other side has read.
func TestMoreThanTheSocketTakes(t *testing.T) {
	pair(t, func(t *testing.T, c, peer net.Conn) {
		const writers, size = 3, 8 << 20
		var wg sync.WaitGroup
		for i := range writers {
			wg.Go(func() {
				if n, err := c.Write(bytes.Repeat([]byte{byte(i)}, size)); n != size || err != nil {
					t.Error(n, err)
				}
			})
		}
		got := make([]byte, writers*size)
		if _, err := io.ReadFull(peer, got); err != nil {
			t.Error(err)
		}
		wg.Wait()
		for i := range writers { // writes are not mixed
			first := got[i*size]
			if n := bytes.Count(got[i*size:(i+1)*size], []byte{first}); n != size {
				t.Errorf("%d of write %d are of another", size-n, i)
			}
		}
	})
}

func TestDeadlines(t *testing.T) {
	pair(t, func(t *testing.T, c, peer net.Conn) {
		want := func(err error) {
			t.Helper()
			var timeout net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Error(err)
			}
		}
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		_, err := c.Read(make([]byte, 1))
		want(err)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		waiting := make(chan error)
		go func() {
			_, err := c.Read(make([]byte, 1))
			waiting <- err
		}()
		_ = c.SetReadDeadline(time.Unix(1, 0)) // while it reads, or before
		want(<-waiting)
		_ = c.SetWriteDeadline(time.Now().Add(time.Millisecond))
		n, err := c.Write(make([]byte, 64<<20)) // nobody reads
		want(err)
		_ = c.SetDeadline(time.Now().Add(patience))
		if _, err := io.ReadFull(peer, make([]byte, n)); err != nil { // as much as it said
			t.Error(err)
		}
		if _, err := c.Write([]byte("x")); err != nil {
			t.Error(err)
		}
		if _, err := peer.Read(make([]byte, 1)); err != nil {
			t.Error(err)
		}
	})
}

func TestEnd(t *testing.T) {
	pair(t, func(t *testing.T, c, peer net.Conn) {
		_ = peer.Close()
		var err error
		for err == nil { // the first that the other side refuses is taken
			_, err = c.Write(make([]byte, 1<<10))
		}
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
	})
	pair(t, func(t *testing.T, c, _ net.Conn) {
		waiting := make(chan error)
		go func() {
			_, err := c.Read(make([]byte, 1))
			waiting <- err
		}()
		_ = c.Close()
		if err := <-waiting; !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if _, err := c.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

// TestOthers: what is no socket of the system's stays what it is.
func TestOthers(t *testing.T) {
	a, b := net.Pipe()
	if New(a) != a {
		t.Error("it was taken for a socket")
	}
	_, _ = a.Close(), b.Close()
}

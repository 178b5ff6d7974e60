package runtimeapi

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// pipes is a listener without buffers: what was written has been read.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

// sender writes on a connection of its own and counts what the server took.
type sender struct {
	conn net.Conn
	took atomic.Int64
	done chan struct{} // all of it
}

func send(t *testing.T, p *pipes, parts ...string) *sender {
	ours, theirs := net.Pipe()
	s := &sender{conn: ours, done: make(chan struct{})}
	p.conns <- theirs
	t.Cleanup(func() { _ = ours.Close() })
	go func() {
		for _, part := range parts {
			n, err := io.WriteString(ours, part)
			if s.took.Add(int64(n)); err != nil {
				return
			}
		}
		close(s.done)
	}()
	return s
}

// TestHTTPLargeIsBounded: heads, bodies and trailers that are larger than usual are
// ebb's memory. Only so many connections of a box may have one at once, however
// slowly they send; the others wait for one of them to end.
func TestHTTPLargeIsBounded(t *testing.T) {
	const size = 1 << 20
	filler := strings.Repeat("a", size/16)
	pieces := make([]string, 16)
	for i := range pieces {
		pieces[i] = filler
	}
	lines := make([]string, 16)
	for i := range lines {
		lines[i] = "T" + strings.Repeat("i", i) + ": " + strings.Repeat("a", size/20) + "\r\n"
	}
	const report = "POST /2018-06-01/runtime/init/error HTTP/1.1\r\n"
	for name, parts := range map[string][]string{
		"head":    append([]string{"GET /x HTTP/1.1\r\nA: "}, pieces...),
		"body":    append([]string{report + "Content-Length: 1048576\r\n\r\n"}, pieces...)[:16],
		"chunks":  append([]string{report + "Transfer-Encoding: chunked\r\n\r\n100000\r\n"}, pieces[:15]...),
		"trailer": append([]string{report + "Transfer-Encoding: chunked\r\n\r\n0\r\n"}, lines...),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { largeIsBounded(t, parts) })
		})
	}
}

func largeIsBounded(t *testing.T, parts []string) {
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := NewHTTP(p, Options{})
	s.Serve()
	all := make([]*sender, 3*maxLarge)
	for i := range all {
		all[i] = send(t, p, parts...)
	}
	through := func() (list []*sender) {
		synctest.Wait()
		for _, one := range all {
			select {
			case <-one.done:
				list = append(list, one)
			default:
				if n := one.took.Load(); n > 2*largeHead {
					t.Errorf("%d bytes were taken of a connection that has no leave", n)
				}
			}
		}
		return list
	}
	first := through()
	if len(first) != maxLarge {
		t.Fatalf("%d connections are large at once, want %d", len(first), maxLarge)
	}
	_ = first[0].conn.Close()
	if n := len(through()); n != maxLarge+1 {
		t.Errorf("%d were taken after one has ended, want one more", n)
	}
	if err := s.Close(); err != nil { // those that wait end, too
		t.Error(err)
	}
}

// TestHTTPWaitForRoomEnds: an answer that waits for room does not hold up the end
// of its invocation.
func TestHTTPWaitForRoomEnds(t *testing.T) {
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := NewHTTP(p, Options{})
	s.Serve()
	defer s.Close()
	large := "GET /x HTTP/1.1\r\nA: " + strings.Repeat("a", 2*largeHead)
	for range maxLarge {
		<-send(t, p, large).done
	}
	poll := send(t, p, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
	go func() { _, _ = io.Copy(io.Discard, poll.conn) }()
	if f, err := s.Ready(t.Context(), Init{}); f != nil || err != nil {
		t.Fatal(f, err)
	}
	got := invoke(t, s, &Call{ID: "a", Deadline: time.Now().Add(200 * time.Millisecond)})
	send(t, p, "POST /2018-06-01/runtime/invocation/a/response HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
	select {
	case g := <-got:
		if g.err == nil {
			t.Errorf("it was answered: %+v", g.out)
		}
	case <-time.After(30 * time.Second):
		t.Error("it has no end")
	}
}

// TestHTTPMemoryIsLetGo: a connection that is idle keeps nothing of what it sent.
func TestHTTPMemoryIsLetGo(t *testing.T) {
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := NewHTTP(p, Options{})
	s.Serve()
	defer s.Close()
	for range 2 * maxLarge { // one after another: each has to give its place back
		one := send(t, p, "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 900000\r\nA: "+strings.Repeat("a", 2*largeHead)+
			"\r\n\r\n"+strings.Repeat("a", 900_000))
		_ = one.conn.SetDeadline(time.Now().Add(30 * time.Second))
		buf := make([]byte, 12)
		if _, err := io.ReadFull(one.conn, buf); err != nil || string(buf) != "HTTP/1.1 202" && string(buf) != "HTTP/1.1 403" {
			t.Fatalf("%q %v", buf, err)
		}
		go func() { _, _ = io.Copy(io.Discard, one.conn) }()
	}
}

// slowSink is a caller who takes its answer when it is told to.
type slowSink struct{ reached, take chan struct{} }

func (s *slowSink) Head(ebb.Head) error { return nil }
func (s *slowSink) Write(b []byte) (int, error) {
	s.reached <- struct{}{}
	<-s.take
	return len(b), nil
}

// TestHTTPLargeAnswersOfSeveral: a large answer does not wait for the callers of
// others, however many are in flight.
func TestHTTPLargeAnswersOfSeveral(t *testing.T) {
	const places = 3 * maxLarge
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	s := NewHTTP(p, Options{})
	s.Serve()
	defer s.Close()
	sink := &slowSink{reached: make(chan struct{}), take: make(chan struct{})}
	polls := make([]*sender, places)
	for i := range polls {
		polls[i] = send(t, p, "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n")
		go func() { _, _ = io.Copy(io.Discard, polls[i].conn) }()
	}
	if f, err := s.Ready(t.Context(), Init{Concurrency: places}); f != nil || err != nil {
		t.Fatal(f, err)
	}
	answered := make(chan error)
	for i := range places {
		id := ebb.InvocationID("id-" + strconv.Itoa(i))
		go func() {
			_, err := s.Invoke(t.Context(), &Call{ID: id}, sink)
			answered <- err
		}()
		s.waitFor(t, id)
		one := send(t, p, fmt.Sprintf("POST /2018-06-01/runtime/invocation/%s/response HTTP/1.1\r\nContent-Length: %d\r\n\r\n", id, 2*largeHead), strings.Repeat("a", 2*largeHead))
		go func() { _, _ = io.Copy(io.Discard, one.conn) }()
	}
	for i := range places {
		select {
		case <-sink.reached:
		case <-time.After(30 * time.Second):
			t.Fatalf("%d of %d answers came through", i, places)
		}
	}
	close(sink.take)
	for range places {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

// waitFor waits until the runtime has been given an invocation.
func (s *HTTP) waitFor(t *testing.T, id ebb.InvocationID) {
	t.Helper()
	for {
		s.mu.Lock()
		x := s.handed[string(id)]
		s.mu.Unlock()
		if x != nil {
			return
		}
		runtime.Gosched()
		if t.Context().Err() != nil {
			t.Fatal("it was never handed over")
		}
	}
}

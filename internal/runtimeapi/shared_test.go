package runtimeapi

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// sharedSession is a ready session with so many places, and its peer, whose
// frames the test reads and writes itself.
func sharedSession(t testing.TB, places int, opt Options) (*Framed, *peer) {
	t.Helper()
	ours, theirs := socketPair(t)
	s := NewFramed(ours, opt)
	t.Cleanup(func() { _ = s.Close() })
	var wg sync.WaitGroup
	wg.Go(func() {
		if f, err := theirs.recv(); err != nil || !bytes.Contains(f.payload, fmt.Appendf(nil, `"concurrency":%d,"window":%d`, places, window)) {
			t.Errorf("init: %s, %v", f.payload, err)
		}
		_ = theirs.send(frame{typ: frameReady})
	})
	if _, err := s.Ready(t.Context(), Init{ARN: "arn", Concurrency: places}); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	return s, theirs
}

// fly runs an invocation beside the test.
type fly struct {
	catch
	out  Outcome
	err  error
	done chan struct{}
}

func (s *Framed) fly(ctx context.Context, c Call, sink ebb.Sink) *fly {
	f := &fly{done: make(chan struct{})}
	if sink == nil {
		sink = &f.catch
	}
	go func() {
		defer close(f.done)
		f.out, f.err = s.Invoke(ctx, &c, sink)
	}()
	return f
}

func (p *peer) invokes(n int) map[string]uint32 {
	p.t.Helper()
	streams := make(map[string]uint32)
	for len(streams) < n {
		f, err := p.recv()
		if err != nil || f.typ != frameInvoke {
			p.t.Fatalf("recv: %+v, %v", f, err)
		}
		id, _, _ := strings.Cut(f.head, "\n")
		streams[id] = f.stream
	}
	return streams
}

func TestSharedOutOfOrder(t *testing.T) {
	var log lines
	s, p := sharedSession(t, 3, Options{Log: log.log})
	a := s.fly(t.Context(), Call{ID: "a"}, nil)
	b := s.fly(context.Background(), Call{ID: "b", Deadline: time.Now().Add(time.Minute)}, nil)
	c := s.fly(context.Background(), Call{ID: "c"}, nil)
	on := p.invokes(3)
	if _, err := s.Invoke(t.Context(), &Call{ID: "d"}, &catch{}); !errors.Is(err, ErrNotDelivered) || errors.Is(err, ErrClosed) {
		t.Errorf("one too many: %v", err)
	}
	if _, err := s.Hook(t.Context(), ebb.HookPreFreeze); err == nil {
		t.Error("a hook ran beside invocations")
	}
	_ = p.send(frame{typ: frameLog, stream: on["a"], payload: []byte("of a")}, frame{typ: frameLog, payload: []byte("of none")},
		frame{typ: frameResponse, stream: on["c"], payload: []byte("C")}, frame{typ: frameLog, stream: on["c"], payload: []byte("late")})
	<-c.done
	_ = p.send(frame{typ: frameChunk, stream: on["b"], head: "text/plain", payload: []byte("B1")},
		frame{typ: frameError, stream: on["a"], head: "T", payload: []byte("A")}, frame{typ: frameChunk, stream: on["b"], payload: []byte("B2")})
	<-a.done
	_ = p.send(frame{typ: frameEnd, stream: on["b"]})
	<-b.done
	if a.err != nil || string(a.body) != "A" || a.out.ErrorType != "T" || b.err != nil || string(b.body) != "B1B2" ||
		!b.heads[0].Streaming || b.heads[0].ContentType != "text/plain" || c.err != nil || string(c.body) != "C" {
		t.Errorf("%+v\n%+v\n%+v", a, b, c)
	}
	if got := log.String(); got != "a||of a\n||of none\nc||late" {
		t.Errorf("lines: %s", got)
	}
	// And again, now that nobody is in flight: a hook, another one.
	done := p.run(func(f frame) ([]frame, bool) {
		if f.typ == frameHook {
			return []frame{{typ: frameDone}}, true
		}
		return echo(f), true
	})
	if _, err := s.Hook(t.Context(), ebb.HookPreFreeze); err != nil {
		t.Error(err)
	}
	var got catch
	if _, err := s.Invoke(context.Background(), &Call{ID: "d", Payload: []byte("D")}, &got); err != nil || string(got.body) != "D" {
		t.Errorf("%q, %v", got.body, err)
	}
	_ = s.Close()
	done()
}

// TestSharedTimeout: one that runs out of time leaves the others alone; nothing
// new begins, and its own late answer goes nowhere.
func TestSharedTimeout(t *testing.T) {
	s, p := sharedSession(t, 3, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	slow := s.fly(context.Background(), Call{ID: "slow", Deadline: time.Now().Add(30 * time.Millisecond)}, nil)
	left := s.fly(ctx, Call{ID: "left"}, nil)
	good := s.fly(context.Background(), Call{ID: "good", Deadline: time.Now().Add(time.Minute)}, nil)
	on := p.invokes(3)
	<-slow.done
	cancel()
	<-left.done
	if !errors.Is(slow.err, context.DeadlineExceeded) || !errors.Is(left.err, context.Canceled) || errors.Is(slow.err, ErrNotDelivered) {
		t.Errorf("%v, %v", slow.err, left.err)
	}
	if _, err := s.Invoke(t.Context(), &Call{ID: "new"}, &catch{}); !errors.Is(err, ErrNotDelivered) || !errors.Is(err, ErrClosed) {
		t.Errorf("new: %v", err)
	}
	_ = p.send(frame{typ: frameResponse, stream: on["slow"], payload: []byte("late")}, frame{typ: frameResponse, stream: on["good"], payload: []byte("ok")})
	<-good.done
	if good.err != nil || string(good.body) != "ok" || len(slow.body) != 0 {
		t.Errorf("%+v %+v", good, slow)
	}
	if _, err := s.Invoke(t.Context(), &Call{ID: "new"}, &catch{}); !errors.Is(err, ErrClosed) {
		t.Errorf("new: %v", err)
	}
}

// stuck is a sink that waits.
type stuck struct {
	catch
	until chan struct{}
}

func (s *stuck) Write(b []byte) (int, error) { <-s.until; return s.catch.Write(b) }

// TestSharedSlowCaller: a caller who takes nothing holds up nobody else, and has
// no more of a stream sent than the window.
func TestSharedSlowCaller(t *testing.T) {
	s, p := sharedSession(t, 2, Options{})
	sink := &stuck{until: make(chan struct{})}
	slow := s.fly(context.Background(), Call{ID: "slow"}, sink)
	on := p.invokes(1)
	_ = p.send(frame{typ: frameChunk, stream: on["slow"], payload: make([]byte, window/2)})
	for i := range 3 {
		quick := s.fly(context.Background(), Call{ID: "quick", Deadline: time.Now().Add(time.Minute)}, nil)
		stream := p.invokes(1)["quick"]
		_ = p.send(frame{typ: frameChunk, stream: on["slow"], payload: []byte{byte(i)}}, frame{typ: frameResponse, stream: stream, payload: []byte("q")})
		<-quick.done
		if quick.err != nil || string(quick.body) != "q" {
			t.Fatalf("%+v", quick)
		}
	}
	close(sink.until)
	for granted := 0; granted < window/2; {
		f, err := p.recv()
		if err != nil || f.typ != frameWindow || f.stream != on["slow"] {
			t.Fatalf("%+v, %v", f, err)
		}
		granted += int(binary.BigEndian.Uint32(f.payload))
	}
	_ = p.send(frame{typ: frameChunk, stream: on["slow"], payload: make([]byte, window)}, frame{typ: frameEnd, stream: on["slow"]})
	<-slow.done
	if slow.err != nil || len(sink.body) != window/2+3+window {
		t.Errorf("%d bytes, %v", len(sink.body), slow.err)
	}
}

func TestSharedBroken(t *testing.T) {
	tests := map[string]struct {
		send func(on map[string]uint32) []frame
		want error
	}{
		"unknown stream": {func(map[string]uint32) []frame { return []frame{{typ: frameResponse, stream: 77}} }, ErrProtocol},
		"stream 0":       {func(map[string]uint32) []frame { return []frame{{typ: frameResponse}} }, ErrProtocol},
		"ready":          {func(on map[string]uint32) []frame { return []frame{{typ: frameReady, stream: on["a"]}} }, ErrProtocol},
		"end alone":      {func(on map[string]uint32) []frame { return []frame{{typ: frameEnd, stream: on["a"]}} }, ErrProtocol},
		"unknown type":   {func(on map[string]uint32) []frame { return []frame{{typ: 99, stream: on["a"]}} }, ErrProtocol},
		"beyond the window": {func(on map[string]uint32) []frame {
			return []frame{{typ: frameChunk, stream: on["a"], payload: make([]byte, window+1)}}
		}, ErrProtocol},
		"end of the process": {nil, io.EOF},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s, p := sharedSession(t, 4, Options{})
			all := []*fly{s.fly(t.Context(), Call{ID: "a"}, nil), s.fly(context.Background(), Call{ID: "b"}, nil), s.fly(context.Background(), Call{ID: "c"}, nil)}
			on := p.invokes(3)
			if tt.send == nil {
				_ = p.Close()
			} else {
				_ = p.send(tt.send(on)...)
			}
			for i, f := range all {
				<-f.done
				if !errors.Is(f.err, tt.want) || errors.Is(f.err, ErrNotDelivered) {
					t.Errorf("%d: %v", i, f.err)
				}
			}
			if _, err := s.Invoke(t.Context(), &Call{ID: "d"}, &catch{}); !errors.Is(err, ErrNotDelivered) {
				t.Errorf("after it: %v", err)
			}
		})
	}
}

func TestSharedClose(t *testing.T) {
	s, p := sharedSession(t, 2, Options{})
	a, b := s.fly(context.Background(), Call{ID: "a"}, nil), s.fly(context.Background(), Call{ID: "b"}, nil)
	p.invokes(2)
	_ = s.Close()
	<-a.done
	<-b.done
	if !errors.Is(a.err, ErrClosed) || !errors.Is(b.err, ErrClosed) {
		t.Errorf("%v, %v", a.err, b.err)
	}
}

// TestSharedMany: a lot at once, in any order, small and large, whole and in
// pieces, and each gets what is its.
func TestSharedMany(t *testing.T) {
	const places, each = 16, 60
	s, p := sharedSession(t, places, Options{})
	var out sync.Mutex
	var pending []frame
	done := p.run(func(f frame) ([]frame, bool) {
		out.Lock()
		defer out.Unlock()
		switch f.typ {
		case frameInvoke:
			pending = append(pending, f)
		case frameStop:
			return nil, false
		default:
			return nil, true
		}
		var now []frame
		for len(pending) > 0 {
			i := rand.IntN(len(pending))
			f := pending[i]
			pending = append(pending[:i], pending[i+1:]...)
			if half := len(f.payload) / 2; half > 0 && half < 60000 && rand.IntN(3) == 0 {
				now = append(now, frame{typ: frameChunk, stream: f.stream, payload: f.payload[:half]},
					frame{typ: frameChunk, stream: f.stream, payload: f.payload[half:]}, frame{typ: frameEnd, stream: f.stream})
			} else {
				now = append(now, frame{typ: frameResponse, stream: f.stream, payload: f.payload})
			}
		}
		return now, true
	})
	var all sync.WaitGroup
	for g := range places {
		all.Go(func() {
			for i := range each {
				payload := bytes.Repeat(fmt.Appendf(nil, "%d-%d,", g, i), 1<<rand.IntN(15))
				var got catch
				c := Call{ID: ebb.InvocationID(fmt.Sprint(g, i)), Payload: payload, Deadline: time.Now().Add(time.Minute)}
				if _, err := s.Invoke(context.Background(), &c, &got); err != nil || !bytes.Equal(got.body, payload) {
					t.Errorf("%d bytes became %d, %v", len(payload), len(got.body), err)
					return
				}
			}
		})
	}
	all.Wait()
	_ = s.Close()
	done()
}

package runtimeapi

import (
	"bytes"
	"context"
	"encoding/binary"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// discard is a sink that costs nothing.
type discard struct{ n int }

func (d *discard) Head(ebb.Head) error         { return nil }
func (d *discard) Write(b []byte) (int, error) { d.n += len(b); return len(b), nil }

// echoLoop is a runtime that answers with the payload and allocates nothing, so
// that benchmarks measure the session.
func (p *peer) echoLoop() (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 1<<20)
		out := make([]byte, 0, 1<<20)
		have := 0
		for {
			n, err := p.Read(buf[have:])
			if err != nil {
				return
			}
			have += n
			for have >= headerSize && have >= headerSize+int(binary.BigEndian.Uint32(buf)) {
				size := int(binary.BigEndian.Uint32(buf))
				head := int(binary.BigEndian.Uint16(buf[6:]))
				h := header{typ: frameResponse, stream: binary.BigEndian.Uint32(buf[8:])}
				body := buf[headerSize+head : headerSize+size]
				if frameType(buf[4]) == frameInit {
					h.typ, body = frameReady, nil
				}
				h.body = uint32(len(body))
				out = append(h.append(out[:0]), body...)
				if _, err := p.Write(out); err != nil {
					return
				}
				have = copy(buf, buf[headerSize+size:have])
			}
		}
	}()
	return func() { _ = p.Close(); <-done }
}

func benchmarkFramed(b *testing.B, size int, ctx context.Context) {
	ours, theirs := socketPair(b)
	defer theirs.echoLoop()()
	s := NewFramed(ours, Options{})
	defer s.Close()
	if _, err := s.Ready(context.Background(), Init{ARN: "arn"}); err != nil {
		b.Fatal(err)
	}
	call := &Call{ID: "8a2fd8c8-0000-4000-8000-000000000000", ARN: "arn", Payload: bytes.Repeat([]byte("x"), size)}
	var sink discard
	b.ReportAllocs()
	for b.Loop() {
		call.Deadline = time.Now().Add(3 * time.Second)
		if _, err := s.Invoke(ctx, call, &sink); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFramed(b *testing.B) {
	b.Run("100B", func(b *testing.B) { benchmarkFramed(b, 100, context.Background()) })
	b.Run("100B-cancellable", func(b *testing.B) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		benchmarkFramed(b, 100, ctx)
	})
	b.Run("10KB", func(b *testing.B) { benchmarkFramed(b, 10<<10, context.Background()) })
	b.Run("500KB", func(b *testing.B) { benchmarkFramed(b, 500<<10, context.Background()) })
}

// BenchmarkBare is the least that any protocol over this socket costs: one write
// and one read on each side.
func BenchmarkBare(b *testing.B) {
	ours, theirs := socketPair(b)
	defer theirs.echoLoop()()
	f := frame{typ: frameInvoke, stream: 1, payload: make([]byte, 100)}.bytes()
	buf := make([]byte, 4096)
	for b.Loop() {
		if _, err := ours.Write(f); err != nil {
			b.Fatal(err)
		}
		if _, err := ours.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHTTP is an invocation over the Runtime API: two requests of a client
// that does as little as it can.
func BenchmarkHTTP(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := NewHTTP(l, Options{})
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	const id = "8a2fd8c8-0000-4000-8000-000000000000"
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 64<<10)
		next := []byte("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n\r\n")
		answer := []byte("POST /2018-06-01/runtime/invocation/" + id + "/response HTTP/1.1\r\nHost: x\r\nUser-Agent: Go-http-client/1.1\r\n" +
			"Content-Length: 100\r\nContent-Type: application/json\r\nAccept-Encoding: gzip\r\n\r\n" + strings.Repeat("y", 100))
		for {
			for _, request := range [][]byte{next, answer} {
				if _, err := conn.Write(request); err != nil {
					return
				}
				if _, err := conn.Read(buf); err != nil {
					return
				}
			}
		}
	}()
	defer func() { _ = s.Close(); _ = conn.Close(); <-done }()
	if _, err := s.Ready(context.Background(), Init{}); err != nil {
		b.Fatal(err)
	}
	call := &Call{ID: id, ARN: "arn", Payload: make([]byte, 100)}
	var sink discard
	b.ReportAllocs()
	for b.Loop() {
		call.Deadline = time.Now().Add(3 * time.Second)
		if _, err := s.Invoke(context.Background(), call, &sink); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkShared is a session that takes 32, with so many callers.
func BenchmarkShared(b *testing.B) {
	for _, callers := range []int{1, 8, 32} {
		b.Run(strconv.Itoa(callers), func(b *testing.B) {
			ours, theirs := socketPair(b)
			defer theirs.echoLoop()()
			s := NewFramed(ours, Options{})
			defer s.Close()
			if _, err := s.Ready(context.Background(), Init{ARN: "arn", Concurrency: 32}); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			var left atomic.Int64
			left.Store(int64(b.N))
			var all sync.WaitGroup
			for range callers {
				all.Go(func() {
					call := &Call{ID: "8a2fd8c8-0000-4000-8000-000000000000", ARN: "arn", Payload: make([]byte, 100)}
					var sink discard
					for left.Add(-1) >= 0 {
						call.Deadline = time.Now().Add(3 * time.Second)
						if _, err := s.Invoke(context.Background(), call, &sink); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}

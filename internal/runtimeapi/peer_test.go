package runtimeapi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// peer is the other end of a framed socket: a runtime process made of code.
type peer struct {
	net.Conn
	t testing.TB
}

// frame is one frame as a peer sees it.
type frame struct {
	typ     frameType
	flags   uint8
	stream  uint32
	head    string
	payload []byte
}

func socketPair(t testing.TB) (ours net.Conn, theirs *peer) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	var conns [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "socketpair")
		if conns[i], err = net.FileConn(f); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	t.Cleanup(func() { _ = conns[0].Close(); _ = conns[1].Close() })
	return conns[0], &peer{Conn: conns[1], t: t}
}

func (p *peer) recv() (frame, error) {
	var b [headerSize]byte
	if _, err := io.ReadFull(p, b[:]); err != nil {
		return frame{}, err
	}
	f := frame{typ: frameType(b[4]), flags: b[5], stream: binary.BigEndian.Uint32(b[8:])}
	body := make([]byte, binary.BigEndian.Uint32(b[:]))
	if _, err := io.ReadFull(p, body); err != nil {
		return frame{}, err
	}
	n := binary.BigEndian.Uint16(b[6:])
	f.head, f.payload = string(body[:n]), body[n:]
	return f, nil
}

func (f frame) bytes() []byte {
	h := header{body: uint32(len(f.head) + len(f.payload)), typ: f.typ, flags: f.flags, head: uint16(len(f.head)), stream: f.stream}
	return append(append(h.append(nil), f.head...), f.payload...)
}

func (p *peer) send(fs ...frame) error {
	var b []byte
	for _, f := range fs {
		b = append(b, f.bytes()...)
	}
	_, err := p.Write(b)
	return err
}

// run answers each frame ebb sends with what handle returns, until the socket
// ends; handle returning nil frames and false ends the peer like a crash.
func (p *peer) run(handle func(frame) ([]frame, bool)) (wait func()) {
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { _ = p.Close() }()
		for {
			f, err := p.recv()
			if err != nil {
				return
			}
			out, alive := handle(f)
			if err := p.send(out...); err != nil || !alive {
				return
			}
		}
	})
	return wg.Wait
}

// usual is a runtime that initialises and answers each invocation with handle.
func usual(handle func(frame) []frame) func(frame) ([]frame, bool) {
	return func(f frame) ([]frame, bool) {
		switch f.typ {
		case frameInit:
			return []frame{{typ: frameReady}}, true
		case framePing:
			return []frame{{typ: framePong}}, true
		case frameInvoke:
			return handle(f), true
		}
		return nil, false
	}
}

func echo(f frame) []frame {
	return []frame{{typ: frameResponse, stream: f.stream, payload: f.payload}}
}

// catch is a sink that keeps what it was given.
type catch struct {
	heads []ebb.Head
	body  []byte
	fail  error
}

func (c *catch) Head(h ebb.Head) error { c.heads = append(c.heads, h); return c.fail }
func (c *catch) Write(b []byte) (int, error) {
	c.body = append(c.body, b...)
	return len(b), c.fail
}

// lines is an Options.Log that keeps what it was given.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) log(request ebb.InvocationID, level string, line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, fmt.Sprintf("%s|%s|%s", request, level, line))
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all, "\n")
}

var errGone = errors.New("caller is gone")

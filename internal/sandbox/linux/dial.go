//go:build linux

package linux

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-faas/ebb/internal/sandbox/linux/initproto"
)

// dials are the questions to ebb-init whose answers somebody waits for.
type dials struct {
	mu   sync.Mutex
	last uint64
	open map[uint64]*dial
}

// dial is one of them.
type dial struct {
	count  int // of descriptors that it is to answer with
	answer chan dialed
}

// dialed is an answer of ebb-init: descriptors, or why there are none.
type dialed struct {
	files []*os.File
	err   error
}

// Port is the port itself: a box has a network of its own.
func (b *box) Port(inside int) int { return inside }

// Dial has ebb-init make the connection, because only it is in the box's
// network, and take part in it no further. Some servers listen on what localhost
// is first of all, which may be ::1 alone.
func (b *box) Dial(ctx context.Context, port int) (net.Conn, error) {
	conn, err := b.dial(ctx, port, false)
	if errors.Is(err, syscall.ECONNREFUSED) {
		if other, otherErr := b.dial(ctx, port, true); otherErr == nil {
			return other, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("box %s: port %d: %w", b.id, port, err)
	}
	return conn, nil
}

func (b *box) dial(ctx context.Context, port int, ipv6 bool) (net.Conn, error) {
	if port < 1 || port > 65535 {
		return nil, errors.New("there is no such port")
	}
	files, err := b.ask(ctx, 1, func(id uint64) []byte {
		return (&initproto.Dial{ID: id, Port: uint16(port), IPv6: ipv6}).Encode()
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = files[0].Close() }()
	if err := connected(ctx, files[0]); err != nil {
		return nil, err
	}
	return net.FileConn(files[0])
}

// ask has ebb-init do something, and returns the descriptors it answers with,
// which are so many. The caller closes them. given go with the question.
func (b *box) ask(ctx context.Context, count int, message func(id uint64) []byte, given ...*os.File) ([]*os.File, error) {
	id, answer := b.dials.begin(count)
	defer b.dials.end(id)
	if err := b.send(message(id), given...); err != nil {
		return nil, err
	}
	select {
	case d := <-answer:
		return d.files, d.err
	case <-b.done:
		return nil, errGone
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (d *dials) begin(count int) (uint64, <-chan dialed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open == nil {
		d.open = make(map[uint64]*dial)
	}
	d.last++
	one := &dial{count: count, answer: make(chan dialed, 1)}
	d.open[d.last] = one
	return d.last, one.answer
}

// end closes what nobody has taken.
func (d *dials) end(id uint64) {
	d.mu.Lock()
	one := d.open[id]
	delete(d.open, id)
	d.mu.Unlock()
	select {
	case late := <-one.answer:
		closeFiles(late.files)
	default:
	}
}

// answer takes ebb-init's answer to one of them. It takes over files.
func (d *dials) answer(message []byte, files []*os.File) {
	var m initproto.Dialed
	ok := m.Decode(message)
	d.mu.Lock()
	defer d.mu.Unlock()
	one := d.open[m.ID]
	switch {
	case !ok || one == nil: // nobody waits any more
	case m.Errno != 0:
		one.answer <- dialed{err: syscall.Errno(m.Errno)}
	case len(files) == one.count:
		one.answer <- dialed{files: files}
		return
	}
	closeFiles(files)
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// connected waits until the socket is connected, or has failed to be.
func connected(ctx context.Context, f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	unhook := context.AfterFunc(ctx, func() { _ = f.SetWriteDeadline(time.Unix(1, 0)) })
	defer unhook()
	var failed error
	err = raw.Write(func(fd uintptr) bool {
		var code int
		if _, failed = unix.Getpeername(int(fd)); failed == nil {
			return true
		}
		code, failed = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR)
		if failed == nil && code != 0 {
			failed = syscall.Errno(code)
		}
		return failed != nil
	})
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(err, failed)
}

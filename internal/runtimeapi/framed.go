package runtimeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/socket"
)

// States of a framed session.
const (
	framedNew    int32 = iota // Ready was not called
	framedIdle                // waiting for Invoke
	framedBusy                // Ready, Ping, Hook or Invoke is using the socket
	framedBroken              // the conversation failed
	framedClosed
)

// closeGrace is how long Close waits for the last lines of a runtime.
const closeGrace = 20 * time.Millisecond

// Framed is the conversation over a framed socket (docs/runtime-api.md). The
// goroutine that calls Invoke writes the request and reads the answer itself:
// nothing is handed between goroutines, and an idle session has none. Where
// Init allows several in flight see shared.
type Framed struct {
	conn  net.Conn
	opt   Options
	state atomic.Int32

	// Used by whoever holds framedBusy.
	in       frameReader
	sh       *shared   // nil unless several invocations may be in flight; set by Ready
	arn      string    // given at init; repeated by "" afterwards
	current  turn      // the invocation in flight, or the last one
	prior    turn      // the one before: its late lines may still be on the way
	deadline time.Time // set on conn

	// A ctx that ends late must not disturb the next invocation.
	armMu sync.Mutex
	armed uint64 // counts up; a ctx may interrupt the socket only in its own turn
}

// turn is one invocation's place on the socket.
type turn struct {
	id     ebb.InvocationID
	stream uint32
}

// NewFramed makes the session that speaks over conn, and owns conn from now on.
func NewFramed(conn net.Conn, opt Options) *Framed {
	conn = socket.New(conn)
	return &Framed{conn: conn, opt: opt.withDefaults(), in: frameReader{src: conn}}
}

// initFrame is the payload of the init frame.
type initFrame struct {
	Handler     string            `json:"handler"`
	TaskRoot    string            `json:"taskRoot"`
	ARN         string            `json:"arn"`
	Env         map[string]string `json:"env"`
	Tenant      string            `json:"tenantId,omitempty"`
	MaxResponse int64             `json:"maxResponse"`
	MaxStream   int64             `json:"maxStream"`
	Concurrency int               `json:"concurrency,omitempty"` // none = 1
	Window      int               `json:"window,omitempty"`      // of a streamed answer, bytes; none = unlimited
}

// Ready implements Session.
func (s *Framed) Ready(ctx context.Context, init Init) (failure *Failure, err error) {
	if err := s.begin(framedNew); err != nil {
		return nil, err
	}
	defer func() { s.finish(framedIdle, failure != nil || err != nil) }()
	defer s.arm(ctx, time.Time{})()

	frame := initFrame{
		Handler: init.Handler, TaskRoot: init.TaskRoot, ARN: init.ARN, Env: init.Env, Tenant: init.Tenant,
		MaxResponse: s.opt.MaxResponse, MaxStream: s.opt.MaxStream,
	}
	if init.Concurrency > 1 {
		frame.Concurrency, frame.Window = init.Concurrency, window
		s.sh = newShared(init.Concurrency)
	}
	payload, err := json.Marshal(frame)
	if err != nil {
		return nil, err
	}
	s.arn = init.ARN
	if err := s.send(frameInit, nil, payload); err != nil {
		return nil, s.explain(ctx, err)
	}
	return s.await(ctx, frameReady)
}

// Ping returns when the runtime answers: it has started and waits for the init
// frame. Only for a session that is not ready yet.
func (s *Framed) Ping(ctx context.Context) (err error) {
	if err := s.begin(framedNew); err != nil {
		return err
	}
	defer func() { s.finish(framedNew, err != nil) }()
	defer s.arm(ctx, time.Time{})()
	if err := s.send(framePing, nil, nil); err != nil {
		return s.explain(ctx, err)
	}
	_, err = s.await(ctx, framePong)
	return err
}

// Hook implements Session.
func (s *Framed) Hook(ctx context.Context, h ebb.Hook) (failure *Failure, err error) {
	if err := s.begin(framedIdle); err != nil {
		return nil, err
	}
	defer func() { s.finish(framedIdle, err != nil || failure != nil && failure.Ending) }()
	defer s.exclusive()()
	deadline, limited := ctx.Deadline()
	defer s.arm(ctx, deadline)()
	head := append([]byte(h), '\n')
	if limited {
		head = strconv.AppendInt(head, deadline.UnixMilli(), 10)
	}
	if err := s.send(frameHook, head, nil); err != nil {
		return nil, s.explain(ctx, err)
	}
	return s.await(ctx, frameDone)
}

// await reads until the runtime answers a frame that was not of an invocation:
// with want, or, unless that is a pong, with an error document.
func (s *Framed) await(ctx context.Context, want frameType) (*Failure, error) {
	for {
		h, err := s.in.next()
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		switch {
		case h.typ == want && h.stream == 0:
			return nil, s.explain(ctx, s.in.discard(int64(h.body)))
		case h.typ == frameError && h.stream == 0 && want != framePong && h.payload() <= maxFailure:
			errorType, document, err := document(&s.in, h)
			if err != nil {
				return nil, s.explain(ctx, err)
			}
			return &Failure{ErrorType: errorType, Document: document, Ending: h.flags&flagExit != 0}, nil
		case h.typ == frameLog:
			if err := s.line(h); err != nil {
				return nil, s.explain(ctx, err)
			}
		default:
			return nil, unexpected(h)
		}
	}
}

// Invoke implements Session.
func (s *Framed) Invoke(ctx context.Context, c *Call, sink ebb.Sink) (Outcome, error) {
	if s.sh != nil {
		return s.invokeShared(ctx, c, sink)
	}
	if err := s.begin(framedIdle); err != nil {
		return Outcome{}, notDelivered(err)
	}
	out, err := s.invoke(ctx, c, sink)
	broken := err != nil
	if err == nil && s.tail() != nil {
		// The answer is whole; what followed it made no sense. That is no reason
		// to take the answer back.
		out.Ending, broken = true, true
	}
	s.finish(framedIdle, broken)
	return out, err
}

func (s *Framed) invoke(ctx context.Context, c *Call, sink ebb.Sink) (Outcome, error) {
	if ctx.Done() == nil {
		s.setDeadline(c.Deadline)
	} else {
		defer s.arm(ctx, c.Deadline)()
	}
	s.prior, s.current = s.current, turn{id: c.ID, stream: s.current.stream + 1}
	if s.current.stream == 0 {
		s.current.stream = 1
	}
	if err := s.sendInvoke(c); err != nil {
		return Outcome{}, notDelivered(s.explain(ctx, err))
	}
	a := answer{in: &s.in, opt: &s.opt, sink: sink}
	err := s.read(&a)
	return a.out, s.explain(ctx, err)
}

// read takes frames until the answer in a is complete.
func (s *Framed) read(a *answer) error {
	for {
		h, err := s.in.next()
		if err != nil {
			return err
		}
		if h.typ == frameLog {
			if err := s.line(h); err != nil {
				return err
			}
			continue
		}
		if h.stream != s.current.stream {
			return unexpected(h)
		}
		done, err := a.frame(h)
		if done || err != nil {
			return err
		}
	}
}

func notDelivered(err error) error { return fmt.Errorf("%w: %w", ErrNotDelivered, err) }

// tail takes the lines that arrived together with the end of the answer.
func (s *Framed) tail() error {
	for s.in.whole() {
		h, err := s.in.next()
		if err != nil {
			return err
		}
		if h.typ != frameLog {
			return unexpected(h)
		}
		if err := s.line(h); err != nil {
			return err
		}
	}
	s.in.rest()
	return nil
}

// Close implements Session.
func (s *Framed) Close() error {
	was := s.state.Swap(framedClosed)
	if was == framedIdle || was == framedNew {
		s.farewell()
	}
	err := s.conn.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// farewell tells an idle runtime to stop and takes the lines it had still sent.
func (s *Framed) farewell() {
	_ = s.conn.SetDeadline(time.Now().Add(closeGrace))
	_ = s.send(frameStop, nil, nil) // the process may be gone: its last lines are still there
	for {
		h, err := s.in.next()
		if err != nil {
			break
		}
		if h.typ == frameLog {
			err = s.line(h)
		} else {
			err = s.in.discard(int64(h.body))
		}
		if err != nil {
			break
		}
	}
	s.in.release()
}

// begin takes the socket if the session is in the state that the caller needs.
func (s *Framed) begin(from int32) error {
	if s.state.CompareAndSwap(from, framedBusy) {
		return nil
	}
	switch s.state.Load() {
	case framedClosed, framedBroken:
		return ErrClosed
	case framedBusy:
		return errors.New("an invocation is in flight on this session")
	case framedNew:
		return errors.New("session is not ready")
	}
	return errors.New("session is ready already")
}

// finish gives the socket back. A broken session never serves again.
func (s *Framed) finish(to int32, broken bool) {
	if broken {
		to = framedBroken
		s.in.release()
	}
	s.state.CompareAndSwap(framedBusy, to) // fails if it was closed meanwhile
}

// setDeadline bounds every read and write that follows.
func (s *Framed) setDeadline(t time.Time) {
	if !t.Equal(s.deadline) {
		s.deadline = t
		_ = s.conn.SetDeadline(t) // fails only on a closed socket, which the next use tells
	}
}

// arm makes ctx, beside the deadline, end what the socket is doing. The returned
// function must be called before the next arm.
func (s *Framed) arm(ctx context.Context, deadline time.Time) (disarm func()) {
	s.setDeadline(deadline)
	if ctx.Done() == nil {
		return func() {}
	}
	s.armMu.Lock()
	s.armed++
	turn := s.armed
	s.armMu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		s.armMu.Lock()
		defer s.armMu.Unlock()
		if s.armed == turn {
			_ = s.conn.SetDeadline(time.Unix(1, 0))
		}
	})
	return func() {
		if stop() {
			return
		}
		// ctx is done: its function runs, or ran. What it did must not last.
		s.armMu.Lock()
		s.armed++
		s.deadline = time.Unix(1, 0)
		s.armMu.Unlock()
	}
}

// explain says what an error of the socket means to the caller.
func (s *Framed) explain(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case s.state.Load() == framedClosed:
		return ErrClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		if cause := ctx.Err(); cause != nil {
			return cause
		}
		return context.DeadlineExceeded
	// Reset: it left something unread. Pipe: it is gone before it was told.
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return fmt.Errorf("runtime closed the socket: %w", io.EOF)
	}
	return err
}

func unexpected(h header) error {
	return fmt.Errorf("%w: frame of type %d on stream %d out of turn", ErrProtocol, h.typ, h.stream)
}

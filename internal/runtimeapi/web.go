package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Web is the conversation with a process that is an HTTP server: every
// invocation is one request. It is the one session that may have several
// invocations in flight.
type Web struct {
	web      WebOptions
	opt      Options
	about    webContext // written by Ready
	inFlight atomic.Int64

	life context.Context // ends with Close
	end  context.CancelFunc

	mu     sync.Mutex
	idle   []*wire            // connections without a request, oldest first
	busy   map[*wire]struct{} // those with one
	reaper *time.Timer        // closes what stays in idle for too long; nil = not set
}

// WebOptions is what a Web needs besides Options.
type WebOptions struct {
	// Dial connects to the server. Where nothing listens yet, the error wraps
	// syscall.ECONNREFUSED.
	Dial func(ctx context.Context) (net.Conn, error)
	// Ended is closed when the process has ended.
	Ended <-chan struct{}
	// Port is what the server is expected to listen on, for messages.
	Port int
	// Concurrency is how many invocations may be in flight; 0 = 1.
	Concurrency int
}

const (
	// pollLeast and pollMost are how often it is tried whether the port is open.
	pollLeast, pollMost = time.Millisecond, 25 * time.Millisecond
	// endWait is how long a process may take to be seen to end once a connection
	// has broken.
	endWait = 100 * time.Millisecond
)

// NewWeb makes the session with a server that is being started.
func NewWeb(web WebOptions, opt Options) *Web {
	web.Concurrency = max(web.Concurrency, 1)
	s := &Web{web: web, opt: opt.withDefaults(), busy: make(map[*wire]struct{})}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// Ready implements Session: the server is ready when its port is open.
func (s *Web) Ready(ctx context.Context, init Init) (*Failure, error) {
	s.about = newWebContext(init)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for wait := pollLeast; ; wait = min(wait*5/4, pollMost) {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("nothing listens on port %d: %w", s.web.Port, ctx.Err())
		case <-s.life.Done():
			return nil, ErrClosed
		}
		conn, err := s.web.Dial(ctx)
		if err == nil {
			// The first request uses it: a server that takes one connection at a
			// time would wait for something to come on this one.
			s.keep(newWire(conn))
			return nil, nil
		}
		if !errors.Is(err, syscall.ECONNREFUSED) && ctx.Err() == nil {
			return nil, err
		}
		timer.Reset(wait)
	}
}

// Invoke implements Session. An error means, as for every session, that the
// instance is of no use any more; a server that only broke off one exchange, or
// that ran out of time after its answer had begun, is of use to others.
func (s *Web) Invoke(ctx context.Context, c *Call, sink ebb.Sink) (Outcome, error) {
	if s.inFlight.Add(1) > int64(s.web.Concurrency) {
		s.inFlight.Add(-1)
		return Outcome{}, notDelivered(fmt.Errorf("%d invocations are in flight on this session", s.web.Concurrency))
	}
	defer s.inFlight.Add(-1)
	if c.HTTP != nil {
		return s.pass(c, sink)
	}
	return s.event(ctx, c, sink)
}

// Hook implements Session: a server learns of its end by SIGTERM.
func (s *Web) Hook(context.Context, ebb.Hook) (*Failure, error) { return nil, ErrNotOffered }

// Close implements Session.
func (s *Web) Close() error {
	s.end()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.idle {
		w.close()
	}
	s.idle = nil
	for w := range s.busy { // whoever uses it sees that, and lets go of it
		w.close()
	}
	if s.reaper != nil {
		s.reaper.Stop()
	}
	return nil
}

// judge says what a broken exchange means for the instance: nil if others can
// still use it, else what Invoke returns.
func (s *Web) judge(err error) error {
	timer := time.NewTimer(endWait)
	defer timer.Stop()
	select {
	case <-s.web.Ended:
		return err
	case <-s.life.Done():
		return ErrClosed
	case <-timer.C:
		return nil
	}
}

// brokenOff is the outcome of an exchange that the server did not finish.
func brokenOff(err error, answered bool, sink ebb.Sink) Outcome {
	return failed(ebb.ErrorProtocol, "The server broke off the exchange: "+err.Error(), answered, sink)
}

// failed is the outcome of an exchange that failed and leaves the instance of
// use. The error document goes to sink unless something of an answer was sent.
func failed(errorType, message string, answered bool, sink ebb.Sink) Outcome {
	o := Outcome{FunctionError: ebb.FunctionErrorUnhandled, ErrorType: errorType, Reason: message, Answered: true}
	doc := ErrorDocument(errorType, message)
	if answered {
		o.LateError = doc
	} else if sink.Head(ebb.Head{FunctionError: ebb.FunctionErrorUnhandled}) == nil {
		_, _ = sink.Write(doc) // a caller who is gone is the caller's matter
	}
	return o
}

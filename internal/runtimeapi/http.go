package runtimeapi

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// httpState is where the runtime, or one invocation, stands in the Lambda Runtime
// API. The names are the ones that the runtime reads in error messages.
type httpState string

const (
	httpStarted   httpState = "Started"
	httpInitError httpState = "InitError"
	httpReady     httpState = "Ready"
	httpRunning   httpState = "Running"
	httpResponse  httpState = "InvocationResponse"
	httpError     httpState = "InvocationErrorResponse"
	httpSent      httpState = "ResponseSent"
)

// HTTP is the conversation over the Lambda Runtime API: the runtime polls, posts
// and is told its mistakes with exact codes. Each of its connections has a
// goroutine that reads; what a poll is answered with is written by Invoke itself.
type HTTP struct {
	opt   Options
	srv   *httpServer
	ready chan struct{} // closed by the first /next or by init/error

	mu       sync.Mutex
	places   int                  // how many invocations may be in flight; set by Ready
	tenant   string               // likewise
	state    httpState            // httpStarted, httpInitError, httpReady
	failure  *Failure             // set in httpInitError
	inFlight int                  // Invokes that have not returned
	polls    []*httpConn          // that wait for an invocation, the one that came last at the end
	waiting  []*exchange          // that wait for a poll, oldest first
	handed   map[string]*exchange // what the runtime works on, and what it answered last, by id
}

// exchange is one invocation on its way through the API.
type exchange struct {
	call *Call
	sink ebb.Sink
	done chan struct{} // closed when out and err are final

	// Written by the request that answers, before done is closed.
	out Outcome
	err error

	// Guarded by HTTP.mu.
	state  httpState // httpReady until it is handed over
	cancel func()    // interrupts the request that answers; nil until there is one
}

// NewHTTP makes the session that serves the Runtime API on l, and owns l from
// now on. It serves from the first Ready: until then, what the runtime sends
// waits in the listener's backlog.
func NewHTTP(l net.Listener, opt Options) *HTTP {
	s := &HTTP{
		opt: opt.withDefaults(), srv: newHTTPServer(l, maxHTTPConns+1), places: 1, state: httpStarted,
		ready: make(chan struct{}), handed: make(map[string]*exchange),
	}
	s.srv.route, s.srv.lost = s.route, s.lost
	return s
}

// Serve begins to serve before Ready is called: extensions come before the
// runtime.
func (s *HTTP) Serve() { s.srv.begin() }

// lost forgets the poll of a connection that has ended.
func (s *HTTP) lost(c *httpConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.polls, c); i >= 0 {
		s.polls = slices.Delete(s.polls, i, i+1)
	}
}

// Ready implements Session. Of Init only the tenant and the concurrency are used:
// the process has the rest as its environment.
func (s *HTTP) Ready(ctx context.Context, init Init) (*Failure, error) {
	s.mu.Lock()
	s.tenant, s.places = init.Tenant, max(1, init.Concurrency)
	s.mu.Unlock()
	s.srv.allow(s.places)
	s.srv.begin()
	select {
	case <-s.ready:
	case <-s.srv.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure, nil
}

// Invoke implements Session.
func (s *HTTP) Invoke(ctx context.Context, c *Call, sink ebb.Sink) (Outcome, error) {
	x := &exchange{call: c, sink: sink, state: httpReady, done: make(chan struct{})}
	if err := s.offer(x); err != nil {
		return Outcome{}, notDelivered(err)
	}
	defer s.leave()
	var late <-chan time.Time
	if !c.Deadline.IsZero() {
		t := time.NewTimer(time.Until(c.Deadline))
		defer t.Stop()
		late = t.C
	}
	select {
	case <-x.done:
		return x.out, x.err
	case <-ctx.Done():
		return s.abandon(x, ctx.Err())
	case <-late:
		return s.abandon(x, context.DeadlineExceeded)
	case <-s.srv.closed:
		return s.abandon(x, ErrClosed)
	}
}

// offer gives x to a poll that waits, or lays it down for the next one.
func (s *HTTP) offer(x *exchange) error {
	s.mu.Lock()
	if s.srv.ended() {
		s.mu.Unlock()
		return ErrClosed
	}
	if s.inFlight == s.places {
		s.mu.Unlock()
		return fmt.Errorf("%d invocations are in flight on this session", s.places)
	}
	s.inFlight++
	n := len(s.polls)
	if n == 0 {
		s.waiting = append(s.waiting, x)
		s.mu.Unlock()
		return nil
	}
	// The one that came last: an earlier one may be of a client that is gone.
	c := s.polls[n-1]
	s.polls = s.polls[:n-1]
	c.waits.Store(false)
	s.hand(x)
	s.mu.Unlock()
	c.invocation(x.call, s.tenant)
	return nil
}

func (s *HTTP) leave() {
	s.mu.Lock()
	s.inFlight--
	s.mu.Unlock()
}

// hand records that x is the runtime's now. s.mu is held.
func (s *HTTP) hand(x *exchange) {
	for id, old := range s.handed {
		if len(s.handed) >= s.places && old.state == httpSent {
			delete(s.handed, id)
		}
	}
	x.state = httpRunning
	s.handed[string(x.call.ID)] = x
}

// abandon makes x a dead id. If its answer has begun to arrive, that is
// interrupted and waited for, because it may be using the sink.
func (s *HTTP) abandon(x *exchange, why error) (Outcome, error) {
	s.mu.Lock()
	for i, w := range s.waiting {
		if w == x {
			s.waiting = append(s.waiting[:i], s.waiting[i+1:]...)
			s.mu.Unlock()
			return Outcome{}, notDelivered(why)
		}
	}
	answering := x.state == httpResponse || x.state == httpError
	if s.handed[string(x.call.ID)] == x && x.state != httpSent {
		delete(s.handed, string(x.call.ID))
	}
	if answering {
		x.cancel()
	}
	s.mu.Unlock()
	if answering {
		<-x.done
	}
	select {
	case <-x.done:
		if x.err == nil { // it was complete after all
			return x.out, nil
		}
		return x.out, why
	default:
		return Outcome{}, why
	}
}

// Hook implements Session: a process learns of its end by SIGTERM.
func (s *HTTP) Hook(context.Context, ebb.Hook) (*Failure, error) { return nil, ErrNotOffered }

// Close implements Session.
func (s *HTTP) Close() error { return s.srv.close() }

// poll is /next: x is what c is to be answered with, nil if c waits from now on.
func (s *HTTP) poll(c *httpConn) (x *exchange, no *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case httpStarted:
		close(s.ready)
		s.state = httpReady
	case httpInitError:
		return nil, transition(s.state, httpReady)
	}
	if s.places == 1 {
		for _, x := range s.handed { // there is one at most
			switch x.state {
			case httpRunning: // the runtime lost its invocation, or polls twice: it gets the same one
				return x, nil
			case httpResponse, httpError:
				return nil, transition(x.state, httpReady)
			}
		}
	}
	if len(s.waiting) > 0 {
		x = s.waiting[0]
		s.waiting = s.waiting[1:]
		s.hand(x)
		return x, nil
	}
	c.waits.Store(true)
	s.polls = append(s.polls, c)
	return nil, nil
}

// answering is the first half of /response and /error: the id is checked before
// the state, and from then on the request owns the exchange until settle.
func (s *HTTP) answering(id string, to httpState, cancel func()) (*exchange, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.handed[id]
	if x == nil {
		return nil, &invalidRequestID
	}
	if x.state != httpRunning {
		return nil, transition(x.state, to)
	}
	x.state, x.cancel = to, cancel
	return x, nil
}

// settle is the second half: the answer is complete, or has failed with err.
func (s *HTTP) settle(x *exchange, err error) {
	s.mu.Lock()
	x.state, x.err = httpSent, err
	s.mu.Unlock()
	close(x.done)
}

// initFailed is init/error.
func (s *HTTP) initFailed(f *Failure) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != httpStarted {
		from := s.state
		for _, x := range s.handed {
			from = x.state
		}
		return transition(from, httpInitError)
	}
	s.state, s.failure = httpInitError, f
	close(s.ready)
	return nil
}

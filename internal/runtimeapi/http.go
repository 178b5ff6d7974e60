package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// httpState is where the runtime stands in the Lambda Runtime API. The names are
// the ones it reads in error messages.
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
// and is told its mistakes with exact codes. The requests of the runtime run on
// goroutines of their own; Invoke waits for them.
type HTTP struct {
	opt Options
	l   net.Listener
	srv *http.Server

	serve    sync.Once
	serving  sync.WaitGroup
	offer    chan *exchange // from Invoke to the /next that waits
	ready    chan struct{}  // closed by the first /next or by init/error
	closed   chan struct{}
	closing  sync.Once
	invoking chan struct{} // holds one token: the right to Invoke
	tenant   string        // set by Ready, before the first Invoke

	mu      sync.Mutex
	state   httpState
	failure *Failure  // set in httpInitError
	current *exchange // the invocation handed out last; nil once it is dead
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
	cancel func() // interrupts the request that answers; nil until there is one
	dead   bool   // Invoke has given up: the runtime may not answer any more
}

// NewHTTP makes the session that serves the Runtime API on l, and owns l from
// now on. It serves from the first Ready: until then, what the runtime sends
// waits in the listener's backlog.
func NewHTTP(l net.Listener, opt Options) *HTTP {
	s := &HTTP{
		opt: opt.withDefaults(), l: l, state: httpStarted,
		offer: make(chan *exchange), ready: make(chan struct{}), closed: make(chan struct{}),
		invoking: make(chan struct{}, 1),
	}
	s.srv = &http.Server{
		Handler: http.HandlerFunc(s.route),
		// Headers are ebb's memory while they come in; a poll that waits has sent its.
		ReadHeaderTimeout: 10 * time.Second,
		MaxHeaderBytes:    2 << 20, // an X-Ray error cause is a header of up to 1 MB
		ConnState:         s.connState,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug), // a runtime's broken requests are not ebb's
	}
	return s
}

// Ready implements Session. Of Init only the tenant is used: the process has the
// rest as its environment.
func (s *HTTP) Ready(ctx context.Context, init Init) (*Failure, error) {
	s.tenant = init.Tenant
	s.serve.Do(func() {
		s.serving.Go(func() { _ = s.srv.Serve(s.l) }) // ends when Close closes the listener
	})
	select {
	case <-s.ready:
	case <-s.closed:
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
	select {
	case s.invoking <- struct{}{}:
		defer func() { <-s.invoking }()
	default:
		return Outcome{}, notDelivered(errors.New("an invocation is in flight on this session"))
	}
	var late <-chan time.Time
	if !c.Deadline.IsZero() {
		t := time.NewTimer(time.Until(c.Deadline))
		defer t.Stop()
		late = t.C
	}
	x := &exchange{call: c, sink: sink, done: make(chan struct{})}
	select {
	case s.offer <- x:
	case <-ctx.Done():
		return Outcome{}, notDelivered(ctx.Err())
	case <-late:
		return Outcome{}, notDelivered(context.DeadlineExceeded)
	case <-s.closed:
		return Outcome{}, notDelivered(ErrClosed)
	}
	select {
	case <-x.done:
		return x.out, x.err
	case <-ctx.Done():
		return s.abandon(x, ctx.Err())
	case <-late:
		return s.abandon(x, context.DeadlineExceeded)
	case <-s.closed:
		return s.abandon(x, ErrClosed)
	}
}

// Hook implements Session: a process learns of its end by SIGTERM.
func (s *HTTP) Hook(context.Context, ebb.Hook) (*Failure, error) { return nil, ErrNotOffered }

// abandon makes x a dead id. If its answer has begun to arrive, that is
// interrupted and waited for, because it may be using the sink.
func (s *HTTP) abandon(x *exchange, why error) (Outcome, error) {
	s.mu.Lock()
	answering := s.current == x && (s.state == httpResponse || s.state == httpError)
	x.dead = true
	if s.current == x {
		s.current = nil
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

// Close implements Session.
func (s *HTTP) Close() error {
	s.closing.Do(func() { close(s.closed) })
	err := s.srv.Close()
	s.serve.Do(func() { err = s.l.Close() }) // never served
	s.serving.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// connState counts connections, so that Close can wait for what runs on them.
func (s *HTTP) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew: // called by Serve, which is counted itself
		s.serving.Add(1)
	case http.StateClosed:
		s.serving.Done()
	}
}

// poll is /next: the state it needs, and the invocation when there is one.
func (s *HTTP) poll() (again *exchange, no *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case httpStarted:
		close(s.ready)
	case httpReady, httpSent:
	case httpRunning:
		// The runtime lost its invocation, or polls twice: it gets the same one.
		if s.current != nil {
			return s.current, nil
		}
		return nil, transition(s.state, httpReady)
	default:
		return nil, transition(s.state, httpReady)
	}
	s.state = httpReady
	return nil, nil
}

// handOver records that x is the runtime's now.
func (s *HTTP) handOver(x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.current = httpRunning, nil
	if !x.dead {
		s.current = x
	}
}

// answering is the first half of /response and /error: the id is checked before
// the state, and from then on the request owns the exchange until settle.
func (s *HTTP) answering(id string, to httpState, cancel func()) (*exchange, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x := s.current
	if x == nil || string(x.call.ID) != id {
		return nil, &invalidRequestID
	}
	if s.state != httpRunning {
		return nil, transition(s.state, to)
	}
	s.state, x.cancel = to, cancel
	return x, nil
}

// settle is the second half: the answer is complete, or has failed with err.
func (s *HTTP) settle(x *exchange, err error) {
	s.mu.Lock()
	s.state = httpSent
	s.mu.Unlock()
	x.err = err
	close(x.done)
}

// initFailed is init/error.
func (s *HTTP) initFailed(f *Failure) *refusal {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != httpStarted {
		return transition(s.state, httpInitError)
	}
	s.state, s.failure = httpInitError, f
	close(s.ready)
	return nil
}

// readAll reads a body of at most limit bytes. A longer one is read to its end
// all the same, within reason, so that the connection survives the refusal.
func readAll(r io.Reader, size, limit int64) (body []byte, tooLarge bool, err error) {
	if size < 0 || size > limit {
		size = 0
	}
	buf := make([]byte, 0, size+512)
	for int64(len(buf)) <= limit {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, int64(len(buf)) > limit, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	if _, err := io.CopyN(io.Discard, r, 16*limit+1<<20); err != nil && !errors.Is(err, io.EOF) {
		return nil, false, fmt.Errorf("reading an answer that is too large: %w", err)
	}
	return nil, true, nil
}

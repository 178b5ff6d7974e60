package runtimeapi

import (
	"context"
	"errors"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Session is the conversation with one instance's runtime process.
type Session interface {
	// Ready brings the runtime up to the point where it asks for work. It is
	// called once, before Invoke. A Failure is the function's own: its
	// initialisation ended with an error document. An error means that the
	// conversation ended, broke the protocol, or that ctx is done.
	Ready(ctx context.Context, init Init) (*Failure, error)
	// Invoke hands c over and passes the answer to sink, on the calling goroutine
	// or on one that Invoke waits for. It returns when the answer is complete. An
	// error means that the conversation is broken or that c.Deadline or ctx has
	// passed; the caller then kills the instance. See ErrNotDelivered,
	// ErrProtocol; a passed deadline is context.DeadlineExceeded.
	//
	// c.Deadline alone is cheaper than a ctx that can be cancelled.
	Invoke(ctx context.Context, c *Call, sink ebb.Sink) (Outcome, error)
	// Hook has the runtime run what the function names for h (ebb.Version.HookHandler).
	// It is called while no invocation is in flight; its time limit is ctx. A
	// Failure is the function's own, and the session goes on. An error is one, as
	// from Invoke, that the conversation does not survive, but for ErrNotOffered:
	// this kind of session has no hooks, and nothing was run.
	Hook(ctx context.Context, h ebb.Hook) (*Failure, error)
	// Close ends the conversation: it says stop, takes the lines that the runtime
	// had still sent (for at most 20 ms), and closes the socket or the listener.
	// A running Ready or Invoke returns an error.
	Close() error
}

// Call is one invocation as the runtime is told of it.
type Call struct {
	ID            ebb.InvocationID
	ARN           string        // of the function as it was invoked, with the qualifier used
	TraceID       string        // X-Amzn-Trace-Id, or ""
	ClientContext []byte        // JSON, or nil
	Deadline      time.Time     // the run deadline, which the function sees; zero = none
	Payload       []byte        // the event, passed on unread
	HTTP          *ebb.Exchange // instead of Payload; only Web takes it. nil = Payload
}

// Outcome is what an invocation came to.
type Outcome struct {
	FunctionError string // "" or ebb.FunctionErrorUnhandled
	ErrorType     string // errorType of the error document, "" without one
	// LateError is the error document of a streaming answer that failed after
	// its head was sent; nil otherwise.
	LateError []byte
	// Reason is what the session found wrong, for the log; "" if it was the
	// function itself that failed, or nothing did.
	Reason string
	Size   int64 // bytes of the body given to the sink, or offered if it was too large
	// Answered is true if the sink was called, also beside an error: whoever
	// wants to add an error document may only do so if it is false.
	Answered bool
	// Ending is true if the runtime said that it exits after this answer: do not
	// use the instance again.
	Ending bool
}

// Init is what a generic runtime process must be told to become one version's
// instance. The framed protocol sends it as the init frame; a process that
// speaks HTTP was given the same facts as its environment.
type Init struct {
	Handler  string
	TaskRoot string            // where the code lies, as the process sees it
	ARN      string            // of the version; calls that carry the same one need not repeat it
	Env      map[string]string // added to the process's environment; see Env
	Tenant   string            // the only one that this instance serves; "" = it knows none
	// Concurrency is how many invocations may be in flight; 0 = 1. A Web was told
	// when it was made.
	Concurrency int
}

// Failure is how a function's initialisation, or a hook of it, failed.
type Failure struct {
	ErrorType string
	Document  []byte // the error document, JSON
	Ending    bool   // the process exits: the session is of no more use
}

// Options of a session.
type Options struct {
	// MaxResponse is the largest whole answer or error document, in bytes;
	// 0 = DefaultMaxResponse.
	MaxResponse int64
	// MaxStream is the largest streamed answer, in bytes; 0 = DefaultMaxStream.
	MaxStream int64
	// Extensions are served beside the Lambda Runtime API; nil = none. Only HTTP
	// does that, for others see Extensions.Serve.
	Extensions *Extensions
	// Log takes each line the runtime sends, without its line end. request is ""
	// outside of any invocation. line is only valid during the call. nil = drop.
	Log func(request ebb.InvocationID, level string, line []byte)
}

// Default limits, those of Lambda.
const (
	DefaultMaxResponse = 6<<20 + 100
	DefaultMaxStream   = 200 << 20
)

var (
	// ErrNotDelivered marks an error of Invoke that came before the runtime had
	// the invocation: the function has seen nothing of it.
	ErrNotDelivered = errors.New("invocation was not delivered to the runtime")
	// ErrProtocol marks an error that the runtime process made: it sent what the
	// protocol does not allow.
	ErrProtocol = errors.New("runtime broke the protocol")
	// ErrNotOffered is what Hook returns where processes are told of the points of
	// their life by other means, or not at all.
	ErrNotOffered = errors.New("this kind of runtime has no hooks")
	// ErrClosed is what Ready and Invoke return on a closed session.
	ErrClosed = errors.New("session is closed")
)

func (o Options) withDefaults() Options {
	if o.MaxResponse == 0 {
		o.MaxResponse = DefaultMaxResponse
	}
	if o.MaxStream == 0 {
		o.MaxStream = DefaultMaxStream
	}
	if o.Log == nil {
		o.Log = func(ebb.InvocationID, string, []byte) {}
	}
	return o
}

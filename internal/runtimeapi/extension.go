package runtimeapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Limits of the Extensions API, Lambda's.
const (
	maxExtensions    = 10
	maxExtensionName = 128
	maxRegisterBody  = 16 << 10
)

// Reasons for the end of an instance, as extensions are told of it.
const (
	ShutdownSpindown = "SPINDOWN" // it is not needed any more
	ShutdownTimeout  = "TIMEOUT"  // an invocation ran out of time
	ShutdownFailure  = "FAILURE"  // it failed
)

// Events that extensions register for.
const (
	eventInvoke   = "INVOKE"
	eventShutdown = "SHUTDOWN"
)

// ExtensionOptions are what Extensions need to know of the instance.
type ExtensionOptions struct {
	Function, Version, Handler, Account string
	// External are the file names of the extensions that are programs of their
	// own. All others that register are part of the runtime's process.
	External []string
	// Dial connects to a port inside the box, for telemetry.
	Dial func(ctx context.Context, port int) (net.Conn, error)
}

// Extensions is the conversation with an instance's extensions: processes beside
// the runtime, or parts of it, that are told of invocations and of the end, and
// that may subscribe to telemetry.
//
// An invocation is not over for the instance before each extension that is told
// of invocations has asked for the next event.
type Extensions struct {
	opt ExtensionOptions
	srv *httpServer // nil where an HTTP serves

	mu       sync.Mutex
	all      []*extension
	closed   bool          // no more may register: the initialisation is over
	changed  chan struct{} // closed, and replaced, when something of this changes
	failed   *Failure      // an extension said that it cannot go on
	shutdown bool          // they were told of the end: how they end does not matter

	telemetry telemetry
}

// extension is one of them. Its fields are guarded by Extensions.mu.
type extension struct {
	name, id string
	external bool
	events   []string
	asked    bool      // has asked for an event at least once
	idle     *httpConn // waits for an event on it; nil = is at work
	queue    [][]byte  // events it has yet to be told of
	done     bool      // reported an error: nobody waits for it any more
}

// NewExtensions makes the conversation of one instance.
func NewExtensions(opt ExtensionOptions) *Extensions {
	e := &Extensions{opt: opt, changed: make(chan struct{})}
	e.telemetry.init(opt.Dial)
	return e
}

// Serve serves the extensions on l, where no session does. It owns l from now on.
func (e *Extensions) Serve(l net.Listener) {
	e.srv = newHTTPServer(l, maxHTTPConns)
	e.srv.lost = func(c *httpConn) { e.lost(c) }
	e.srv.route = func(c *httpConn, r *request) {
		if !e.route(c, r) {
			c.text(404, "404 page not found")
		}
	}
	e.srv.begin()
}

// Close ends the conversation. What is left of the telemetry is sent first, for
// a short while.
func (e *Extensions) Close() error {
	e.telemetry.close()
	if e.srv != nil {
		return e.srv.close()
	}
	return nil
}

// Registered waits until every external extension has registered.
func (e *Extensions) Registered(ctx context.Context) (*Failure, error) {
	return e.wait(ctx, func() bool {
		for _, name := range e.opt.External {
			if !slices.ContainsFunc(e.all, func(x *extension) bool { return x.name == name }) {
				return false
			}
		}
		return true
	})
}

// Ready waits until every extension has asked for its first event. The
// initialisation is over then.
func (e *Extensions) Ready(ctx context.Context) (*Failure, error) {
	failure, err := e.wait(ctx, func() bool {
		return !slices.ContainsFunc(e.all, func(x *extension) bool { return !x.asked && !x.done })
	})
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.telemetry.shut()
	return failure, err
}

// Begin tells those who want to know of an invocation that is about to be handed
// over.
func (e *Extensions) Begin(c *Call) {
	type tracing struct {
		Type  string `json:"type"`
		Value string `json:"value"`
	}
	e.tell(eventInvoke, struct {
		EventType string  `json:"eventType"`
		Deadline  int64   `json:"deadlineMs"`
		Request   string  `json:"requestId"`
		ARN       string  `json:"invokedFunctionArn"`
		Tracing   tracing `json:"tracing"`
	}{eventInvoke, c.Deadline.UnixMilli(), string(c.ID), c.ARN, tracing{"X-Amzn-Trace-Id", c.TraceID}})
}

// End waits until everybody who was told of the invocation has asked for the
// next event.
func (e *Extensions) End(ctx context.Context) (*Failure, error) {
	return e.wait(ctx, func() bool {
		return !slices.ContainsFunc(e.all, func(x *extension) bool {
			return slices.Contains(x.events, eventInvoke) && !x.done && (x.idle == nil || len(x.queue) > 0)
		})
	})
}

// Shutdown tells those who want to know that the instance ends. It reports
// whether there is anybody to wait for.
func (e *Extensions) Shutdown(reason string, deadline time.Time) bool {
	e.mu.Lock()
	e.shutdown, e.closed = true, true
	e.mu.Unlock()
	return e.tell(eventShutdown, struct {
		EventType string `json:"eventType"`
		Reason    string `json:"shutdownReason"`
		Deadline  int64  `json:"deadlineMs"`
	}{eventShutdown, reason, deadline.UnixMilli()})
}

// Any reports whether any extension has registered.
func (e *Extensions) Any() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.all) > 0
}

// tell gives an event to all who registered for its kind.
func (e *Extensions) tell(kind string, event any) (told bool) {
	body, err := json.Marshal(event)
	if err != nil { // strings and numbers always marshal
		panic(err)
	}
	type delivery struct {
		c     *httpConn
		event []byte
	}
	var now []delivery
	e.mu.Lock()
	for _, x := range e.all {
		if x.done || !slices.Contains(x.events, kind) {
			continue
		}
		told = true
		if x.idle == nil {
			x.queue = append(x.queue, body)
			continue
		}
		x.idle.waits.Store(false)
		now = append(now, delivery{x.idle, body})
		x.idle = nil
	}
	e.mu.Unlock()
	for _, d := range now {
		sendEvent(d.c, d.event)
	}
	return told
}

func sendEvent(c *httpConn, event []byte) {
	c.reply(200, "application/json", event, headerEventID, uuid.NewString())
}

// change tells everybody who waits that something has changed. e.mu is held.
func (e *Extensions) change() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// wait waits until good holds, which is called with e.mu held, or an extension
// has failed.
func (e *Extensions) wait(ctx context.Context, good func() bool) (*Failure, error) {
	for {
		e.mu.Lock()
		failed, ok, changed := e.failed, good(), e.changed
		e.mu.Unlock()
		switch {
		case failed != nil:
			return failed, nil
		case ok:
			return nil, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Fail records that an external extension has ended though nobody asked it to.
func (e *Extensions) Fail(name, how string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.shutdown {
		return
	}
	e.fail(ebb.ErrorExtensionCrash, ErrorDocument(ebb.ErrorExtensionCrash, fmt.Sprintf("Extension %s %s", name, how)))
}

// fail is the end of the instance because of an extension. e.mu is held.
func (e *Extensions) fail(errorType string, document []byte) {
	if e.failed == nil {
		e.failed = &Failure{ErrorType: errorType, Document: document, Ending: true}
	}
	e.change()
}

// Failure waits until an extension has failed. nil: that did not happen before
// Close.
func (e *Extensions) Failure() *Failure {
	failure, _ := e.wait(e.telemetry.life, func() bool { return false }) // the other outcome is Close
	return failure
}

// lost forgets that somebody waits on a connection that has ended.
func (e *Extensions) lost(c *httpConn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, x := range e.all {
		if x.idle == c {
			x.idle = nil
		}
	}
}

package gateway

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// turn decides who answers a client: the function, or the route's timeout.
type turn struct{ taken atomic.Bool }

// take reports whether whoever asks is first. There is always a turn where
// nobody else may answer.
func (t *turn) take() bool { return t == nil || t.taken.CompareAndSwap(false, true) }

// timeout is how long the function may take until its answer begins; 0 = as long
// as it may.
func (r *route) timeout() time.Duration {
	if r.http == nil {
		return 0
	}
	return time.Duration(r.http.settings.Timeout) * time.Second
}

// within runs an invocation of r's route, at most for the route's timeout unless
// its answer has begun by then. late says that the time is over: the function
// runs on, and what it has been given is not to be used again.
func (g *Gateway) within(r *request, inv *ebb.Invocation, sink ebb.Sink, t *turn) (result ebb.Result, err error, late bool) {
	limit := r.route.timeout()
	if limit == 0 {
		result, err = g.run(r.Context(), r, inv, sink)
		return result, err, false
	}
	inv.Patience = time.Now().Add(limit)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	ended := make(chan struct{})
	var out ebb.Result
	var failed error
	go func() {
		defer close(ended)
		out, failed = g.run(r.Context(), r, inv, sink)
	}()
	select {
	case <-ended:
		return out, failed, false
	case <-timer.C:
	}
	if t.take() {
		return ebb.Result{}, ebb.Errorf(ebb.Unavailable, ebb.TypeGatewayTimeout, "no answer in %s", limit), true
	}
	<-ended
	return out, failed, false
}

// run has the target of r's route do its work.
func (g *Gateway) run(ctx context.Context, r *request, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error) {
	if r.route.http == nil || r.route.http.machine == "" {
		return g.door.Invoke(ctx, inv, sink)
	}
	output, failed, err := g.routing.deps.Workflow(ctx, r.route.http.machine, string(inv.Payload), inv.TraceID)
	if err != nil {
		return ebb.Result{}, err
	}
	if failed {
		return ebb.Result{FunctionError: ebb.FunctionErrorUnhandled}, nil
	}
	if err := sink.Head(ebb.Head{}); err != nil {
		return ebb.Result{}, err
	}
	_, err = sink.Write([]byte(output))
	return ebb.Result{}, err
}

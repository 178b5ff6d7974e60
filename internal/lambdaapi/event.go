package lambdaapi

import (
	"net/http"
	"strconv"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// Headers of asynchronous invocation that AWS does not have.
const (
	taskIDHeader    = "X-Ebb-Idempotency-Key"    // chooses the task's id
	replayHeader    = "X-Ebb-Idempotency-Replay" // "result": answer a known id with its result, if it has one
	taskStateHeader = "X-Ebb-Task-State"         // of the task that an id is of
)

// isEvent tells an asynchronous invocation, whose payload has a limit of its own.
func isEvent(r *http.Request) bool { return r.Header.Get("X-Amz-Invocation-Type") == typeEvent }

// serveEvent accepts an asynchronous invocation: once it answers 202, the event
// is durable.
func (a *API) serveEvent(w http.ResponseWriter, r *http.Request, inv *ebb.Invocation) {
	if a.cfg.Events == nil {
		a.fail(w, r, ebb.Errorf(ebb.Unimplemented, ebb.TypeNotImplemented,
			"Invoke: InvocationType Event is not offered here; use RequestResponse"))
		return
	}
	id := ebb.MessageID(r.Header.Get(taskIDHeader))
	var err error
	if !inv.Egress.Empty() { // what will never be opened is refused now
		err = a.invoker.Check(r.Context(), inv)
	}
	if err == nil {
		err = a.cfg.Events.Accept(r.Context(), inv, id)
	}
	if err != nil && id != "" && ebb.KindOf(err) == ebb.Conflict {
		a.known(w, r, inv.Service, id, err)
		return
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// known answers for an id that has a task already.
func (a *API) known(w http.ResponseWriter, r *http.Request, service ebb.ServiceID, id ebb.MessageID, conflict error) {
	t, err := a.cfg.Events.Task(r.Context(), service, id)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set(taskStateHeader, string(t.State))
	if r.Header.Get(replayHeader) != "result" || t.State != ebb.TaskSucceeded {
		a.fail(w, r, conflict)
		return
	}
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(t.Result)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(t.Result) // a caller who has gone needs no answer
}

// invokeAsync is the old operation for asynchronous invocation.
func (a *API) invokeAsync(c *call, in *InvokeAsyncRequest) (*InvokeAsyncResponse, error) {
	t, err := a.target(c.principal, "lambda:InvokeFunction", deref(in.FunctionName), "")
	if err != nil {
		return nil, err
	}
	if a.cfg.Events == nil {
		return nil, ebb.Errorf(ebb.Unimplemented, ebb.TypeNotImplemented, "InvokeAsync: not offered here")
	}
	body, err := payload(c.r)
	if err != nil {
		return nil, err
	}
	if err := a.cfg.Events.Accept(c, &ebb.Invocation{
		ID: ebb.InvocationID(requestID(c.w)), FunctionKey: t.FunctionKey, Qualifier: t.Qualifier,
		Payload: body, TraceID: c.r.Header.Get("X-Amzn-Trace-Id"),
	}, ""); err != nil {
		return nil, err
	}
	return &InvokeAsyncResponse{Status: new(int32(http.StatusAccepted))}, nil
}

// eventMiddleware lets asynchronous invocations in, which have a limit of their
// own.
func (a *API) eventMiddleware(by auth.Authenticator) http.Handler {
	largest := a.cfg.MaxPayload
	if a.cfg.Events != nil {
		largest = a.cfg.Events.Limits().MaxPayload
	}
	return auth.Middleware(by, auth.Options{MaxBody: largest, Fail: a.refuse}, http.HandlerFunc(a.run))
}

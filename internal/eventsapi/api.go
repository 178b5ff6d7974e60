package eventsapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/trigger/event"
)

// TargetPrefix begins the X-Amz-Target of every request of this API.
const TargetPrefix = "AWSEvents."

const (
	contentType = "application/x-amz-json-1.1"
	maxRequest  = 1 << 20
)

// API serves the wire API. It is safe for concurrent use.
type API struct {
	region string
	bus    *event.Bus
	auth   *auth.Auth
	log    *slog.Logger
	model  *awswire.Model
	inputs map[string]string // shapes, by operation
}

// New makes the API.
func New(region string, bus *event.Bus, a *auth.Auth, log *slog.Logger) *API {
	tables := service()
	model, err := awswire.Compile(tables)
	if err != nil {
		panic("eventsapi: generated tables: " + err.Error()) // a test compiles them
	}
	api := &API{region: region, bus: bus, auth: a, log: log, model: model, inputs: map[string]string{}}
	for _, op := range Routes() {
		api.inputs[op.Name] = op.Input
	}
	return api
}

// Routes lists the operations that are offered.
func Routes() []awswire.Operation {
	known := handlers()
	return slices.DeleteFunc(service().Operations, func(op awswire.Operation) bool { return known[op.Name] == nil })
}

// Action is what permissions call an operation of this API.
func Action(operation string) string { return "events:" + operation }

// Is reports whether a request is for this API.
func Is(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("X-Amz-Target"), TargetPrefix)
}

// Endpoint is the API for callers whom by proves.
func (a *API) Endpoint(by auth.Authenticator) http.Handler {
	inner := auth.Middleware(by, auth.Options{MaxBody: maxRequest, Fail: a.fail}, http.HandlerFunc(a.serve))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-Requestid", uuid.NewString())
		inner.ServeHTTP(w, r)
	})
}

func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), TargetPrefix)
	shape, ok := a.inputs[name]
	if !ok {
		a.fail(w, r, ebb.Errorf(ebb.Invalid, ebb.TypeUnknownOperation, "Unknown operation: %.100s", name))
		return
	}
	body := auth.Body(r.Context())
	c := &call{Context: r.Context(), op: name, principal: auth.From(r.Context()), trace: r.Header.Get("X-Amzn-Trace-Id")}
	out, err := a.call(c, func(in any) error { return a.model.Decode(shape, r, body, in) })
	if err != nil {
		a.fail(w, r, err)
		return
	}
	text, err := json.Marshal(out)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	if _, err := w.Write(text); err != nil {
		a.log.Debug("answer not delivered", "operation", name, "error", err)
	}
}

// Call does an operation for p, with parameters as SDK integrations of workflows
// name them. ok is false for an operation that is not offered.
func (a *API) Call(ctx context.Context, p auth.Principal, operation string, parameters []byte, trace string) (answer []byte, ok bool, err error) {
	shape, ok := a.inputs[operation]
	if !ok {
		return nil, false, nil
	}
	out, err := a.call(&call{Context: ctx, op: operation, principal: p, trace: trace},
		func(in any) error { return a.model.DecodeNamed(shape, parameters, in) })
	if err != nil {
		return nil, true, err
	}
	answer, err = json.Marshal(out)
	return answer, true, err
}

// call runs an operation for a caller who may do it.
func (a *API) call(c *call, decode func(any) error) (any, error) {
	if err := a.auth.Admit(c.principal, Action(c.op)); err != nil {
		return nil, err
	}
	out, err := handlers()[c.op](a, c, decode)
	if own, ok := errors.AsType[*ebb.Error](err); ok {
		switch own.Type {
		case ebb.TypeInvalidParameterValue:
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "%s", own.Message)
		case ebb.TypeInvalidRequestContent: // Lambda's word for it
			return nil, ebb.Errorf(ebb.Invalid, ebb.TypeSerialization, "%s", own.Message)
		}
	}
	return out, err
}

// call is one request on its way through an operation.
type call struct {
	context.Context
	op        string
	principal auth.Principal
	trace     string
}

// service is the service that a request is about.
func (c *call) service() ebb.ServiceID {
	if c.principal.Service == "" {
		return ebb.DefaultService
	}
	return c.principal.Service
}

// fail answers with err and logs what is the platform's fault, once.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the caller has gone
	}
	if status := awswire.WriteTargetError(w, contentType, err); status >= http.StatusInternalServerError {
		a.log.Error("request failed", "target", r.Header.Get("X-Amz-Target"), "request", w.Header().Get("X-Amzn-Requestid"), "status", status, "error", err)
	}
}

package statesapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// TargetPrefix begins the X-Amz-Target of every request of this API.
const TargetPrefix = "AWSStepFunctions."

// contentType of requests and answers.
const contentType = "application/x-amz-json-1.0"

// MaxRequest is how large a request may be: a definition, escaped, and the rest.
const MaxRequest = 4 << 20

// API serves the wire API. It is the handler of the node's own listener;
// Endpoint makes the one for the listener inside a box. Safe for concurrent use.
type API struct {
	region string
	engine *workflow.Engine
	auth   *auth.Auth
	log    *slog.Logger
	model  *awswire.Model
	ops    map[string]*operation
	root   http.Handler
}

type operation struct {
	*awswire.Operation
	serve handler
}

// New makes the API.
func New(region string, engine *workflow.Engine, a *auth.Auth, log *slog.Logger) *API {
	tables := service()
	model, err := awswire.Compile(tables)
	if err != nil {
		panic("statesapi: generated tables: " + err.Error()) // a test compiles them
	}
	api := &API{region: region, engine: engine, auth: a, log: log, model: model, ops: make(map[string]*operation)}
	known := handlers()
	for i := range tables.Operations {
		op := &tables.Operations[i]
		api.ops[op.Name] = &operation{op, known[op.Name]}
	}
	api.root = api.Endpoint(a)
	return api
}

// Is reports whether a request is for this API.
func Is(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("X-Amz-Target"), TargetPrefix)
}

// ServeHTTP answers callers whom New's Auth proves.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.root.ServeHTTP(w, r) }

// Endpoint is the API for callers whom by proves.
func (a *API) Endpoint(by auth.Authenticator) http.Handler {
	inner := auth.Middleware(by, auth.Options{MaxBody: MaxRequest, Fail: a.fail}, http.HandlerFunc(a.serve))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Amzn-Requestid", uuid.NewString())
		inner.ServeHTTP(w, r)
	})
}

// call is one request on its way through an operation.
type call struct {
	context.Context
	op        string
	principal auth.Principal
	trace     string // header of the request: it goes before that of the input
}

// service is the service that a request without an ARN is about.
func (c *call) service() ebb.ServiceID {
	if c.principal.Service == "" {
		return ebb.DefaultService
	}
	return c.principal.Service
}

// handler runs one operation and returns a pointer to its output, or nil.
type handler func(a *API, c *call, decode func(any) error) (any, error)

// typed decodes and validates the operation's input for f.
func typed[In, Out any](f func(*API, *call, *In) (*Out, error)) handler {
	return func(a *API, c *call, decode func(any) error) (any, error) {
		in := new(In)
		if err := decode(in); err != nil {
			return nil, err
		}
		out, err := f(a, c, in)
		if err != nil || out == nil {
			return nil, err
		}
		return out, nil
	}
}

func (a *API) serve(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), TargetPrefix)
	op := a.ops[name]
	if op == nil || op.serve == nil {
		a.fail(w, r, ebb.Errorf(ebb.Invalid, ebb.TypeUnknownOperation, "Unknown operation: %.100s", name))
		return
	}
	body := auth.Body(r.Context())
	c := &call{Context: r.Context(), op: name, principal: auth.From(r.Context()), trace: r.Header.Get("X-Amzn-Trace-Id")}
	if err := a.auth.Admit(c.principal, Action(name)); err != nil {
		a.fail(w, r, err)
		return
	}
	out, err := op.serve(a, c, func(in any) error { return a.decode(op.Input, r, body, in) })
	if err != nil {
		a.fail(w, r, err)
		return
	}
	text := []byte("{}")
	if out != nil {
		if text, err = json.Marshal(out); err != nil {
			a.fail(w, r, err)
			return
		}
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	if _, err := w.Write(text); err != nil {
		a.log.Debug("answer not delivered", "operation", name, "error", err)
	}
}

// decode reads and validates an input; what the wire refuses has this API's type.
func (a *API) decode(shape string, r *http.Request, body []byte, in any) error {
	err := a.model.Decode(shape, r, body, in)
	if own, ok := errors.AsType[*ebb.Error](err); ok && own.Type == ebb.TypeInvalidParameterValue {
		return ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "%s", own.Message)
	}
	return err
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

// may asks whether the caller may do the operation to a resource.
func (a *API) may(c *call, arn string) error {
	return a.auth.Authorize(c.principal, Action(c.op), arn)
}

// anywhere asks whether the caller may do an operation that names no resource.
func (a *API) anywhere(c *call, kind string) error {
	return a.may(c, "arn:aws:states:"+a.region+":"+string(c.service())+":"+kind+":*")
}

// resource reads the ARN of a kind and asks whether the caller may.
func (a *API) resource(c *call, arn *string, kinds ...string) (ebb.StatesARN, error) {
	text := deref(arn)
	if err := a.may(c, text); err != nil {
		return ebb.StatesARN{}, err
	}
	r, ok := ebb.ParseStatesARN(text)
	if !ok {
		return r, workflow.InvalidARN(text)
	}
	for _, k := range kinds {
		if r.Kind == k {
			return r, nil
		}
	}
	return r, ebb.Errorf(ebb.Invalid, workflow.TypeInvalidArn, "Invalid Arn: 'Resource type not valid in this context: %s'", r.Kind)
}

// deref reads an optional member; absent is the zero value.
func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

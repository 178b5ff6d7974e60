package lambdaapi

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/awswire"
	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/trigger"
)

// Defaults of Config, which are AWS's limits.
const (
	DefaultMaxPayload = 6<<20 + 100 // bytes of one invocation's payload
	DefaultMaxRequest = 70167211    // bytes of any other request: a 50 MB package in base64
)

// drainLimit bounds what is read of a body that is too large: most clients only
// read the refusal once they have sent everything.
const drainLimit = 128 << 20

// Config of the API. Zero values mean the defaults.
type Config struct {
	Region     string // in ARNs; us-east-1
	MaxPayload int64  // bytes of one invocation's payload
	MaxRequest int64  // bytes of any other request body
	// GatewayURL is the address of the function URL with this id, ending in a
	// slash.
	GatewayURL func(id string) string
	// Package opens a stored deployment package, for downloads.
	Package func(ctx context.Context, digest ebb.Digest) (io.ReadCloser, int64, error)
	// Provisioned says what has become of a configuration of provisioned
	// concurrency. nil = nothing.
	Provisioned func(ctx context.Context, p *ebb.Provisioned) ebb.ProvisionedState
	// Events takes asynchronous invocations. nil = they are not offered.
	Events *deliver.Deliver
	// Triggers are those whose Kafka triggers are event source mappings.
	Triggers *trigger.Triggers
	// Limits are what GetAccountSettings tells.
	Limits Limits
}

// Limits are the platform's, as GetAccountSettings tells them.
type Limits struct {
	Unzipped    int64 // bytes of one package, unpacked
	Zipped      int64 // bytes of one package sent inline
	Concurrency int   // invocations at once
}

func (c Config) withDefaults() Config {
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.MaxPayload == 0 {
		c.MaxPayload = DefaultMaxPayload
	}
	if c.MaxRequest == 0 {
		c.MaxRequest = DefaultMaxRequest
	}
	if c.Provisioned == nil {
		c.Provisioned = func(context.Context, *ebb.Provisioned) ebb.ProvisionedState { return ebb.ProvisionedState{} }
	}
	if c.Limits.Unzipped == 0 {
		c.Limits.Unzipped = 250 << 20
	}
	if c.Limits.Zipped == 0 {
		c.Limits.Zipped = 50 << 20
	}
	if c.Limits.Concurrency == 0 {
		c.Limits.Concurrency = 1000
	}
	return c
}

// Invoker is the door to running code: *invoke.Invoker, or what carries an
// invocation to the node that has it.
type Invoker interface {
	// Resolve chooses the version that an invocation will run, see
	// ebb.Invocation.Version.
	Resolve(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Version, error)
	// Check refuses what Invoke would refuse whoever else is there.
	Check(ctx context.Context, inv *ebb.Invocation) error
	Invoke(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error)
}

// API serves the Lambda API. It is an http.Handler for the node's own listener;
// Endpoint makes the one for the listener inside a box. Safe for concurrent use.
type API struct {
	cfg       Config
	functions *function.Functions
	invoker   Invoker
	auth      *auth.Auth
	log       *slog.Logger
	model     *awswire.Model
	routes    *awswire.Routes
	root      http.Handler
}

// New makes the API.
func New(cfg Config, functions *function.Functions, invoker Invoker, a *auth.Auth, log *slog.Logger) *API {
	tables := service()
	timeout := tables.Shapes["Timeout"]
	timeout.Max = new(float64(functions.Limits().MaxTimeoutS))
	tables.Shapes["Timeout"] = timeout
	model, err := awswire.Compile(tables)
	if err != nil {
		panic("lambdaapi: generated tables: " + err.Error()) // a test compiles them
	}
	api := &API{cfg: cfg.withDefaults(), functions: functions, invoker: invoker, auth: a, log: log, model: model}
	known := handlers()
	api.routes = awswire.NewRoutes(model, func(op *awswire.Operation) http.HandlerFunc {
		switch op.Name {
		case opInvoke:
			return api.serveInvoke
		case opInvokeStream:
			return api.serveInvokeStream
		}
		h, ok := known[op.Name]
		if !ok {
			h = unimplemented
		}
		return func(w http.ResponseWriter, r *http.Request) { api.serve(op, h, w, r) }
	})
	api.root = api.Endpoint(a)
	return api
}

// ServeHTTP answers callers whom New's Auth proves.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.root.ServeHTTP(w, r) }

// Endpoint is the API for callers whom by proves: the endpoint inside one box,
// with the box's own credentials. It costs little to make.
func (a *API) Endpoint(by auth.Authenticator) http.Handler {
	invoke := auth.Middleware(by, auth.Options{MaxBody: a.cfg.MaxPayload, Fail: a.refuse}, http.HandlerFunc(a.run))
	event := a.eventMiddleware(by)
	largest := a.cfg.MaxRequest
	_, boxed := by.(*auth.Box)
	if boxed { // it may read and invoke only: packages do not come from it
		largest = a.cfg.MaxPayload
	}
	rest := auth.Middleware(by, auth.Options{MaxBody: largest, Fail: a.refuse}, a.routes)
	root := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := newRequestID()
		w.Header()[requestIDHeader] = []string{id}
		switch {
		case isInvoke(r) && isEvent(r):
			event.ServeHTTP(w, r)
		case isInvoke(r):
			invoke.ServeHTTP(w, r)
		case isDownload(r):
			a.download(w, r)
		default:
			rest.ServeHTTP(w, r)
		}
	})
	if boxed {
		return bounded(largest, root)
	}
	return root
}

// requestIDHeader is X-Amzn-RequestId as net/http spells it.
const requestIDHeader = "X-Amzn-Requestid"

func newRequestID() string {
	id, err := uuid.NewV7()
	if err != nil { // the system's randomness is gone; nothing can be served
		panic("lambdaapi: request id: " + err.Error())
	}
	return id.String()
}

// requestID is the id that Endpoint gave the request.
func requestID(w http.ResponseWriter) string { return w.Header().Get(requestIDHeader) }

// call is one request on its way through an operation.
type call struct {
	context.Context
	op        *awswire.Operation
	w         http.ResponseWriter
	r         *http.Request
	principal auth.Principal
	named     []byte // instead of a request: the input by the model's names, see Call
}

// handler runs one operation and returns a pointer to its output, or nil for
// one without a body.
type handler func(*API, *call) (any, error)

// handlers are the operations that are implemented, but for those that run
// functions, which are served by hand (run).
func handlers() map[string]handler {
	return map[string]handler{
		"CreateFunction":                     typed((*API).createFunction),
		"GetFunction":                        typed((*API).getFunction),
		"GetFunctionConfiguration":           typed((*API).getFunctionConfiguration),
		"UpdateFunctionCode":                 typed((*API).updateFunctionCode),
		"UpdateFunctionConfiguration":        typed((*API).updateFunctionConfiguration),
		"ListFunctions":                      typed((*API).listFunctions),
		"DeleteFunction":                     typed((*API).deleteFunction),
		"PublishVersion":                     typed((*API).publishVersion),
		"ListVersionsByFunction":             typed((*API).listVersionsByFunction),
		"AddPermission":                      typed((*API).addPermission),
		"RemovePermission":                   typed((*API).removePermission),
		"GetPolicy":                          typed((*API).getPolicy),
		"PublishLayerVersion":                typed((*API).publishLayerVersion),
		"GetLayerVersion":                    typed((*API).getLayerVersion),
		"GetLayerVersionByArn":               typed((*API).getLayerVersionByArn),
		"ListLayers":                         typed((*API).listLayers),
		"ListLayerVersions":                  typed((*API).listLayerVersions),
		"DeleteLayerVersion":                 typed((*API).deleteLayerVersion),
		"AddLayerVersionPermission":          typed((*API).addLayerVersionPermission),
		"RemoveLayerVersionPermission":       typed((*API).removeLayerVersionPermission),
		"GetLayerVersionPolicy":              typed((*API).getLayerVersionPolicy),
		"CreateFunctionUrlConfig":            typed((*API).createFunctionURLConfig),
		"GetFunctionUrlConfig":               typed((*API).getFunctionURLConfig),
		"UpdateFunctionUrlConfig":            typed((*API).updateFunctionURLConfig),
		"DeleteFunctionUrlConfig":            typed((*API).deleteFunctionURLConfig),
		"ListFunctionUrlConfigs":             typed((*API).listFunctionURLConfigs),
		"PutFunctionConcurrency":             typed((*API).putFunctionConcurrency),
		"PutFunctionRecursionConfig":         typed((*API).putFunctionRecursionConfig),
		"GetFunctionRecursionConfig":         typed((*API).getFunctionRecursionConfig),
		"PutRuntimeManagementConfig":         typed((*API).putRuntimeManagementConfig),
		"GetRuntimeManagementConfig":         typed((*API).getRuntimeManagementConfig),
		"GetFunctionConcurrency":             typed((*API).getFunctionConcurrency),
		"DeleteFunctionConcurrency":          typed((*API).deleteFunctionConcurrency),
		"PutProvisionedConcurrencyConfig":    typed((*API).putProvisionedConcurrencyConfig),
		"GetProvisionedConcurrencyConfig":    typed((*API).getProvisionedConcurrencyConfig),
		"DeleteProvisionedConcurrencyConfig": typed((*API).deleteProvisionedConcurrencyConfig),
		"ListProvisionedConcurrencyConfigs":  typed((*API).listProvisionedConcurrencyConfigs),
		"ListTags":                           typed((*API).listTags),
		"TagResource":                        typed((*API).tagResource),
		"UntagResource":                      typed((*API).untagResource),
		"GetAccountSettings":                 typed((*API).getAccountSettings),
		"InvokeAsync":                        typed((*API).invokeAsync),
		"PutFunctionEventInvokeConfig":       typed((*API).putFunctionEventInvokeConfig),
		"UpdateFunctionEventInvokeConfig":    typed((*API).updateFunctionEventInvokeConfig),
		"GetFunctionEventInvokeConfig":       typed((*API).getFunctionEventInvokeConfig),
		"DeleteFunctionEventInvokeConfig":    typed((*API).deleteFunctionEventInvokeConfig),
		"ListFunctionEventInvokeConfigs":     typed((*API).listFunctionEventInvokeConfigs),
		"CreateCodeSigningConfig":            typed((*API).createCodeSigningConfig),
		"GetCodeSigningConfig":               typed((*API).getCodeSigningConfig),
		"UpdateCodeSigningConfig":            typed((*API).updateCodeSigningConfig),
		"DeleteCodeSigningConfig":            typed((*API).deleteCodeSigningConfig),
		"ListCodeSigningConfigs":             typed((*API).listCodeSigningConfigs),
		"ListFunctionsByCodeSigningConfig":   typed((*API).listFunctionsByCodeSigningConfig),
		"PutFunctionCodeSigningConfig":       typed((*API).putFunctionCodeSigningConfig),
		"GetFunctionCodeSigningConfig":       typed((*API).getFunctionCodeSigningConfig),
		"DeleteFunctionCodeSigningConfig":    typed((*API).deleteFunctionCodeSigningConfig),
		"CreateAlias":                        typed((*API).createAlias),
		"GetAlias":                           typed((*API).getAlias),
		"UpdateAlias":                        typed((*API).updateAlias),
		"DeleteAlias":                        typed((*API).deleteAlias),
		"ListAliases":                        typed((*API).listAliases),
		"CreateEventSourceMapping":           typed((*API).createEventSourceMapping),
		"GetEventSourceMapping":              typed((*API).getEventSourceMapping),
		"UpdateEventSourceMapping":           typed((*API).updateEventSourceMapping),
		"DeleteEventSourceMapping":           typed((*API).deleteEventSourceMapping),
		"ListEventSourceMappings":            typed((*API).listEventSourceMappings),
	}
}

// decode fills in the operation's input.
func (c *call) decode(a *API, in any) error {
	if c.named != nil {
		return a.model.DecodeNamed(c.op.Input, c.named, in)
	}
	return a.model.Decode(c.op.Input, c.r, auth.Body(c), in)
}

// typed decodes and validates the operation's input for f.
func typed[In, Out any](f func(*API, *call, *In) (*Out, error)) handler {
	return func(a *API, c *call) (any, error) {
		in := new(In)
		if err := c.decode(a, in); err != nil {
			return nil, err
		}
		out, err := f(a, c, in)
		if err != nil || out == nil {
			return nil, err
		}
		return out, nil
	}
}

func unimplemented(_ *API, c *call) (any, error) {
	return nil, ebb.Errorf(ebb.Unimplemented, ebb.TypeNotImplemented,
		"%s: this version of ebb does not offer this operation", c.op.Name)
}

// serve runs one operation and answers.
func (a *API) serve(op *awswire.Operation, h handler, w http.ResponseWriter, r *http.Request) {
	c := &call{Context: r.Context(), op: op, w: w, r: r, principal: auth.From(r.Context())}
	var out any
	err := a.admit(c)
	if err == nil {
		out, err = h(a, c)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if err := a.model.Encode(w, op, out); err != nil {
		a.log.Debug("answer not delivered", "operation", op.Name, "request", requestID(w), "error", err)
	}
}

// fail answers with err and logs what is the platform's fault, once.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	status := a.model.WriteError(w, err)
	if r.Context().Err() != nil {
		return // the caller has gone, which is nobody's fault
	}
	if status >= http.StatusInternalServerError && ebb.KindOf(err) != ebb.Unimplemented {
		a.log.Error("request failed", "method", r.Method, "path", r.URL.Path,
			"request", requestID(w), "status", status, "error", err)
	}
}

// refuse answers a request that auth did not let in.
func (a *API) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if ebb.KindOf(err) == ebb.TooLarge {
		err = a.tooLarge(r)
		// Whoever asked first whether to send it is still waiting.
		waiting := r.Header.Get("Expect") != ""
		if rc := http.NewResponseController(w); !waiting && rc.SetReadDeadline(time.Now().Add(30*time.Second)) == nil {
			_, _ = io.CopyN(io.Discard, r.Body, drainLimit)
		}
	}
	a.fail(w, r, err)
}

// tooLarge words the refusal as AWS does for the operation.
func (a *API) tooLarge(r *http.Request) error {
	if isInvoke(r) && isEvent(r) && a.cfg.Events != nil {
		return a.cfg.Events.TooLarge(r.ContentLength)
	}
	if isInvoke(r) {
		return ebb.Errorf(ebb.TooLarge, ebb.TypeRequestTooLarge,
			"Request must be smaller than %d bytes for the InvokeFunction operation", a.cfg.MaxPayload)
	}
	return ebb.Errorf(ebb.TooLarge, ebb.TypeRequestEntityTooLarge,
		"Request must be smaller than %d bytes for the %s operation", a.cfg.MaxRequest, a.routes.Name(r))
}

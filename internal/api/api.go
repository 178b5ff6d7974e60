package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// Prefix is the path under which everything here is.
const Prefix = "/v1/"

// maxBody is the largest request body, in bytes.
const maxBody = 1 << 20

// API is the handler of /v1. See the package comment.
type API struct {
	cfg     Config
	handler http.Handler
	openapi []byte

	stop    sync.Once
	stopped chan struct{}
}

// New returns the handler of everything under Prefix.
func New(cfg Config) *API {
	a := &API{cfg: cfg.withDefaults(), stopped: make(chan struct{})}
	mux := http.NewServeMux()
	config := huma.DefaultConfig("ebb", a.cfg.Version)
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil // no $schema members in answers
	config.Transformers = []huma.Transformer{ownErrors}
	config.Info.Description = "What the AWS Lambda API does not have: the node, its instances, logs and backups."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"bearer": {Type: "http", Scheme: "bearer", Description: "the token of credentials.json"},
		"sigv4":  {Type: "apiKey", In: "header", Name: "Authorization", Description: "AWS Signature Version 4, service execute-api"},
	}
	h := humago.New(mux, config)
	h.UseMiddleware(a.authorize)
	a.register(h)
	delete(h.OpenAPI().Components.Schemas.Map(), "ErrorModel") // huma's own; ours is Problem
	var err error
	if a.openapi, err = json.Marshal(h.OpenAPI()); err != nil {
		panic(fmt.Sprintf("api: OpenAPI document: %v", err)) // the same for every request: a test would have met it
	}
	mux.HandleFunc("GET "+Prefix+"openapi.json", a.serveOpenAPI)
	mux.Handle("/", a.unknown(mux))
	a.handler = auth.Middleware(a.cfg.Auth, auth.Options{
		MaxBody: maxBody,
		Open: func(r *http.Request) bool {
			return r.URL.Path == Prefix+"health" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
		},
		Fail: func(w http.ResponseWriter, r *http.Request, err error) { a.problem(r.Context(), err).write(w) },
	}, mux)
	return a
}

// register names the operations.
func (a *API) register(h huma.API) {
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetHealth", Method: http.MethodGet, Path: Prefix + "health",
		Summary: "Whether the node serves", Security: []map[string][]string{{}},
	}), a.health)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetNode", Method: http.MethodGet, Path: Prefix + "node",
		Summary: "The node: version, isolation, runtimes, limits, memory",
	}), a.node)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListNodes", Method: http.MethodGet, Path: Prefix + "nodes",
		Summary: "The nodes that share the database, this one among them",
	}), a.nodes)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListInstances", Method: http.MethodGet, Path: Prefix + "instances",
		Summary: "Instances of functions on this node",
	}), a.instances)
	line := h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[LogLine](), true, "")
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetLogs", Method: http.MethodGet, Path: Prefix + "functions/{name}/logs",
		Summary:     "Lines of a function's log",
		Description: "One JSON object a line, oldest first. Empty lines are signs of life.",
		Responses: map[string]*huma.Response{"200": {Description: "Lines",
			Content: map[string]*huma.MediaType{"application/x-ndjson": {Schema: line}}}},
	}), a.logs)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetWorkflowLogs", Method: http.MethodGet, Path: Prefix + "workflows/{name}/logs",
		Summary:     "Lines of a state machine's log",
		Description: "What its logging configuration asks for: one history event a line, as JSON in text. Request ids are names of executions.",
		Responses: map[string]*huma.Response{"200": {Description: "Lines",
			Content: map[string]*huma.MediaType{"application/x-ndjson": {Schema: line}}}},
	}), a.workflowLogs)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "CreateBackup", Method: http.MethodPost, Path: Prefix + "backup",
		Summary: "A consistent archive of the node, while it serves", DefaultStatus: http.StatusOK,
		Responses: map[string]*huma.Response{"200": {Description: "A zstd-compressed tar",
			Content: map[string]*huma.MediaType{"application/zstd": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}},
	}), a.backup)
	a.registerRuntimes(h)
	a.registerServices(h)
	a.registerKeys(h)
	a.registerAPIKeys(h)
	a.registerRoles(h)
	a.registerPublishers(h)
	a.registerSecrets(h)
	a.registerTasks(h)
	a.registerDeliveries(h)
	a.registerTriggers(h)
	a.registerEvents(h)
	a.registerCalendars(h)
}

// operation adds what all operations have.
func (a *API) operation(h huma.API, op huma.Operation) huma.Operation {
	if op.Responses == nil {
		op.Responses = map[string]*huma.Response{}
	}
	problem := h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "")
	op.Responses["default"] = &huma.Response{Description: "An error",
		Content: map[string]*huma.MediaType{"application/problem+json": {Schema: problem}}}
	if op.Security == nil {
		op.Security = []map[string][]string{{"bearer": {}}, {"sigv4": {}}}
	}
	// huma's own limit stays on the connection after the body has been read, and
	// ends every operation that takes longer than it.
	op.BodyReadTimeout = -1
	return op
}

// authorize lets only those pass who may do the operation.
func (a *API) authorize(hc huma.Context, next func(huma.Context)) {
	op := hc.Operation()
	if open := len(op.Security) == 1 && len(op.Security[0]) == 0; !open {
		if err := a.cfg.Auth.Authorize(auth.From(hc.Context()), "ebb:"+op.OperationID, "*"); err != nil {
			_, w := humago.Unwrap(hc)
			a.problem(hc.Context(), err).write(w)
			return
		}
	}
	next(hc)
}

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// ServeHTTP implements http.Handler.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := uuid.NewString()
	w.Header().Set("X-Amzn-Requestid", id)
	a.handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
}

// Stop makes health say that the node is stopping, and ends the streams that
// follow logs, which would otherwise never end. Call it before the server's
// Shutdown; it may be called more than once.
func (a *API) Stop() { a.stop.Do(func() { close(a.stopped) }) }

func (a *API) serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/openapi+json")
	_, _ = w.Write(a.openapi) // the client may be gone
}

// unknown answers for paths that are not there, and for methods that are not.
func (a *API) unknown(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var allowed []string
		for _, m := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			try := r.Clone(r.Context())
			try.Method = m
			if _, pattern := mux.Handler(try); pattern != "/" {
				allowed = append(allowed, m)
			}
		}
		if len(allowed) == 0 {
			newProblem(http.StatusNotFound, ebb.TypeUnknownOperation, "There is nothing at "+r.URL.Path).write(w)
			return
		}
		p := newProblem(http.StatusMethodNotAllowed, ebb.TypeMethodNotAllowed,
			r.URL.Path+" takes "+strings.Join(allowed, ", "))
		p.headers.Set("Allow", strings.Join(allowed, ", "))
		p.write(w)
	})
}

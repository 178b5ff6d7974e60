package gateway

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
)

const (
	requestIDHeader = "X-Amzn-Requestid"
	traceHeader     = "X-Amzn-Trace-Id"
	// keep is the largest buffer that goes back to the pool.
	keep = 1 << 20
	// maxTrace is how much of a caller's trace header is believed.
	maxTrace = 1024
)

// Dispatcher is the one door to running code; *invoke.Invoker is it.
type Dispatcher interface {
	Resolve(ctx context.Context, key ebb.FunctionKey, qualifier string) (*ebb.Version, error)
	Invoke(ctx context.Context, inv *ebb.Invocation, sink ebb.Sink) (ebb.Result, error)
}

// Gateway serves function URLs. See the package comment.
type Gateway struct {
	cfg     Config
	routes  routes
	routing routing
	keySets *keySets
	access  *accessLog
	door    Dispatcher
	auth    *auth.Auth
	log     *slog.Logger
	pool    sync.Pool // *exchange
}

// New returns the handler of the data plane for the URLs that fs knows.
// and the routes that deps has, once they are loaded.
func New(cfg Config, fs *function.Functions, deps RouteDeps, door Dispatcher, a *auth.Auth, log *slog.Logger) *Gateway {
	g := newGateway(cfg, fs.URL, door, a, log)
	g.routing.deps = deps
	return g
}

func newGateway(cfg Config, lookup func(context.Context, string) (*ebb.FunctionURL, error),
	door Dispatcher, a *auth.Auth, log *slog.Logger) *Gateway {
	cfg = cfg.withDefaults()
	return &Gateway{
		cfg: cfg, door: door, auth: a, log: log,
		keySets: newKeySets(&cfg), access: newAccessLog(cfg.AccessLog),
		routes: routes{region: cfg.Region, lookup: lookup},
		pool:   sync.Pool{New: func() any { return new(exchange) }},
	}
}

// Forget drops what is remembered of a function's URLs; call it after each
// change of the function.
func (g *Gateway) Forget(key ebb.FunctionKey) { g.routes.forget(key) }

// Run writes the access log until ctx ends.
func (g *Gateway) Run(ctx context.Context) error {
	if g.access != nil {
		g.access.run(ctx, func(err error) { g.log.Error("the access log is not written", "error", err) })
	}
	return nil
}

// exchange is the memory of one request, used again for others.
type exchange struct {
	body, event []byte
	answer      answer
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, hr *http.Request) {
	r := request{Request: hr, at: g.cfg.Now(), id: newID(), trace: hr.Header.Get(traceHeader)}
	if r.trace == "" || len(r.trace) > maxTrace {
		r.trace = newTrace(r.at)
	}
	h := w.Header()
	h[requestIDHeader] = []string{r.id}
	h[traceHeader] = []string{r.trace}
	r.out = w
	if g.access != nil {
		o := &observer{ResponseWriter: w}
		w = o
		defer g.done(&r, o)
	}

	if g.routed(w, &r) {
		return
	}
	id, path, ok := splitPath(hr.URL.EscapedPath())
	if !ok {
		g.fail(w, &r, noSuchURL())
		return
	}
	u, err := g.routes.get(hr.Context(), id)
	if err != nil {
		g.fail(w, &r, err)
		return
	}
	r.route, r.path = u, path
	if u.CORS != nil && isPreflight(hr) {
		preflight(w, hr, u.CORS)
		return
	}
	v, err := g.door.Resolve(hr.Context(), u.FunctionKey, u.Qualifier)
	if err != nil {
		g.fail(w, &r, err)
		return
	}
	r.version = v
	if r.declined() {
		return
	}
	if v.WebPort() > 0 {
		g.web(w, &r)
		return
	}
	x := g.pool.Get().(*exchange)
	if err := g.admit(x, &r); err != nil {
		g.pool.Put(x)
		g.fail(w, &r, err)
		return
	}
	g.exchange(w, &r, x)
}

// wholeWriter is a writer that can do no more than write one whole answer. Decline
// has the request served again with another.
type wholeWriter interface{ Decline() }

// declined hands a request back whose answer may have to be more than whole: of a
// web function, or streamed. Nothing was done for it yet.
func (r *request) declined() bool {
	if r.version.WebPort() == 0 && r.route.InvokeMode != ebb.InvokeModeStream {
		return false
	}
	var w wholeWriter
	if w, r.again = r.out.(wholeWriter); r.again {
		w.Decline()
	}
	return r.again
}

// admit reads the body and checks the caller.
func (g *Gateway) admit(x *exchange, r *request) (err error) {
	if r.route.http != nil {
		x.body, err = g.admitRoute(x.body[:0], r, true)
		return err
	}
	iam := r.route.AuthType != ebb.URLAuthNone
	if !iam && !r.route.Public {
		return notPublic(r)
	}
	var prove auth.Proof
	if iam {
		if prove, err = g.auth.Begin(r.Request); err != nil {
			return err
		}
	}
	if x.body, err = g.readBody(x.body[:0], r, g.cfg.MaxBody); err != nil {
		return err
	}
	r.body = x.body
	if !iam {
		return nil
	}
	if r.principal, err = prove(r.body); err != nil {
		return err
	}
	return g.auth.Authorize(r.principal, "lambda:InvokeFunctionUrl", r.route.arn)
}

// notPublic refuses whoever comes without credentials to a URL that takes none,
// because no policy lets them in.
func notPublic(r *request) error {
	return ebb.Errorf(ebb.Forbidden, ebb.TypeAccessDenied, "User: anonymous is not authorized to perform: lambda:InvokeFunctionUrl "+
		"on resource: %s because no resource-based policy allows the lambda:InvokeFunctionUrl action", r.route.arn)
}

// exchange invokes the function and answers with what it said.
func (g *Gateway) exchange(w http.ResponseWriter, r *request, x *exchange) {
	if r.route.http != nil {
		x.event = appendRouteEvent(x.event[:0], r)
	} else {
		x.event = appendEvent(x.event[:0], r)
	}
	a := &x.answer
	*a = answer{w: w, route: r.route, stall: g.cfg.Stall, origin: r.Header.Get("Origin"), whole: a.whole[:0], response: a.response}
	inv := &ebb.Invocation{
		ID:          ebb.InvocationID(r.id),
		FunctionKey: r.route.FunctionKey,
		Qualifier:   r.route.Qualifier,
		Payload:     x.event,
		TraceID:     r.trace,
		Version:     r.version,
	}
	if r.route.timeout() > 0 {
		a.turn = new(turn)
	}
	result, err, late := g.within(r, inv, a, a.turn)
	switch {
	case late:
		g.fail(w, r, err)
		return // the function runs on, and has x
	case a.sent:
		if err != nil || result.FunctionError != "" || result.LateError != nil || a.gone != nil {
			g.log.DebugContext(r.Context(), "streamed answer broken off", g.about(r, "error", errors.Join(err, a.gone))...)
			panic(http.ErrAbortHandler) // the one way to tell the client
		}
		a.deadline(0) // the connection may carry other requests
	case err != nil && a.wrong == "":
		g.fail(w, r, err)
		return // whether the payload is still read is not known: x is not used again
	case result.FunctionError != "" || a.head.FunctionError != "":
		refuse(w, r, http.StatusBadGateway, nil)
		return
	default:
		if wrong := a.finish(); wrong != "" {
			if unlogged, logged := r.route.faults.next(time.Now()); logged {
				g.log.WarnContext(r.Context(), "answer of the function is not an HTTP response", g.about(r, "reason", wrong, "unlogged", unlogged)...)
			}
			refuse(w, r, http.StatusBadGateway, nil)
		} else {
			a.send()
		}
		if cause := r.Context().Err(); cause != nil || a.gone != nil {
			g.log.DebugContext(r.Context(), "client left before the answer", g.about(r, "error", errors.Join(cause, a.gone))...)
		}
	}
	g.release(x)
}

// release gives x back without what belongs to the request.
func (g *Gateway) release(x *exchange) {
	if cap(x.body) > keep || cap(x.event) > keep || cap(x.answer.whole) > keep {
		return
	}
	x.answer.response.reset()
	x.answer = answer{whole: x.answer.whole[:0], response: x.answer.response}
	g.pool.Put(x)
}

func (g *Gateway) about(r *request, more ...any) []any {
	return append(more, "request", r.id, "function", r.route.FunctionKey.String())
}

// readBody is the function of this name, but for no longer than a client may take.
func (g *Gateway) readBody(b []byte, r *request, limit int64) ([]byte, error) {
	if r.ContentLength == 0 || r.ContentLength > limit {
		return readBody(b, r.Request, limit)
	}
	if _, here := r.out.(wholeWriter); here {
		return readBody(b, r.Request, limit)
	}
	c := http.NewResponseController(r.out)
	_ = c.SetReadDeadline(time.Now().Add(g.cfg.BodyTimeout)) // not every writer can, and those are of tests
	b, err := readBody(b, r.Request, limit)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return b, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidRequestContent, "Body: did not come in %s", g.cfg.BodyTimeout)
	}
	_ = c.SetReadDeadline(time.Time{})
	return b, err
}

// readBody appends r's body to b. Larger ones than limit are TooLarge.
func readBody(b []byte, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return b, tooLarge(limit)
	}
	if r.ContentLength == 0 || r.Body == nil {
		return b, nil
	}
	b = slices.Grow(b, int(min(max(r.ContentLength, 0), keep))+1)
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Body.Read(b[len(b):min(int64(cap(b)), limit+1)])
		b = b[:len(b)+n]
		if int64(len(b)) > limit {
			return b, tooLarge(limit)
		}
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidRequestContent, "Body: could not be read: %w", err)
		}
	}
}

func tooLarge(limit int64) error {
	return ebb.Errorf(ebb.TooLarge, ebb.TypeRequestEntityTooLarge,
		"Request must be smaller than %s bytes", strconv.FormatInt(limit, 10))
}

// newID returns a random UUID. Ids name requests and open nothing, so the
// runtime's generator is good enough, and cheap.
func newID() string {
	a, b := rand.Uint64(), rand.Uint64()
	a = a&^0xf000 | 0x4000     // version 4
	b = b&^(3<<62) | (2 << 62) // variant 1
	var s [36]byte
	p := appendHex(s[:0], a>>32, 8)
	p = appendHex(append(p, '-'), a>>16, 4)
	p = appendHex(append(p, '-'), a, 4)
	p = appendHex(append(p, '-'), b>>48, 4)
	p = appendHex(append(p, '-'), b, 12)
	return string(p)
}

// newTrace returns a trace header for a request that has none.
func newTrace(at time.Time) string {
	var s [35 + 5]byte
	p := append(s[:0], "Root=1-"...)
	p = appendHex(p, uint64(at.Unix()), 8)
	p = appendHex(append(p, '-'), rand.Uint64(), 12)
	p = appendHex(p, rand.Uint64(), 12)
	return string(p)
}

// appendHex appends the lowest digits of v.
func appendHex(b []byte, v uint64, digits int) []byte {
	for i := digits - 1; i >= 0; i-- {
		b = append(b, hexDigits[v>>(4*i)&15])
	}
	return b
}

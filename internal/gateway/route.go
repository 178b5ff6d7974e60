package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/metrics"
	"github.com/ebb-faas/ebb/internal/store"
)

// httpRoute is what a trigger of kind http comes to: everything that can be
// computed before a request comes is.
type httpRoute struct {
	settings ebb.Route
	segments []ebb.RouteSegment
	names    []string          // of the parameters, in their order
	anyKey   string            // "ANY /orders/{id}"
	keys     map[string]string // method → "GET /orders/{id}"
	trigger  ebb.TriggerKey
	id       ebb.TriggerID
	revision int64
	machine  string // the state machine, if the target is no function
	maxBody  int64
	counts   *metrics.Route
	limits   *limits
	schema   *jsonschema.Schema // nil = none
	jwt      *tokens            // nil of other authorizers
	claimed  map[string]bool    // headers (canonical names) that stand for claims
}

// RouteDeps is what routes stand on besides what function URLs do. Without a
// Store there are none.
type RouteDeps struct {
	Store   *store.Store
	Metrics *metrics.Metrics // nil = nothing is measured
	// Workflow runs an Express state machine to its end and returns its output;
	// failed says that it had none.
	Workflow func(ctx context.Context, machine, input, trace string) (output string, failed bool, err error)
}

// routing is the table in force and what it is made from.
type routing struct {
	deps  RouteDeps
	table atomic.Pointer[table]

	mu    sync.Mutex // held to make another table
	known map[ebb.TriggerID]*route
}

// CheckRoute refuses settings that cannot be served, naming the field.
func (g *Gateway) CheckRoute(t *ebb.Trigger, s *ebb.Route) error {
	_, err := g.compile(t, s)
	return err
}

// compile makes what serves a route.
func (g *Gateway) compile(t *ebb.Trigger, s *ebb.Route) (*route, error) {
	target, err := ebb.ParseTarget(t.Target)
	if err != nil {
		return nil, err
	}
	h := &httpRoute{settings: *s, trigger: t.TriggerKey, id: t.ID, revision: t.Revision, machine: target.Machine}
	if h.segments, err = ebb.ParseRoutePath(s.Path); err != nil {
		return nil, err
	}
	for _, p := range h.segments {
		if p.Kind == ebb.SegmentParameter || p.Kind == ebb.SegmentGreedy {
			h.names = append(h.names, p.Text)
		}
	}
	h.setKeys()
	if h.maxBody = s.MaxBody; h.maxBody == 0 {
		h.maxBody = g.cfg.MaxBody
	}
	if h.maxBody > g.cfg.MaxBody {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "http.maxBody: %d is more than this node's http.maxBody, %d", h.maxBody, g.cfg.MaxBody)
	}
	h.limits = newLimits(s)
	if h.schema, err = compileSchema(s.Schema); err != nil {
		return nil, err
	}
	if h.jwt, err = g.newTokens(s); err != nil {
		return nil, err
	}
	h.claimed = make(map[string]bool, len(s.ClaimHeaders))
	for name := range s.ClaimHeaders {
		h.claimed[http.CanonicalHeaderKey(name)] = true
	}
	// The gateway serves a route as it serves a function URL, as far as they are
	// alike.
	u := &ebb.FunctionURL{
		FunctionKey: ebb.FunctionKey{Service: t.Service, Name: target.Function.Name}, Qualifier: target.Function.Qualifier,
		ID: string(t.ID), InvokeMode: ebb.InvokeModeBuffered, CORS: (*ebb.CORS)(s.CORS),
	}
	if s.Stream {
		u.InvokeMode = ebb.InvokeModeStream
	}
	return &route{FunctionURL: u, arn: t.Target, http: h}, nil
}

// setKeys makes the route keys that events carry.
func (h *httpRoute) setKeys() {
	h.anyKey = ebb.MethodAny + " " + h.settings.Path
	if h.settings.Path == "/*" {
		h.anyKey = "$default"
	}
	h.keys = make(map[string]string)
	for _, m := range h.settings.Methods {
		h.keys[m] = m + " " + h.settings.Path
	}
}

// key is the route key of a request with a method.
func (h *httpRoute) key(method string) string {
	if len(h.keys) == 0 {
		return h.anyKey
	}
	return h.keys[method]
}

// LoadRoutes reads the routes and puts them into force. It is called at start,
// after each change, and when another node has made one.
func (g *Gateway) LoadRoutes(ctx context.Context) error {
	if g.routing.deps.Store == nil {
		return nil
	}
	g.routing.mu.Lock()
	defer g.routing.mu.Unlock()
	triggers, err := g.readRoutes(ctx)
	if err != nil {
		return err
	}
	known := make(map[ebb.TriggerID]*route, len(triggers))
	all := make([]*route, 0, len(triggers))
	for _, t := range triggers {
		r := g.routing.known[t.ID]
		if r == nil || r.http.revision != t.Revision {
			if r = g.readRoute(t); r == nil {
				continue
			}
			if m := g.routing.deps.Metrics; m != nil {
				r.http.counts = m.Route(t.TriggerKey)
			}
		}
		known[t.ID] = r
		if !t.Paused {
			all = append(all, r)
		}
	}
	named := make(map[string]bool)
	for _, r := range known {
		named[r.http.settings.JWKS] = true
	}
	g.keySets.retain(named)
	g.forgetRoutes(known)
	g.routing.known = known
	g.routing.table.Store(newTable(grouped(all)))
	return nil
}

// grouped gives routes without CORS settings those of their group: of the first
// route of it, by name, that has some.
func grouped(all []*route) []*route {
	type group struct {
		service ebb.ServiceID
		name    string
	}
	cors := make(map[group]*ebb.CORS)
	for _, r := range all { // in the order of names
		k := group{r.Service, r.http.settings.Group}
		if k.name != "" && cors[k] == nil {
			cors[k] = (*ebb.CORS)(r.http.settings.CORS)
		}
	}
	out := make([]*route, len(all))
	for i, r := range all {
		out[i] = r
		shared := cors[group{r.Service, r.http.settings.Group}]
		if r.http.settings.CORS == nil && shared != r.CORS {
			u := *r.FunctionURL // what requests in flight have is not changed
			u.CORS = shared
			out[i] = &route{FunctionURL: &u, arn: r.arn, http: r.http}
		}
	}
	return out
}

// forgetRoutes ends the series of routes that are not among those known now.
func (g *Gateway) forgetRoutes(now map[ebb.TriggerID]*route) {
	for id, r := range g.routing.known {
		if m := g.routing.deps.Metrics; m != nil && now[id] == nil {
			m.ForgetRoute(r.http.trigger)
		}
	}
}

// readRoute is the route of a trigger, or nil, said in the log, if this version
// of ebb cannot serve what another has checked: it is not served at all then.
func (g *Gateway) readRoute(t *ebb.Trigger) *route {
	var s ebb.Route
	err := json.Unmarshal(t.Settings, &s)
	if err == nil {
		var r *route
		if r, err = g.compile(t, &s); err == nil {
			return r
		}
	}
	g.log.Error("a route is not served", "service", t.Service, "trigger", t.Name, "error", err)
	return nil
}

// routePage is how many triggers are read at once.
const routePage = 1000

func (g *Gateway) readRoutes(ctx context.Context) (all []*ebb.Trigger, err error) {
	err = g.routing.deps.Store.Read(ctx, func(tx *store.Tx) error {
		all = nil
		f := store.TriggerFilter{Kind: ebb.TriggerHTTP}
		for {
			page, err := tx.Triggers(f, routePage)
			if err != nil {
				return err
			}
			all = append(all, page...)
			if len(page) < routePage {
				return nil
			}
			f.After = page[len(page)-1].TriggerKey
		}
	})
	return all, err
}

// routed answers a request whose host has routes. It reports false if the
// request is none of theirs but may be a function URL's.
func (g *Gateway) routed(w http.ResponseWriter, r *request) bool {
	t := g.routing.table.Load()
	if t == nil || t.size == 0 {
		return false
	}
	b, named := t.at(r.Host)
	path := r.URL.EscapedPath()
	if b == nil || !named && strings.HasPrefix(path, prefix) {
		return false
	}
	r.plain = true
	o, observed := w.(*observer)
	if !observed {
		o = &observer{ResponseWriter: w}
		w = o
		defer func() { g.done(r, o) }()
	}
	if !clean(path) {
		g.fail(w, r, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidRequestContent,
			"the path is not well-formed, or could be read in two ways: empty and dot segments, ; and encoded slashes are not taken"))
		return true
	}
	f := &found{method: r.Method}
	if isPreflight(r.Request) {
		asked := &found{method: r.Header.Get("Access-Control-Request-Method")}
		if b.find(asked, path); asked.route != nil && asked.route.CORS != nil {
			r.route = asked.route
			preflight(w, r.Request, asked.route.CORS)
			return true
		}
	}
	if b.find(f, path); f.route == nil {
		g.fail(w, r, noRoute(w, f))
		return true
	}
	r.route, r.path, r.found = f.route, path, f
	g.serveRoute(w, r)
	return true
}

// noRoute says why no route was found.
func noRoute(w http.ResponseWriter, f *found) error {
	if f.others == 0 {
		return ebb.Errorf(ebb.NotFound, ebb.TypeRouteNotFound, "Not Found")
	}
	w.Header()["Allow"] = []string{f.allow()}
	return ebb.Errorf(ebb.Invalid, ebb.TypeMethodNotAllowed, "Method Not Allowed")
}

// serveRoute answers a request that belongs to r.route.
func (g *Gateway) serveRoute(w http.ResponseWriter, r *request) {
	if r.route.http.machine == "" {
		v, err := g.door.Resolve(r.Context(), r.route.FunctionKey, r.route.Qualifier)
		if err != nil {
			if ebb.KindOf(err) == ebb.NotFound {
				err = ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "the function of the route is gone: %w", err)
			}
			g.fail(w, r, err)
			return
		}
		r.version = v
		if r.declined() {
			return
		}
		if v.WebPort() > 0 {
			g.web(w, r)
			return
		}
	}
	x := g.pool.Get().(*exchange)
	if err := g.admit(x, r); err != nil {
		g.pool.Put(x)
		g.fail(w, r, err)
		return
	}
	g.exchange(w, r, x)
}

// Sample is the event that a request to a route would become.
func (g *Gateway) Sample(t *ebb.Trigger) ([]byte, error) {
	var s ebb.Route
	if err := json.Unmarshal(t.Settings, &s); err != nil {
		return nil, err
	}
	served, err := g.compile(t, &s)
	if err != nil {
		return nil, err
	}
	path := ""
	for _, p := range served.http.segments {
		text := p.Text
		if p.Kind == ebb.SegmentWildcard {
			text = "sample"
		}
		path += "/" + url.PathEscape(text)
	}
	if path == "" {
		path = "/"
	}
	method := http.MethodGet
	if len(s.Methods) > 0 {
		method = s.Methods[0]
	}
	host := strings.Replace(s.Host, "*", "sample", 1)
	if host == "" {
		host = "localhost"
	}
	hr, err := http.NewRequestWithContext(context.Background(), method, "http://"+host+path, nil)
	if err != nil {
		return nil, err
	}
	hr.Header.Set("User-Agent", "ebb")
	hr.RemoteAddr = "127.0.0.1:0"
	r := &request{Request: hr, route: served, path: path, id: newID(), at: g.cfg.Now(), found: &found{method: method}}
	r.trace = newTrace(r.at)
	b, _ := newTable([]*route{served}).at(host)
	b.find(r.found, path)
	return appendRouteEvent(nil, r), nil
}

// appendRouteEvent appends r in the payload format of its route.
func appendRouteEvent(b []byte, r *request) []byte {
	if r.route.http.settings.PayloadFormat == ebb.PayloadFormat1 {
		return appendEvent1(b, r)
	}
	return appendEvent(b, r)
}

package awswire

import (
	"net/http"
	"path"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Routes is a rest-json service's paths on a ServeMux: each operation's handler
// by method, path and, where two operations share those, by a literal query.
type Routes struct {
	mux   *http.ServeMux
	model *Model
	names map[string]string // of operations, by the mux's pattern
}

// NewRoutes builds the table. handle is asked once for every operation; a label
// of the path is r.PathValue(label).
func NewRoutes(m *Model, handle func(*Operation) http.HandlerFunc) *Routes {
	t := &Routes{mux: http.NewServeMux(), model: m, names: make(map[string]string)}
	type variant struct {
		query string
		serve http.HandlerFunc
	}
	shared := make(map[string][]variant)
	for i := range m.svc.Operations {
		op := &m.svc.Operations[i]
		address, query, _ := strings.Cut(op.Path, "?")
		at := op.Method + " " + address
		t.names[at] = op.Name
		shared[at] = append(shared[at], variant{query, handle(op)})
	}
	t.mux.HandleFunc("/", t.unknown)
	for at, vs := range shared {
		t.mux.HandleFunc(at, func(w http.ResponseWriter, r *http.Request) {
			var plain http.HandlerFunc
			for _, v := range vs {
				if v.query == "" {
					plain = v.serve
				} else if hasQuery(r, v.query) {
					v.serve(w, r)
					return
				}
			}
			if plain == nil {
				t.unknown(w, r)
				return
			}
			plain(w, r)
		})
	}
	return t
}

func hasQuery(r *http.Request, literal string) bool {
	name, value, _ := strings.Cut(literal, "=")
	return r.URL.Query().Get(name) == value
}

// ServeHTTP finds the operation; what no operation has is answered 404
// UnknownOperationException.
func (t *Routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p := r.URL.Path; len(p) > 1 && strings.HasSuffix(p, "/") {
		// Old SDKs end collections with a slash.
		u := *r.URL
		u.Path = strings.TrimSuffix(p, "/")
		u.RawPath = strings.TrimSuffix(u.RawPath, "/")
		r = r.WithContext(r.Context())
		r.URL = &u
	}
	// The mux would answer these with a redirect, which no SDK follows with its
	// signature intact.
	if p := r.URL.Path; strings.Contains(p, "//") || path.Clean(p) != p {
		t.unknown(w, r)
		return
	}
	t.mux.ServeHTTP(w, r)
}

// Name is the operation that r is for, for messages; operations that differ by
// their query are not told apart.
func (t *Routes) Name(r *http.Request) string {
	_, pattern := t.mux.Handler(r)
	if name, ok := t.names[pattern]; ok {
		return name
	}
	return "unknown"
}

func (t *Routes) unknown(w http.ResponseWriter, r *http.Request) {
	t.model.WriteError(w, ebb.Errorf(ebb.NotFound, ebb.TypeUnknownOperation,
		"Unknown operation: %s %s", r.Method, clip(r.URL.Path)))
}

package gateway

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// prefix begins the path of every function URL.
const prefix = "/url/"

// route is a function URL, or an HTTP route in the shape of one, with what is
// computed from it once.
type route struct {
	*ebb.FunctionURL
	arn    string
	http   *httpRoute // nil of a function URL
	faults faults
}

// routes remembers function URLs by id. Ids that do not exist are not
// remembered, so that it holds no more than there are.
type routes struct {
	region string
	lookup func(ctx context.Context, id string) (*ebb.FunctionURL, error)

	known   sync.Map      // id → *route
	mu      sync.Mutex    // held to change known
	changes atomic.Uint64 // counts forget
}

func (r *routes) get(ctx context.Context, id string) (*route, error) {
	if v, ok := r.known.Load(id); ok {
		return v.(*route), nil
	}
	if !validID(id) {
		return nil, noSuchURL()
	}
	before := r.changes.Load()
	u, err := r.lookup(ctx, id)
	if ebb.KindOf(err) == ebb.NotFound && err != nil {
		return nil, noSuchURL()
	}
	if err != nil {
		return nil, err
	}
	found := &route{FunctionURL: u, arn: ebb.FunctionARN(r.region, u.FunctionKey, u.Qualifier)}
	r.mu.Lock()
	defer r.mu.Unlock()
	// What was read before a change must not be remembered after it.
	if r.changes.Load() == before {
		r.known.Store(id, found)
	}
	return found, nil
}

func (r *routes) forget(key ebb.FunctionKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changes.Add(1)
	r.known.Range(func(id, v any) bool {
		if v.(*route).FunctionKey == key {
			r.known.Delete(id)
		}
		return true
	})
}

// splitPath cuts /url/ID/REST into ID and /REST.
func splitPath(path string) (id, rest string, ok bool) {
	if !strings.HasPrefix(path, prefix) {
		return "", "", false
	}
	id = path[len(prefix):]
	if i := strings.IndexByte(id, '/'); i >= 0 {
		return id[:i], id[i:], true
	}
	return id, "/", true
}

// validID reports whether id has the shape of a URL id, so that nonsense does
// not reach the database.
func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

func noSuchURL() error {
	return ebb.Errorf(ebb.NotFound, ebb.TypeFunctionURLNotFound, "Not Found")
}

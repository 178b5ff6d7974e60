package manifest

import (
	"strconv"

	"github.com/goccy/go-yaml/ast"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// DefaultWebPort is where a web function's server listens if nothing else is said.
const DefaultWebPort = 8080

// draft is a function as it is read: some keys become variables in the end.
type draft struct {
	Function
	web         *web              // nil = it is no web function
	concurrency int               // 0 = not said
	secrets     map[string]string // variable → secret, perhaps with #VERSION
	reach       reach
}

// web is what a manifest says about a function that is an HTTP server.
type web struct {
	port   int
	events string // path for events; "" = the platform's default
}

// web reads true, false, a port, or a mapping.
func (r *reader) web(dst **web) setter {
	return func(key string, n ast.Node) {
		w := &web{port: DefaultWebPort}
		switch v := r.plain(n).(type) {
		case *ast.BoolNode:
			if !v.Value {
				w = nil
			}
		case *ast.MappingNode, *ast.MappingValueNode:
			r.fields(key, n, map[string]setter{
				"port":   r.whole(&w.port, 1, 65535),
				"events": r.path(&w.events),
			})
		case *ast.IntegerNode:
			r.whole(&w.port, 1, 65535)(key, n)
		default:
			r.fail(n, key, "must be true, false, a port, or a mapping with port, events")
		}
		*dst = w
	}
}

// path reads the path of a URL.
func (r *reader) path(dst *string) setter {
	return func(key string, n ast.Node) {
		before := len(r.problems)
		r.text(dst, 256)(key, n)
		if len(r.problems) == before && (*dst == "" || (*dst)[0] != '/') {
			r.fail(n, key, "must begin with /")
		}
	}
}

// settings makes f's web, concurrency and reach the variables by which every
// client of the Lambda API can say the same.
func (r *reader) settings(f *draft, key string, e entry) {
	set := func(what, name, value string) {
		if _, twice := f.Env[name]; twice {
			r.fail(e.key, key+"."+what, "and env.%s say the same thing; keep one of them", name)
			return
		}
		if f.Env == nil {
			f.Env = map[string]string{}
		}
		f.Env[name] = value
	}
	if f.web != nil {
		set("web", ebb.EnvWebPort, strconv.Itoa(f.web.port))
		if f.web.events != "" {
			set("web.events", ebb.EnvEventPath, f.web.events)
		}
	}
	if f.concurrency != 0 {
		set("instanceConcurrency", ebb.EnvConcurrency, strconv.Itoa(f.concurrency))
	}
	f.reach.settings(set)
}

package gateway

import (
	"net/url"
	"slices"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// table finds the route of a request. It is never changed: another one takes its
// place.
//
// The host chooses first: its own name, else the wildcard that covers it, else
// the routes without a host; a host that has routes never falls back to another.
// Among its routes that match path and method, the most specific is the one
// whose first differing segment is of the more specific kind: a literal before a
// {parameter} before {greedy+} before *. Of two with one path, the one that
// names the method is before the one that takes all.
type table struct {
	exact map[string]*branch
	wild  map[string]*branch // by what is behind the star: .bank.example
	other *branch            // may be nil
	size  int
}

// branch is what may follow the segments that lead to it.
type branch struct {
	children  map[string]*branch // by literal
	parameter *branch
	here      methods // the path ends here
	greedy    methods
	wildcard  methods
}

// methods are routes of one path.
type methods struct {
	named map[string]*route
	any   *route
}

func (m *methods) empty() bool { return m.any == nil && len(m.named) == 0 }

func (m *methods) add(r *route) {
	for _, name := range r.http.settings.MethodKeys() {
		if name == ebb.MethodAny {
			m.any = r
			continue
		}
		if m.named == nil {
			m.named = make(map[string]*route)
		}
		m.named[name] = r
	}
}

// newTable makes a table of routes of which no two claim the same.
func newTable(routes []*route) *table {
	t := &table{exact: make(map[string]*branch), wild: make(map[string]*branch), size: len(routes)}
	for _, r := range routes {
		b := t.root(r.http.settings.Host)
		b.add(r.http.segments, r)
	}
	return t
}

// root is the branch of a route's host, made if it is not there.
func (t *table) root(host string) *branch {
	if host == "" {
		if t.other == nil {
			t.other = new(branch)
		}
		return t.other
	}
	in, key := t.exact, host
	if behind, ok := strings.CutPrefix(host, "*"); ok {
		in, key = t.wild, behind
	}
	if in[key] == nil {
		in[key] = new(branch)
	}
	return in[key]
}

func (b *branch) add(path []ebb.RouteSegment, r *route) {
	if len(path) == 0 {
		b.here.add(r)
		return
	}
	switch s := path[0]; s.Kind {
	case ebb.SegmentGreedy:
		b.greedy.add(r)
	case ebb.SegmentWildcard:
		b.wildcard.add(r)
	case ebb.SegmentParameter:
		if b.parameter == nil {
			b.parameter = new(branch)
		}
		b.parameter.add(path[1:], r)
	default:
		if b.children == nil {
			b.children = make(map[string]*branch)
		}
		next := b.children[s.Text]
		if next == nil {
			next = new(branch)
			b.children[s.Text] = next
		}
		next.add(path[1:], r)
	}
}

// at is the branch of a host as requests name it. named says that a route names
// the host.
func (t *table) at(host string) (b *branch, named bool) {
	if len(t.exact) == 0 && len(t.wild) == 0 {
		return t.other, false
	}
	host = strings.TrimSuffix(strings.ToLower(hostName(host)), ".")
	if b := t.exact[host]; b != nil {
		return b, true
	}
	if i := strings.IndexByte(host, '.'); i > 0 {
		if b := t.wild[host[i:]]; b != nil {
			return b, true
		}
	}
	return t.other, false
}

// found is what a search has found so far.
type found struct {
	method string
	route  *route
	values [ebb.MaxRouteParameters]string
	n      int
	seen   [8]*methods // routes of the path that do not take the method
	others int
}

// parameters are the values of the route's parameters, in the order of its names.
func (f *found) parameters() []string { return f.values[:f.n] }

// allow lists the methods that the path has.
func (f *found) allow() string {
	var names []string
	for _, m := range f.seen[:min(f.others, len(f.seen))] {
		for name := range m.named {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ", ")
}

// find looks for the route of a path, which clean has let through.
func (b *branch) find(f *found, path string) {
	if b != nil {
		b.walk(f, path[1:], path == "/")
	}
}

// walk looks for a route for what is left of a path; end says that nothing is.
func (b *branch) walk(f *found, rest string, end bool) bool {
	if end {
		return f.take(&b.here) || f.take(&b.wildcard)
	}
	raw, tail, more := strings.Cut(rest, "/")
	segment := decoded(raw)
	if next := b.children[segment]; next != nil && next.walk(f, tail, !more) {
		return true
	}
	if b.parameter != nil && segment != "" {
		f.values[f.n] = segment
		f.n++
		if b.parameter.walk(f, tail, !more) {
			return true
		}
		f.n--
	}
	if rest != "" && !b.greedy.empty() && f.take(&b.greedy) {
		f.values[f.n] = decoded(rest)
		f.n++
		return true
	}
	return f.take(&b.wildcard)
}

// take takes the route of m for the method, if there is one.
func (f *found) take(m *methods) bool {
	if r := m.named[f.method]; r != nil {
		f.route = r
		return true
	}
	if m.any != nil {
		f.route = m.any
		return true
	}
	if len(m.named) > 0 {
		if f.others < len(f.seen) {
			f.seen[f.others] = m
		}
		f.others++
	}
	return false
}

// clean reports whether everybody reads a path in the same way: one that a
// function or a proxy could take for another path could pass by the authorizer
// of that one.
func clean(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for rest := path[1:]; rest != ""; {
		segment, tail, more := strings.Cut(rest, "/")
		if segment == "" && more {
			return false // //
		}
		text := segment
		if strings.IndexByte(segment, '%') >= 0 {
			var err error
			if text, err = url.PathUnescape(segment); err != nil {
				return false
			}
		}
		if text == "." || text == ".." || strings.ContainsAny(text, "/\\;\x00") {
			return false
		}
		rest = tail
	}
	return true
}

// decoded is a part of a clean path without its encoding.
func decoded(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	text, _ := url.PathUnescape(s) // clean has seen that it can be
	return text
}

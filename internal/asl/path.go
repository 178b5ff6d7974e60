package asl

import (
	"github.com/ohler55/ojg/jp"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// root is what a path starts from.
type root uint8

const (
	rootInput    root = iota // $
	rootContext              // $$
	rootVariable             // $name
)

// jsonPath is a compiled path, with the semantics of Jayway's implementation
// where RFC 9535 differs from it.
type jsonPath struct {
	text     string
	root     root
	variable string
	segments []segment
}

// segment is one step of a path. Exactly one of its parts is set.
type segment struct {
	names    []string   // ['a','b'] or .a
	indexes  []int      // [0,2]
	slice    *slice     // [a:b:c]
	wildcard bool       // .* or [*]
	descend  bool       // ..: the next segment applies at every depth
	filter   *jp.Script // [?(...)]
}

type slice struct {
	from, to, step int
	hasFrom, hasTo bool
}

// definite reports whether the path names at most one node.
func (p *jsonPath) definite() bool {
	for _, s := range p.segments {
		if len(s.names) == 0 && len(s.indexes) != 1 {
			return false
		}
	}
	return true
}

// reference reports whether the path is a Reference Path: it names one node, by
// names and indexes alone.
func (p *jsonPath) reference() bool {
	for _, s := range p.segments {
		if len(s.names) != 1 && len(s.indexes) != 1 {
			return false
		}
	}
	return true
}

// find applies the path to a document. A definite path that leads nowhere is not
// found; an indefinite one yields an array, empty perhaps.
func (p *jsonPath) find(document any) (any, bool) {
	nodes := []any{document}
	for i := 0; i < len(p.segments); i++ {
		s := p.segments[i]
		if s.descend {
			all := []any{}
			for _, n := range nodes {
				all = append(all, descendants(n)...)
			}
			nodes = all
			continue
		}
		next := make([]any, 0, len(nodes))
		for _, n := range nodes {
			next = s.apply(n, next)
		}
		nodes = next
	}
	if p.definite() {
		if len(nodes) == 0 {
			return nil, false
		}
		return nodes[0], true
	}
	return nodes, true
}

// pastEnd reports whether the path leads to an index behind the end of an array.
func (p *jsonPath) pastEnd(document any) bool {
	n := len(p.segments)
	if n == 0 || len(p.segments[n-1].indexes) != 1 || !p.definite() {
		return false
	}
	array := jsonPath{segments: p.segments[:n-1]}
	v, ok := array.find(document)
	return ok && kindOf(v) == "array"
}

func descendants(v any) []any {
	all := []any{v}
	switch x := v.(type) {
	case []any:
		for _, e := range x {
			all = append(all, descendants(e)...)
		}
	case *Object:
		for i := range x.Len() {
			_, e := x.At(i)
			all = append(all, descendants(e)...)
		}
	}
	return all
}

func (s segment) apply(v any, out []any) []any {
	if len(s.names) > 0 {
		return s.applyNames(v, out)
	}
	if o, ok := v.(*Object); ok {
		if s.filter != nil {
			if s.filter.Match(plain(o)) {
				return append(out, o)
			}
			return out
		}
		if s.wildcard {
			for i := range o.Len() {
				_, e := o.At(i)
				out = append(out, e)
			}
		}
		return out
	}
	a, ok := v.([]any)
	if !ok {
		return out
	}
	switch {
	case s.wildcard:
		return append(out, a...)
	case s.slice != nil:
		return s.slice.apply(a, out)
	case s.filter != nil:
		for _, e := range a {
			if s.filter.Match(plain(e)) {
				out = append(out, e)
			}
		}
		return out
	}
	for _, i := range s.indexes {
		if i < 0 {
			i += len(a)
		}
		if i >= 0 && i < len(a) {
			out = append(out, a[i])
		}
	}
	return out
}

// applyNames takes one name, or makes an object of several.
func (s segment) applyNames(v any, out []any) []any {
	o, ok := v.(*Object)
	if !ok {
		return out
	}
	if len(s.names) == 1 {
		if e, ok := o.Get(s.names[0]); ok {
			out = append(out, e)
		}
		return out
	}
	picked := jsonata.NewObject(len(s.names))
	for _, name := range s.names {
		if e, ok := o.Get(name); ok {
			picked.Set(name, e)
		}
	}
	return append(out, picked)
}

func (s *slice) apply(a, out []any) []any {
	bound := func(n int) int {
		if n < 0 {
			n += len(a)
		}
		return max(0, min(n, len(a)))
	}
	from, to := 0, len(a)
	if s.hasFrom {
		from = bound(s.from)
	}
	if s.hasTo {
		to = bound(s.to)
	}
	for i := from; i < to; i += s.step {
		out = append(out, a[i])
	}
	return out
}

// plain is a value as filters understand it.
func plain(v any) any {
	switch x := v.(type) {
	case Number:
		if i, ok := x.Int(); ok {
			return i
		}
		return x.Float()
	case []any:
		all := make([]any, len(x))
		for i, e := range x {
			all[i] = plain(e)
		}
		return all
	case *Object:
		m := make(map[string]any, x.Len())
		for i := range x.Len() {
			k, e := x.At(i)
			m[k] = plain(e)
		}
		return m
	}
	return v
}

// put returns document with the value at a reference path; objects on the way
// are made. It fails where the path meets something that is not an object, or an
// index that is not there.
func (p *jsonPath) put(document, value any) (any, bool) {
	return put(document, p.segments, value)
}

func put(document any, segments []segment, value any) (any, bool) {
	if len(segments) == 0 {
		return value, true
	}
	s := segments[0]
	if len(s.indexes) == 1 {
		a, ok := document.([]any)
		i := s.indexes[0]
		if !ok || i < 0 || i >= len(a) {
			return nil, false
		}
		changed, ok := put(a[i], segments[1:], value)
		if !ok {
			return nil, false
		}
		all := append([]any(nil), a...)
		all[i] = changed
		return all, true
	}
	o, ok := document.(*Object)
	if !ok {
		return nil, false
	}
	old, there := o.Get(s.names[0])
	if !there || (old == nil && len(segments) > 1) {
		old = jsonata.NewObject(1)
	}
	changed, ok := put(old, segments[1:], value)
	if !ok {
		return nil, false
	}
	return o.With(s.names[0], changed), true
}

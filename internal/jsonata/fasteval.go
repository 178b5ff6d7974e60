package jsonata

import (
	"math"
	"slices"
	"strings"
)

// outcome is what a node yields. unknown means: ask the library.
type outcome struct {
	kind  outcomeKind
	value any
}

type outcomeKind uint8

const (
	unknown outcomeKind = iota
	undefined
	defined
)

func yields(v any) outcome { return outcome{defined, v} }

// result is the outcome as JavaScript would give it back.
func (o outcome) result() (any, bool, error) {
	if o.kind == undefined {
		return nil, false, nil
	}
	return o.value, true, nil
}

func (l literal) eval(*Scope) outcome { return yields(l.value) }

func (p path) eval(s *Scope) outcome {
	v, ok := s.values[p.variable]
	if !ok {
		return outcome{} // a function, perhaps
	}
	for _, step := range p.steps {
		switch x := v.(type) {
		case *Object:
			if v, ok = x.Get(step); !ok {
				return outcome{kind: undefined}
			}
		case []any:
			return outcome{} // maps and flattens
		default:
			return outcome{kind: undefined}
		}
	}
	v, ok = asJavaScript(v)
	if !ok {
		return outcome{}
	}
	return yields(v)
}

// asJavaScript returns the value that JSON.stringify(JSON.parse(text)) would
// make of it; ok is false where that is not the same JSON any more. It returns
// v itself where nothing changes.
func asJavaScript(v any) (_ any, ok bool) {
	switch x := v.(type) {
	case Number:
		return numberAsJavaScript(x)
	case []any:
		var changed []any
		for i, e := range x {
			c, ok := asJavaScript(e)
			if !ok {
				return nil, false
			}
			if changed == nil && !identical(c, e) {
				changed = slices.Clone(x)
			}
			if changed != nil {
				changed[i] = c
			}
		}
		if changed != nil {
			return changed, true
		}
		return x, true
	case *Object:
		return objectAsJavaScript(x)
	}
	return v, true
}

// identical compares what asJavaScript returned with what it got.
func identical(a, b any) bool {
	switch x := a.(type) {
	case []any:
		y := b.([]any) // asJavaScript keeps the type
		return len(x) == 0 || &x[0] == &y[0]
	default:
		return a == b
	}
}

func numberAsJavaScript(n Number) (any, bool) {
	if len(n) <= 15 && n != "-0" && !strings.ContainsAny(string(n), ".eE") {
		return n, true
	}
	f := n.Float()
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return nil, false
	}
	return FormatFloat(f), true
}

func objectAsJavaScript(o *Object) (any, bool) {
	changed := false
	indexes := false
	values := make([]any, o.Len())
	for i, k := range o.keys {
		c, ok := asJavaScript(o.values[i])
		if !ok || k == "__proto__" {
			return nil, false
		}
		values[i] = c
		changed = changed || !identical(c, o.values[i])
		if _, ok := arrayIndex(k); ok {
			indexes = true
		}
	}
	if !changed && !indexes {
		return o, true
	}
	order := make([]int, o.Len())
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, xok := arrayIndex(o.keys[a])
		y, yok := arrayIndex(o.keys[b])
		switch {
		case xok && yok:
			return int(int64(x) - int64(y))
		case xok:
			return -1
		case yok:
			return 1
		}
		return 0
	})
	out := NewObject(o.Len())
	for _, i := range order {
		out.Set(o.keys[i], values[i])
	}
	return out, true
}

func (c concat) eval(s *Scope) outcome {
	var b strings.Builder
	for _, n := range c {
		o := n.eval(s)
		if o.kind == unknown {
			return outcome{}
		}
		if o.kind == undefined {
			continue
		}
		switch x := o.value.(type) {
		case string:
			b.WriteString(x)
		case bool:
			if x {
				b.WriteString("true")
			} else {
				b.WriteString("false")
			}
		case nil:
			b.WriteString("null")
		case Number:
			if len(x) > 15 || strings.ContainsAny(string(x), ".eE") {
				return outcome{} // rounds to 15 digits
			}
			b.WriteString(string(x))
		default:
			return outcome{}
		}
	}
	return yields(b.String())
}

func (c compare) eval(s *Scope) outcome {
	l, r := c.left.eval(s), c.right.eval(s)
	if l.kind == unknown || r.kind == unknown {
		return outcome{}
	}
	equality := c.op == "=" || c.op == "!="
	if l.kind == undefined || r.kind == undefined {
		if equality {
			return yields(false)
		}
		return outcome{} // undefined or an error, by the other side's type
	}
	var order int
	switch x := l.value.(type) {
	case string:
		y, ok := r.value.(string)
		if !ok || (!equality && !(ascii(x) && ascii(y))) {
			return outcome{} // an error, or an order by UTF-16 units
		}
		order = strings.Compare(x, y)
	case Number:
		y, ok := r.value.(Number)
		if !ok {
			return outcome{}
		}
		switch a, b := x.Float(), y.Float(); {
		case a < b:
			order = -1
		case a > b:
			order = 1
		}
	case bool:
		y, ok := r.value.(bool)
		if !ok || !equality {
			return outcome{}
		}
		if x != y {
			order = 1
		}
	default:
		return outcome{}
	}
	return yields(holds(c.op, order))
}

func holds(op string, order int) bool {
	switch op {
	case "=":
		return order == 0
	case "!=":
		return order != 0
	case "<":
		return order < 0
	case "<=":
		return order <= 0
	case ">":
		return order > 0
	default:
		return order >= 0
	}
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

package pattern

import (
	"iter"
	"slices"
)

// Match decides on an event, a JSON object. What is no JSON, or no object, is no
// event that anybody asked for: the error says why.
func (p *Pattern) Match(event []byte) (bool, error) {
	v, err := decode(event)
	if err != nil {
		return false, err
	}
	return p.MatchValue(v), nil
}

// MatchValue decides on an event that was decoded with json.Decoder.UseNumber.
// Keys with dots are rewritten in place.
func (p *Pattern) MatchValue(event any) bool {
	object, ok := event.(map[string]any)
	return ok && p.root.matches(expand(object))
}

// matches decides on an object, or an array in which one object must do.
func (n *node) matches(v any) bool {
	found := false
	for object := range objectsOf(v) {
		found = true
		if n.matchesObject(object) {
			return true
		}
	}
	// Without anything below, only what must be absent matches.
	return !found && n.matchesObject(nil)
}

func (n *node) matchesObject(object map[string]any) bool {
	for i := range n.keys {
		if k := &n.keys[i]; !k.matches(object[k.name], present(object, k.name)) {
			return false
		}
	}
	for _, or := range n.or {
		if !slices.ContainsFunc(or, func(n node) bool { return n.matchesObject(object) }) {
			return false
		}
	}
	return true
}

func present(object map[string]any, name string) bool {
	_, ok := object[name]
	return ok
}

func (k *key) matches(v any, present bool) bool {
	if k.below != nil {
		return k.below.matches(v)
	}
	there := false
	if present {
		for e := range scalars(v) {
			there = true
			if slices.ContainsFunc(k.leaves, func(l leaf) bool { return l.matches(e) }) {
				return true
			}
		}
	}
	return !there && slices.ContainsFunc(k.leaves, func(l leaf) bool { return l.absent })
}

// scalars are the values of v that exist: itself, or those of an array.
func scalars(v any) iter.Seq[any] {
	return func(yield func(any) bool) {
		walk(v, func(e any) bool {
			_, object := e.(map[string]any)
			return object || yield(e)
		})
	}
}

// objectsOf are v itself, or the objects of an array.
func objectsOf(v any) iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		walk(v, func(e any) bool {
			object, ok := e.(map[string]any)
			return !ok || yield(object)
		})
	}
}

// walk visits v, or what is in it if it is an array, until visit says no.
func walk(v any, visit func(any) bool) bool {
	list, ok := v.([]any)
	if !ok {
		return visit(v)
	}
	for _, e := range list {
		if !walk(e, visit) {
			return false
		}
	}
	return true
}

package pattern

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
)

// Limits of a pattern.
const (
	MaxDepth  = 100
	MaxValues = 10_000 // matchers in one pattern
)

// Error says what is wrong with a pattern and where.
type Error struct {
	Path   string // of the key, dotted; "" = the pattern itself
	Reason string
}

func (e *Error) Error() string {
	if e.Path == "" {
		return "the pattern " + e.Reason
	}
	return e.Path + " " + e.Reason
}

// Pattern is a compiled pattern. It is safe for concurrent use.
type Pattern struct{ root node }

// node is a pattern's object: all of it must match.
type node struct {
	keys []key
	or   [][]node // each a list of alternatives
}

// key is one key of an object: leaves, or an object below.
type key struct {
	name   string
	leaves []leaf
	below  *node
}

// Compile reads a pattern. The error is an *Error, or says that it is no JSON.
func Compile(text []byte) (*Pattern, error) {
	v, err := decode(text)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, &Error{Reason: "is not an object"}
	}
	c := compiler{}
	root, err := c.node(expand(object), nil)
	if err != nil {
		return nil, err
	}
	return &Pattern{root}, nil
}

// decode reads one JSON value, with numbers as they are written.
func decode(text []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("not JSON: something follows the value")
	}
	return v, nil
}

// expand makes a key with dots the same as the objects that it abbreviates, at
// every depth.
func expand(object map[string]any) map[string]any {
	dotted := false
	for name, v := range object {
		dotted = dotted || strings.Contains(name, ".")
		switch v := v.(type) {
		case map[string]any:
			object[name] = expand(v)
		case []any:
			for i, e := range v {
				if below, ok := e.(map[string]any); ok {
					v[i] = expand(below)
				}
			}
		}
	}
	if !dotted {
		return object
	}
	wide := make(map[string]any, len(object))
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		merge(wide, strings.Split(name, "."), object[name])
	}
	return wide
}

// merge puts v under a path of keys, beside what is there.
func merge(into map[string]any, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		below, ok := into[name].(map[string]any)
		if !ok {
			below = make(map[string]any)
			into[name] = below
		}
		into = below
	}
	last := path[len(path)-1]
	have, both := into[last].(map[string]any)
	more, too := v.(map[string]any)
	if !both || !too {
		into[last] = v
		return
	}
	for name, v := range more {
		merge(have, []string{name}, v)
	}
}

type compiler struct{ values int }

func (c *compiler) node(object map[string]any, path []string) (node, error) {
	var n node
	if len(object) == 0 {
		return n, wrong(path, "is an empty object")
	}
	if len(path) >= MaxDepth {
		return n, wrong(path[:1], "is more than %d levels deep", MaxDepth)
	}
	for name, v := range object {
		at := append(slices.Clone(path), name)
		if alternatives, ok := v.([]any); ok && name == "$or" && len(alternatives) > 1 && objects(alternatives) {
			or, err := c.or(alternatives, path)
			if err != nil {
				return n, err
			}
			n.or = append(n.or, or)
			continue
		}
		k, err := c.key(name, v, at)
		if err != nil {
			return n, err
		}
		n.keys = append(n.keys, k)
	}
	slices.SortFunc(n.keys, func(a, b key) int { return strings.Compare(a.name, b.name) })
	return n, nil
}

func (c *compiler) or(alternatives []any, path []string) (or []node, err error) {
	for _, a := range alternatives {
		n, err := c.node(a.(map[string]any), path)
		if err != nil {
			return nil, err
		}
		or = append(or, n)
	}
	return or, nil
}

// objects reports whether list is of objects that are no operators.
func objects(list []any) bool {
	return !slices.ContainsFunc(list, func(v any) bool {
		o, ok := v.(map[string]any)
		return !ok || len(o) == 1 && slices.ContainsFunc(operators, func(op string) bool { _, is := o[op]; return is })
	})
}

func (c *compiler) key(name string, v any, path []string) (key, error) {
	k := key{name: name}
	switch v := v.(type) {
	case map[string]any:
		below, err := c.node(v, path)
		k.below = &below
		return k, err
	case []any:
		if len(v) == 0 {
			return k, wrong(path, "is an empty array")
		}
		if c.values += len(v); c.values > MaxValues {
			return k, wrong(path, "is one value too many: a pattern has at most %d", MaxValues)
		}
		for _, e := range v {
			l, err := compileLeaf(e, path)
			if err != nil {
				return k, err
			}
			k.leaves = append(k.leaves, l)
		}
		return k, nil
	}
	return k, wrong(path, "must be an object or an array")
}

func wrong(path []string, format string, args ...any) error {
	return &Error{Path: strings.Join(path, "."), Reason: fmt.Sprintf(format, args...)}
}

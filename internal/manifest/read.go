package manifest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// reader walks a YAML tree and collects what is wrong with it.
type reader struct {
	file     string
	problems Problems
	anchors  map[string]ast.Node
}

// setter reads the node behind one key. key is the full name, for messages.
type setter func(key string, n ast.Node)

// entry is one key of a mapping.
type entry struct {
	name  string
	key   ast.Node
	value ast.Node
}

// fail notes a problem at n.
func (r *reader) fail(n ast.Node, key, format string, args ...any) {
	p := Problem{File: r.file, Position: position(n), Key: key, Message: fmt.Sprintf(format, args...)}
	r.problems = append(r.problems, p)
}

// position is where n begins.
func position(n ast.Node) Position {
	if m, ok := n.(*ast.MappingNode); ok && len(m.Values) > 0 && !m.IsFlowStyle {
		return position(m.Values[0].Key)
	}
	if v, ok := n.(*ast.MappingValueNode); ok {
		return position(v.Key)
	}
	if n != nil {
		if t := n.GetToken(); t != nil && t.Position != nil {
			return Position{Line: t.Position.Line, Column: t.Position.Column}
		}
	}
	return Position{Line: 1, Column: 1}
}

// plain takes anchors, aliases and tags off a node. An alias can only mean an
// anchor before it, so this ends.
func (r *reader) plain(n ast.Node) ast.Node {
	switch n := n.(type) {
	case *ast.AnchorNode:
		v := r.plain(n.Value)
		r.anchors[n.Name.String()] = v
		return v
	case *ast.AliasNode:
		if v, ok := r.anchors[n.Value.String()]; ok {
			return v
		}
		r.fail(n, "", "alias *%s has no anchor before it", n.Value.String())
		return nil
	case *ast.TagNode:
		return r.plain(n.Value)
	}
	return n
}

// mapping returns the entries of a mapping in the order of the file.
func (r *reader) mapping(key string, n ast.Node) []entry {
	var values []*ast.MappingValueNode
	switch m := r.plain(n).(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	case nil:
		return nil
	default:
		r.fail(n, key, "must be a mapping of keys to values, but is %s", what(m))
		return nil
	}
	entries := make([]entry, 0, len(values))
	for _, v := range values {
		if v.Key.IsMergeKey() {
			r.fail(v.Key, key, "merge keys (<<) are not read; use the defaults section")
			continue
		}
		name, ok := scalar(r.plain(v.Key))
		if !ok {
			r.fail(v.Key, key, "a key must be plain text")
			continue
		}
		entries = append(entries, entry{name: name, key: v.Key, value: v.Value})
	}
	return entries
}

// fields reads a mapping whose keys are known.
func (r *reader) fields(key string, n ast.Node, known map[string]setter) {
	for _, e := range r.mapping(key, n) {
		full := e.name
		if key != "" {
			full = key + "." + e.name
		}
		set, ok := known[e.name]
		if !ok {
			r.fail(e.key, full, "unknown key%s", suggest(e.name, known))
			continue
		}
		if v := r.plain(e.value); v == nil || v.Type() == ast.NullType {
			r.fail(e.key, full, "has no value")
			continue
		}
		set(full, e.value)
	}
}

// suggest names the known key closest to name, or all of them.
func suggest[V any](name string, known map[string]V) string {
	names := slices.Sorted(maps.Keys(known))
	if best := ebb.Nearest(name, names); best != "" {
		return fmt.Sprintf("; did you mean %s?", best)
	}
	return "; known keys: " + strings.Join(names, ", ")
}

// scalar returns the text of any scalar as it was written, so that 1.10 stays
// 1.10 where text is wanted.
func scalar(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// what names a node's type for people.
func what(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.BoolNode:
		return "true or false"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.NullNode:
		return "empty"
	}
	return "text"
}

// text reads a string of at most limit bytes.
func (r *reader) text(dst *string, limit int) setter {
	return func(key string, n ast.Node) {
		v := r.plain(n)
		switch v.(type) {
		case *ast.StringNode, *ast.LiteralNode:
		default:
			hint := ""
			if _, ok := scalar(v); ok {
				hint = "; put it in quotes"
			}
			r.fail(n, key, "must be text, but is %s%s", what(v), hint)
			return
		}
		s, _ := scalar(v)
		if len(s) > limit {
			r.fail(n, key, "is longer than %d bytes", limit)
			return
		}
		*dst = s
	}
}

// oneOf reads a string out of a fixed set.
func (r *reader) oneOf(dst *string, allowed ...string) setter {
	return func(key string, n ast.Node) {
		s, ok := scalar(r.plain(n))
		if !ok || !slices.Contains(allowed, s) {
			r.fail(n, key, "must be %s", strings.Join(allowed, " or "))
			return
		}
		*dst = s
	}
}

// yesNo reads a boolean.
func (r *reader) yesNo(dst *bool) setter {
	return func(key string, n ast.Node) {
		b, ok := r.plain(n).(*ast.BoolNode)
		if !ok {
			r.fail(n, key, "must be true or false")
			return
		}
		*dst = b.Value
	}
}

// texts reads a list of strings.
func (r *reader) texts(dst *[]string) setter {
	return func(key string, n ast.Node) {
		list, ok := r.plain(n).(*ast.SequenceNode)
		if !ok {
			r.fail(n, key, "must be a list, but is %s", what(r.plain(n)))
			return
		}
		for i, v := range list.Values {
			var s string
			r.text(&s, 256)(fmt.Sprintf("%s[%d]", key, i), v)
			*dst = append(*dst, s)
		}
	}
}

// table reads a mapping of names to scalars into dst, adding to what is there.
func (r *reader) table(dst *map[string]string, check func(name string) string) setter {
	return func(key string, n ast.Node) {
		for _, e := range r.mapping(key, n) {
			full := key + "." + e.name
			if why := check(e.name); why != "" {
				r.fail(e.key, full, "%s", why)
				continue
			}
			v := r.plain(e.value)
			s, ok := scalar(v)
			if !ok {
				if v != nil {
					r.fail(e.value, full, `must be text, but is %s; write "" for an empty value`, what(v))
				}
				continue
			}
			if *dst == nil {
				*dst = map[string]string{}
			}
			(*dst)[e.name] = s
		}
	}
}

// whole reads an integer between low and high.
func (r *reader) whole(dst *int, low, high int) setter {
	return func(key string, n ast.Node) {
		r.quantity(dst, low, high, "", "a whole number", strconv.Atoi)(key, n)
	}
}

// megabytes reads MB: a whole number, or text such as 512MB or 1GB.
func (r *reader) megabytes(dst *int, low, high int) setter {
	return r.quantity(dst, low, high, " MB", "a whole number of MB, or such as 512MB or 1GB", func(s string) (int, error) {
		up := strings.ToUpper(strings.TrimSpace(s))
		factor := 1
		if rest, ok := strings.CutSuffix(up, "GB"); ok {
			up, factor = rest, 1024
		} else {
			up = strings.TrimSuffix(up, "MB")
		}
		v, err := strconv.Atoi(strings.TrimSpace(up))
		if v > math.MaxInt32 {
			v = math.MaxInt32
		}
		return v * factor, err
	})
}

// seconds reads a whole number of seconds, or a duration such as 90s or 5m.
func (r *reader) seconds(dst *int, low, high int) setter {
	return r.quantity(dst, low, high, " seconds", "whole seconds, or such as 90s or 5m", func(s string) (int, error) {
		if v, err := strconv.Atoi(s); err == nil {
			return v, nil
		}
		d, err := time.ParseDuration(s)
		if err == nil && d%time.Second != 0 {
			err = fmt.Errorf("not whole seconds")
		}
		return int(d / time.Second), err
	})
}

// quantity reads a number with parse and checks its range.
func (r *reader) quantity(dst *int, low, high int, unit, form string, parse func(string) (int, error)) setter {
	return func(key string, n ast.Node) {
		s, ok := scalar(r.plain(n))
		v, err := parse(s)
		switch {
		case !ok || err != nil:
			r.fail(n, key, "must be %s", form)
		case (v < low || v > high) && low == high:
			r.fail(n, key, "must be %d", low)
		case v < low || v > high:
			r.fail(n, key, "must be between %d and %d%s", low, high, unit)
		default:
			*dst = v
		}
	}
}

package trigger

import (
	"strconv"
	"strings"
)

// path is a JSON path of an input: $ and steps. A step is the name of a member,
// an index, or * for all.
type path []step

type step struct {
	name  string
	index int // if name is ""
	all   bool
}

// parsePath reads a path: .name, ['name'], ["name"], [0], .* and [*].
func parsePath(text string) (path, bool) {
	rest, ok := strings.CutPrefix(text, "$")
	var p path
	for ok && rest != "" {
		var s step
		switch {
		case strings.HasPrefix(rest, "."):
			n := strings.IndexAny(rest[1:], ".[")
			if n < 0 {
				n = len(rest) - 1
			}
			s.name, rest = rest[1:1+n], rest[1+n:]
			ok = s.name != "" && !strings.ContainsAny(s.name, " '\"()?@$]")
			if s.name == "*" {
				s = step{all: true}
			}
		case strings.HasPrefix(rest, "["):
			inside, after, closed := strings.Cut(rest[1:], "]")
			rest = after
			if n := len(inside); n > 2 && (inside[0] == '\'' || inside[0] == '"') && inside[n-1] == inside[0] {
				s.name = inside[1 : n-1]
				ok = closed
				break
			}
			s.all = inside == "*"
			var err error
			if !s.all {
				s.index, err = strconv.Atoi(inside)
			}
			ok = closed && err == nil && s.index >= 0
		default:
			ok = false
		}
		p = append(p, s)
	}
	return p, ok
}

// find returns what the path leads to in a value. With * it is a list.
func (p path) find(v any) (any, bool) {
	for i, s := range p {
		switch {
		case s.all:
			return findAll(p[i+1:], v), true
		case s.name != "":
			object, _ := v.(map[string]any)
			below, ok := object[s.name]
			if !ok {
				return nil, false
			}
			v = below
		default:
			list, _ := v.([]any)
			if s.index >= len(list) {
				return nil, false
			}
			v = list[s.index]
		}
	}
	return v, true
}

// findAll is what a path leads to from every element of a list.
func findAll(p path, v any) []any {
	list, _ := v.([]any)
	found := []any{}
	for _, e := range list {
		if below, ok := p.find(e); ok {
			found = append(found, below)
		}
	}
	return found
}

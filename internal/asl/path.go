package asl

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

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

// parsePath compiles a path that begins with $, $$ or $name.
func parsePath(text string) (*jsonPath, error) {
	if !strings.HasPrefix(text, "$") {
		return nil, fmt.Errorf("Reference path didn't start with '$'")
	}
	p := &pathParser{text: text, pos: 1, path: jsonPath{text: text}}
	switch c := p.peek(); {
	case c == '$':
		p.pos++
		p.path.root = rootContext
	case isNameStart(c):
		start := p.pos
		for p.pos < len(text) && isNamePart(text[p.pos]) {
			p.pos++
		}
		p.path.root, p.path.variable = rootVariable, text[start:p.pos]
	}
	for p.pos < len(text) {
		if err := p.segment(); err != nil {
			return nil, err
		}
	}
	if n := len(p.path.segments); n > 0 && p.path.segments[n-1].descend {
		return nil, fmt.Errorf("Path must not end with a '.' or '..'")
	}
	return &p.path, nil
}

func isNameStart(c byte) bool {
	return c == '_' || (c|0x20 >= 'a' && c|0x20 <= 'z') || c >= 0x80
}

func isNamePart(c byte) bool { return isNameStart(c) || (c >= '0' && c <= '9') }

type pathParser struct {
	text string
	pos  int
	path jsonPath
}

func (p *pathParser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *pathParser) add(s segment) { p.path.segments = append(p.path.segments, s) }

func (p *pathParser) segment() error {
	switch p.peek() {
	case '.':
		p.pos++
		if p.peek() == '.' {
			p.pos++
			p.add(segment{descend: true})
			if p.peek() == '[' {
				return nil
			}
		}
		return p.dotted()
	case '[':
		return p.bracket()
	}
	return fmt.Errorf("Illegal character at position %d, expected '.' or '['", p.pos)
}

func (p *pathParser) dotted() error {
	if p.peek() == '*' {
		p.pos++
		p.add(segment{wildcard: true})
		return nil
	}
	start := p.pos
	for p.pos < len(p.text) && strings.IndexByte(".[ '\"", p.text[p.pos]) < 0 {
		p.pos++
	}
	if p.pos == start {
		return fmt.Errorf("Path must not end with a '.' or '..'")
	}
	p.add(segment{names: []string{p.text[start:p.pos]}})
	return nil
}

func (p *pathParser) bracket() error {
	end := p.closing()
	if end < 0 {
		return fmt.Errorf("Unbalanced '[' at position %d", p.pos)
	}
	inner := strings.TrimSpace(p.text[p.pos+1 : end])
	p.pos = end + 1
	switch {
	case inner == "*":
		p.add(segment{wildcard: true})
	case strings.HasPrefix(inner, "?"):
		return p.filter(strings.TrimSpace(inner[1:]))
	case strings.HasPrefix(inner, "'") || strings.HasPrefix(inner, `"`):
		names, err := quotedNames(inner)
		if err != nil {
			return err
		}
		p.add(segment{names: names})
	case strings.Contains(inner, ":"):
		return p.slice(inner)
	case lengthIndex.MatchString(inner):
		n, err := strconv.Atoi(lengthIndex.FindStringSubmatch(inner)[1])
		if err != nil {
			return err
		}
		p.add(segment{indexes: []int{-n}})
	default:
		return p.indexes(inner)
	}
	return nil
}

// lengthIndex is an index counted from the end.
var lengthIndex = regexp.MustCompile(`^\(\s*@\.length\s*-\s*(\d{1,6})\s*\)$`)

// closing finds the bracket that closes the one at pos, outside of quotes.
func (p *pathParser) closing() int {
	depth, quote := 0, byte(0)
	for i := p.pos; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case quote != 0:
			if c == '\\' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '[':
			depth++
		case c == ']':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func (p *pathParser) filter(inner string) error {
	if !strings.HasPrefix(inner, "(") || !strings.HasSuffix(inner, ")") {
		return fmt.Errorf("Expected filter expression in parentheses")
	}
	quoted := bareWord.ReplaceAllStringFunc(inner, func(m string) string {
		parts := bareWord.FindStringSubmatch(m)
		switch parts[2] {
		case "true", "false", "null":
			return m
		}
		return parts[1] + " '" + parts[2] + "'" + parts[3]
	})
	script, err := jp.NewScript(quoted)
	if err != nil {
		return fmt.Errorf("Failed to parse filter: %s", strings.ReplaceAll(err.Error(), "\n", " "))
	}
	p.add(segment{filter: script})
	return nil
}

// bareWord is a word that is compared with; Jayway takes it for a string.
var bareWord = regexp.MustCompile(`([=!<>]=|[<>])\s*([A-Za-z_]\w*)\s*([)&|]|$)`)

func quotedNames(inner string) ([]string, error) {
	var names []string
	for {
		inner = strings.TrimSpace(inner)
		if inner == "" || (inner[0] != '\'' && inner[0] != '"') {
			return nil, fmt.Errorf("'[' must be followed by a quoted name or an index")
		}
		quote := inner[0]
		var b strings.Builder
		i := 1
		for ; i < len(inner) && inner[i] != quote; i++ {
			if inner[i] == '\\' && i+1 < len(inner) {
				i++
			}
			b.WriteByte(inner[i])
		}
		if i >= len(inner) {
			return nil, fmt.Errorf("Unclosed quoted name")
		}
		names = append(names, b.String())
		inner = strings.TrimSpace(inner[i+1:])
		if inner == "" {
			return names, nil
		}
		if inner[0] != ',' {
			return nil, fmt.Errorf("Expected ',' between names")
		}
		inner = inner[1:]
	}
}

func (p *pathParser) slice(inner string) error {
	parts := strings.Split(inner, ":")
	if len(parts) > 3 {
		return fmt.Errorf("Failed to parse slice %s", inner)
	}
	s := &slice{step: 1}
	for i, part := range parts {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		n, err := strconv.Atoi(part)
		if err != nil || (i == 2 && n <= 0) {
			return fmt.Errorf("Failed to parse slice %s", inner)
		}
		switch i {
		case 0:
			s.from, s.hasFrom = n, true
		case 1:
			s.to, s.hasTo = n, true
		default:
			s.step = n
		}
	}
	p.add(segment{slice: s})
	return nil
}

func (p *pathParser) indexes(inner string) error {
	var all []int
	for _, part := range strings.Split(inner, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil {
			return fmt.Errorf("'[' must be followed by ' or '['")
		}
		all = append(all, n)
	}
	p.add(segment{indexes: all})
	return nil
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

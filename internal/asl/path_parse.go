package asl

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/ohler55/ojg/jp"
)

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

package asl

import (
	"fmt"
	"strings"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// intrinsic is a compiled call of an intrinsic function.
type intrinsic struct {
	text string // as written
	name string // without "States."
	args []argument
}

// argument is a literal, a path or a nested call.
type argument struct {
	text    string
	literal any
	path    *jsonPath
	call    *intrinsic
}

// maxNestedIntrinsics is how deep calls may nest.
const maxNestedIntrinsics = 10

func isIntrinsic(text string) bool { return strings.HasPrefix(text, "States.") }

// parseIntrinsic compiles a call and checks the function's name and the number
// of its arguments.
func parseIntrinsic(text string) (*intrinsic, error) {
	p := intrinsicParser{text: text}
	call, err := p.call(1)
	if err != nil {
		return nil, err
	}
	if p.space(); p.pos < len(text) {
		return nil, fmt.Errorf("unexpected text after the function call at position %d", p.pos)
	}
	return call, nil
}

type intrinsicParser struct {
	text string
	pos  int
}

func (p *intrinsicParser) space() {
	for p.pos < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.pos]) >= 0 {
		p.pos++
	}
}

func (p *intrinsicParser) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

func (p *intrinsicParser) call(depth int) (*intrinsic, error) {
	if depth > maxNestedIntrinsics {
		return nil, fmt.Errorf("functions are nested more than %d levels", maxNestedIntrinsics)
	}
	start := p.pos
	open := strings.IndexByte(p.text[p.pos:], '(')
	if open < 0 {
		return nil, fmt.Errorf("expected '(' after the function name")
	}
	name := strings.TrimSpace(p.text[p.pos : p.pos+open])
	short, ok := strings.CutPrefix(name, "States.")
	f, known := intrinsics[short]
	if !ok || !known {
		return nil, fmt.Errorf("unknown function %s", name)
	}
	p.pos += open + 1
	call := &intrinsic{name: short}
	for {
		if p.space(); p.peek() == ')' && len(call.args) == 0 {
			break
		}
		a, err := p.argument(depth)
		if err != nil {
			return nil, err
		}
		call.args = append(call.args, a)
		if p.space(); p.peek() != ',' {
			break
		}
		p.pos++
	}
	if p.peek() != ')' {
		return nil, fmt.Errorf("expected ',' or ')' at position %d", p.pos)
	}
	p.pos++
	call.text = p.text[start:p.pos]
	if n := len(call.args); n < f.min || n > f.max {
		return nil, fmt.Errorf("%s takes %s, got %d", name, f.arity(), n)
	}
	return call, f.checkLiterals(name, call.args)
}

func (p *intrinsicParser) argument(depth int) (argument, error) {
	start := p.pos
	var a argument
	var err error
	switch c := p.peek(); {
	case c == '\'':
		a.literal, err = p.str()
	case c == '$':
		a.path, err = p.path()
	case strings.HasPrefix(p.text[p.pos:], "States."):
		a.call, err = p.call(depth + 1)
	default:
		a.literal, err = p.word()
	}
	a.text = p.text[start:p.pos]
	return a, err
}

// str reads a string in single quotes. A backslash makes the next character
// literal; before a brace it stays, for States.Format to see.
func (p *intrinsicParser) str() (string, error) {
	var b strings.Builder
	for p.pos++; p.pos < len(p.text); p.pos++ {
		switch c := p.text[p.pos]; c {
		case '\'':
			p.pos++
			return b.String(), nil
		case '\\':
			p.pos++
			if p.pos >= len(p.text) {
				return "", fmt.Errorf("unclosed string")
			}
			if e := p.text[p.pos]; e == '\'' || e == '\\' {
				if e == '\\' && p.pos+1 < len(p.text) && (p.text[p.pos+1] == '{' || p.text[p.pos+1] == '}') {
					b.WriteByte('\\')
				}
				b.WriteByte(e)
			} else {
				b.WriteByte('\\')
				b.WriteByte(e)
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", fmt.Errorf("unclosed string")
}

// path reads up to a comma or a closing parenthesis outside of brackets and
// quotes.
func (p *intrinsicParser) path() (*jsonPath, error) {
	start, depth, quote := p.pos, 0, byte(0)
	for ; p.pos < len(p.text); p.pos++ {
		c := p.text[p.pos]
		if quote != 0 {
			if c == quote {
				quote = 0
			}
			continue
		}
		if depth == 0 && (c == ',' || c == ')') {
			break
		}
		switch c {
		case '[', '(':
			depth++
		case ']', ')':
			depth--
		case '\'', '"':
			if depth > 0 {
				quote = c
			}
		}
	}
	return parsePath(strings.TrimSpace(p.text[start:p.pos]))
}

func (p *intrinsicParser) word() (any, error) {
	start := p.pos
	for p.pos < len(p.text) && strings.IndexByte(",) \t\r\n", p.text[p.pos]) < 0 {
		p.pos++
	}
	switch w := p.text[start:p.pos]; w {
	case "true":
		return true, nil
	case "false":
		return false, nil
	case "null":
		return nil, nil
	default:
		v, err := jsonata.ParseJSON([]byte(w))
		if n, ok := v.(Number); err == nil && ok {
			return n, nil
		}
		return nil, fmt.Errorf("unexpected argument %q", w)
	}
}

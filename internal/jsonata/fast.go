package jsonata

import "strings"

// node is a compiled expression of the fast path:
//
//	expression = chain [ ("=" | "!=" | "<" | "<=" | ">" | ">=") chain ]
//	chain      = operand { "&" operand }
//	operand    = string | integer | "true" | "false" | "null" | path
//	path       = "$" name { "." name }
type node interface{ eval(s *Scope) outcome }

type (
	literal struct{ value any }
	path    struct {
		variable string
		steps    []string
	}
	concat  []node
	compare struct {
		op          string
		left, right node
	}
)

// compileFast returns nil for everything that is not of the form above.
func compileFast(expression string) node {
	c := fastCompiler{text: expression}
	n := c.expression()
	c.space()
	if n == nil || c.pos < len(c.text) {
		return nil
	}
	return n
}

type fastCompiler struct {
	text string
	pos  int
}

func (c *fastCompiler) space() {
	for c.pos < len(c.text) && strings.IndexByte(" \t\n\r", c.text[c.pos]) >= 0 {
		c.pos++
	}
}

// take consumes a prefix after white space.
func (c *fastCompiler) take(prefix string) bool {
	c.space()
	if strings.HasPrefix(c.text[c.pos:], prefix) {
		c.pos += len(prefix)
		return true
	}
	return false
}

func (c *fastCompiler) expression() node {
	left := c.chain()
	if left == nil {
		return nil
	}
	for _, op := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if c.take(op) {
			right := c.chain()
			if right == nil {
				return nil
			}
			return compare{op, left, right}
		}
	}
	return left
}

func (c *fastCompiler) chain() node {
	first := c.operand()
	if first == nil || !c.take("&") {
		return first
	}
	all := concat{first}
	for {
		next := c.operand()
		if next == nil {
			return nil
		}
		if all = append(all, next); !c.take("&") {
			return all
		}
	}
}

func (c *fastCompiler) operand() node {
	c.space()
	if c.pos >= len(c.text) {
		return nil
	}
	switch b := c.text[c.pos]; {
	case b == '"' || b == '\'':
		return c.str(b)
	case b >= '0' && b <= '9':
		return c.integer()
	case b == '$':
		return c.path()
	}
	switch c.name() {
	case "true":
		return literal{true}
	case "false":
		return literal{false}
	case "null":
		return literal{nil}
	}
	return nil
}

// str takes a string without escapes.
func (c *fastCompiler) str(quote byte) node {
	rest := c.text[c.pos+1:]
	end := strings.IndexByte(rest, quote)
	if end < 0 || strings.IndexByte(rest[:end], '\\') >= 0 {
		return nil
	}
	c.pos += end + 2
	return literal{rest[:end]}
}

// integer takes a number that a double holds exactly.
func (c *fastCompiler) integer() node {
	start := c.pos
	for c.pos < len(c.text) && c.text[c.pos] >= '0' && c.text[c.pos] <= '9' {
		c.pos++
	}
	digits := c.text[start:c.pos]
	if len(digits) > 15 || (digits[0] == '0' && len(digits) > 1) {
		return nil
	}
	if c.pos < len(c.text) && (c.text[c.pos] == '.' || nameByte(c.text[c.pos])) {
		return nil
	}
	return literal{Number(digits)}
}

func nameByte(b byte) bool {
	return b == '_' || (b >= '0' && b <= '9') || (b|0x20 >= 'a' && b|0x20 <= 'z')
}

func (c *fastCompiler) name() string {
	start := c.pos
	for c.pos < len(c.text) && nameByte(c.text[c.pos]) {
		c.pos++
	}
	// Other letters belong to a name too; the library knows which.
	if c.pos < len(c.text) && (c.text[c.pos] >= 0x80 || c.text[c.pos] == '$') {
		return ""
	}
	return c.text[start:c.pos]
}

func (c *fastCompiler) path() node {
	c.pos++
	p := path{variable: c.name()}
	if p.variable == "" {
		return nil
	}
	for {
		mark := c.pos
		if !c.take(".") {
			c.pos = mark
			return p
		}
		c.space()
		step := c.name()
		switch step {
		case "", "and", "or", "in", "true", "false", "null":
			return nil
		}
		if step[0] >= '0' && step[0] <= '9' {
			return nil
		}
		p.steps = append(p.steps, step)
	}
}

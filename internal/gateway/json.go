package gateway

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string. Bytes that are not UTF-8 become
// U+FFFD, as in encoding/json; nothing is escaped for HTML.
func appendString[T string | []byte](b []byte, s T) []byte {
	b = append(b, '"')
	b = appendEscaped(b, s)
	return append(b, '"')
}

// appendEscaped is appendString without the quotes.
func appendEscaped[T string | []byte](b []byte, s T) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := decodeRune(s[i:])
			if r == utf8.RuneError && size == 1 {
				b = append(append(b, s[start:i]...), "\ufffd"...)
				start = i + 1
			}
			i += size
			continue
		}
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(b, s[start:]...)
}

func decodeRune[T string | []byte](s T) (rune, int) {
	if len(s) > utf8.UTFMax {
		s = s[:utf8.UTFMax]
	}
	return utf8.DecodeRune([]byte(s)) // does not escape: no allocation
}

// maxDepth is how deep an answer may nest, as in encoding/json.
const maxDepth = 10000

// scanner walks over one JSON document and checks all of it.
type scanner struct {
	doc []byte
	pos int
}

func (s *scanner) space() {
	for s.pos < len(s.doc) {
		switch s.doc[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// peek returns the next byte that is not space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.pos >= len(s.doc) {
		return 0
	}
	return s.doc[s.pos]
}

// take moves over c if it is the next byte that is not space.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// end reports whether nothing but space is left.
func (s *scanner) end() bool { return s.peek() == 0 && s.pos >= len(s.doc) }

// value moves over the next value and returns its text, nil if it is not JSON.
func (s *scanner) value(depth int) []byte {
	c := s.peek()
	start := s.pos
	var ok bool
	switch {
	case c == '"':
		ok = s.str()
	case c == '{':
		ok = s.object(depth, nil)
	case c == '[':
		ok = s.array(depth, nil)
	case c == '-' || c >= '0' && c <= '9':
		ok = s.number()
	default:
		ok = s.word("true") || s.word("false") || s.word("null")
	}
	if !ok {
		return nil
	}
	return s.doc[start:s.pos]
}

func (s *scanner) word(w string) bool {
	if len(s.doc)-s.pos < len(w) || string(s.doc[s.pos:s.pos+len(w)]) != w {
		return false
	}
	s.pos += len(w)
	return true
}

// object moves over an object; each, if not nil, gets its members (the key
// still in quotes) and may refuse one.
func (s *scanner) object(depth int, each func(key, value []byte) bool) bool {
	if depth >= maxDepth || !s.take('{') {
		return false
	}
	if s.take('}') {
		return true
	}
	for {
		if s.peek() != '"' {
			return false
		}
		start := s.pos
		if !s.str() {
			return false
		}
		key := s.doc[start:s.pos]
		if !s.take(':') {
			return false
		}
		v := s.value(depth + 1)
		if v == nil || each != nil && !each(key, v) {
			return false
		}
		if s.take('}') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// array moves over an array; each, if not nil, gets its elements.
func (s *scanner) array(depth int, each func(value []byte) bool) bool {
	if depth >= maxDepth || !s.take('[') {
		return false
	}
	if s.take(']') {
		return true
	}
	for {
		v := s.value(depth + 1)
		if v == nil || each != nil && !each(v) {
			return false
		}
		if s.take(']') {
			return true
		}
		if !s.take(',') {
			return false
		}
	}
}

// str moves over a string.
func (s *scanner) str() bool {
	doc := s.doc
	for i := s.pos + 1; i < len(doc); i++ {
		c := doc[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		if c == '"' {
			s.pos = i + 1
			return true
		}
		i++
		if c < 0x20 || i >= len(doc) {
			return false
		}
		switch doc[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			if _, ok := hex4(doc[i+1:]); !ok {
				return false
			}
			i += 4
		default:
			return false
		}
	}
	return false
}

// number moves over -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() bool {
	if s.doc[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.doc) && s.doc[s.pos] == '0' {
		s.pos++
	} else if !s.digits() {
		return false
	}
	if s.pos < len(s.doc) && s.doc[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			return false
		}
	}
	if s.pos < len(s.doc) && s.doc[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.doc) && (s.doc[s.pos] == '+' || s.doc[s.pos] == '-') {
			s.pos++
		}
		return s.digits()
	}
	return true
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.doc) && s.doc[s.pos] >= '0' && s.doc[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

// plainString returns what is between the quotes of a checked string if no
// escape is in it.
func plainString(quoted []byte) ([]byte, bool) {
	in := quoted[1 : len(quoted)-1]
	return in, bytes.IndexByte(in, '\\') < 0
}

// appendUnquoted appends the content of a checked string. It never grows, so
// that the result fits where the input was.
func appendUnquoted(b, quoted []byte) []byte {
	in := quoted[1 : len(quoted)-1]
	for i := 0; i < len(in); i++ {
		run := bytes.IndexByte(in[i:], '\\')
		if run < 0 {
			return append(b, in[i:]...)
		}
		b = append(b, in[i:i+run]...)
		i += run + 1
		switch in[i] {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, _ := hex4(in[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				low, ok := rune(0), false
				if i+6 < len(in) && in[i+1] == '\\' && in[i+2] == 'u' {
					low, ok = hex4(in[i+3:])
				}
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					i += 6
				} else {
					r = utf8.RuneError
				}
			}
			b = utf8.AppendRune(b, r)
		default: // " \ /
			b = append(b, in[i])
		}
	}
	return b
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

package gateway

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// response is what a function's answer means in HTTP.
type response struct {
	status  int
	headers []parameter // canonical names, hop-by-hop ones left out
	cookies []string
	multi   []parameter // of format 1.0: headers with all their values, one name after the other
	body    []byte
}

// reset makes r ready for another answer and keeps its memory.
func (r *response) reset() {
	clear(r.headers)
	clear(r.cookies)
	*r = response{headers: r.headers[:0], cookies: r.cookies[:0]}
}

// fields are the members of an answer that mean something, in JSON; nil if
// absent.
type fields struct {
	status, headers, multi, cookies, body, base64 []byte
}

func (f *fields) set(key, value []byte) bool {
	var name [len(`"multiValueHeaders"`)]byte
	if k, ok := plainString(key); ok {
		key = k
	} else if len(key) <= 6*len(name) {
		key = appendUnquoted(name[:0], key)
	}
	switch string(key) {
	case "statusCode":
		f.status = value
	case "headers":
		f.headers = value
	case "multiValueHeaders":
		f.multi = value
	case "cookies":
		f.cookies = value
	case "body":
		f.body = value
	case "isBase64Encoded":
		f.base64 = value
	}
	return true
}

// parseAnswer reads a whole answer into r. It returns why the answer means
// nothing in HTTP, or "". doc is overwritten: r.body lies in it.
func parseAnswer(doc []byte, r *response) (wrong string) {
	r.reset()
	s := scanner{doc: doc}
	var f fields
	switch s.peek() {
	case '{':
		if !s.object(0, f.set) || !s.end() {
			return "it is not valid JSON"
		}
	case 0:
		if s.end() {
			return r.infer(nil)
		}
		return "it is not valid JSON"
	default:
		if s.value(0) == nil || !s.end() {
			return "it is not valid JSON"
		}
		return r.infer(doc)
	}
	if f.status == nil || string(f.status) == "null" {
		return r.infer(doc)
	}
	if wrong = r.parseHead(&f); wrong != "" {
		return wrong
	}
	return r.parseBody(&f)
}

// parsePrelude reads the head of a streamed answer into r.
func parsePrelude(doc []byte, r *response) (wrong string) {
	r.reset()
	s := scanner{doc: doc}
	var f fields
	if !s.object(0, f.set) || !s.end() {
		return "its prelude is not a JSON object"
	}
	if f.status == nil || string(f.status) == "null" {
		f.status = []byte("200")
	}
	return r.parseHead(&f)
}

// infer makes r the response of an answer that says nothing about HTTP.
func (r *response) infer(doc []byte) string {
	r.status = http.StatusOK
	r.body = doc
	r.headers = append(r.headers, parameter{"Content-Type", "application/json"})
	return ""
}

func (r *response) parseHead(f *fields) (wrong string) {
	n, err := strconv.Atoi(text(f.status))
	if err != nil || n < 200 || n > 599 {
		return "statusCode is not a number from 200 to 599"
	}
	r.status = n
	if f.headers != nil && string(f.headers) != "null" {
		s := scanner{doc: f.headers}
		if !s.object(0, r.addHeader) {
			return "headers is not an object of names and values that HTTP allows"
		}
	}
	if f.cookies != nil && string(f.cookies) != "null" {
		s := scanner{doc: f.cookies}
		if !s.array(0, r.addCookie) {
			return "cookies is not a list of strings that HTTP allows"
		}
	}
	return ""
}

func (r *response) addHeader(key, value []byte) bool {
	if string(value) == "null" {
		return true
	}
	name := http.CanonicalHeaderKey(text(key))
	if !validName(name) || value[0] == '{' || value[0] == '[' {
		return false
	}
	v := text(value)
	if !validValue(v) {
		return false
	}
	// The length is computed from the body, the rest is the connection's.
	if name != "Content-Length" && !ebb.HopByHop(name) {
		r.headers = append(r.headers, parameter{name, v})
	}
	return true
}

func (r *response) addCookie(value []byte) bool {
	if value[0] != '"' {
		return false
	}
	v := text(value)
	if !validValue(v) {
		return false
	}
	r.cookies = append(r.cookies, v)
	return true
}

func (r *response) parseBody(f *fields) (wrong string) {
	if f.body == nil || string(f.body) == "null" {
		return ""
	}
	if f.body[0] != '"' {
		r.body = f.body // JSON in JSON instead of in a string
		return ""
	}
	// Neither unquoting nor decoding makes it longer, so it is done in place.
	if plain, ok := plainString(f.body); ok {
		r.body = plain
	} else {
		r.body = appendUnquoted(f.body[:0], f.body)
	}
	if string(f.base64) != "true" {
		return ""
	}
	n, err := base64.StdEncoding.Decode(r.body, r.body)
	if err != nil {
		return "body is not base64"
	}
	r.body = r.body[:n]
	return ""
}

// text is the content of a string, or the text of a number or word.
func text(value []byte) string {
	if value[0] != '"' {
		return string(value)
	}
	if plain, ok := plainString(value); ok {
		return string(plain)
	}
	return string(appendUnquoted(nil, value))
}

// writeHead puts r's head into w. The body's length is announced if it is known
// (not negative) and there may be a body.
func (r *response) writeHead(w http.ResponseWriter, g *route, origin string, length int) {
	h := w.Header()
	for _, p := range r.headers {
		if p.key == requestIDHeader || p.key == traceHeader {
			continue
		}
		h[p.key] = []string{p.value}
	}
	r.writeMulti(h)
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = []string{"application/json"}
	}
	if len(r.cookies) > 0 {
		h["Set-Cookie"] = append(h["Set-Cookie"], r.cookies...)
	}
	if g.CORS != nil {
		allowOrigin(h, g.CORS, origin)
	}
	if length >= 0 && r.hasBody() {
		h["Content-Length"] = []string{strconv.Itoa(length)}
	}
	w.WriteHeader(r.status)
}

// hasBody reports whether HTTP allows a body with r's status.
func (r *response) hasBody() bool {
	return r.status != http.StatusNoContent && r.status != http.StatusNotModified
}

// validName reports whether HTTP allows name as the name of a header.
func validName(name string) bool {
	for _, c := range []byte(name) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (c < '0' || c > '9') && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

// validValue reports whether HTTP allows v as the value of a header.
func validValue(v string) bool {
	for _, c := range []byte(v) {
		if c < 0x20 && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

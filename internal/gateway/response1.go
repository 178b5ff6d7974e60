package gateway

import "net/http"

// parseAnswer1 reads a whole answer of payload format 1.0 into r, as API Gateway
// takes it: nothing is inferred, and headers may have several values. doc is
// overwritten: r.body lies in it.
func parseAnswer1(doc []byte, r *response) (wrong string) {
	r.reset()
	s := scanner{doc: doc}
	var f fields
	switch {
	case s.peek() != '{':
		return "it is not an object, which payload format 1.0 asks for"
	case !s.object(0, f.set) || !s.end():
		return "it is not valid JSON"
	case f.status == nil || string(f.status) == "null":
		return "it has no statusCode, which payload format 1.0 asks for"
	case f.body != nil && f.body[0] != '"' && string(f.body) != "null":
		return "its body is not a string, which payload format 1.0 asks for"
	}
	f.cookies = nil
	if wrong = r.parseHead(&f); wrong != "" {
		return wrong
	}
	if f.multi != nil && string(f.multi) != "null" {
		s := scanner{doc: f.multi}
		if !s.object(0, r.addValues) {
			return "multiValueHeaders is not an object of names and lists of values that HTTP allows"
		}
	}
	return r.parseBody(&f)
}

// addValues adds all values of a header, in the place of the one that headers
// gave it.
func (r *response) addValues(key, value []byte) bool {
	if string(value) == "null" {
		return true
	}
	s := scanner{doc: value}
	single := r.headers
	r.headers = nil
	ok := s.peek() == '[' && s.array(0, func(v []byte) bool { return r.addHeader(key, v) })
	r.multi = append(r.multi, r.headers...)
	r.headers = single
	return ok
}

// writeMulti puts headers of several values into h.
func (r *response) writeMulti(h http.Header) {
	for i, p := range r.multi {
		if p.key == requestIDHeader || p.key == traceHeader {
			continue
		}
		if i == 0 || r.multi[i-1].key != p.key {
			h[p.key] = nil
		}
		h[p.key] = append(h[p.key], p.value)
	}
}

package runtimeapi

import (
	"net/http"
	"strconv"
	"strings"
)

// appendHead appends the head of r as the server shall see it: without what is
// said to the next neighbour only, and with the headers about the invocation in
// place of what a caller may have sent under their names. It is written by hand,
// straight from the headers that came, because it is on the way of every request.
func (w *webContext) appendHead(b []byte, r *http.Request, c *Call) []byte {
	b = append(append(b, r.Method...), ' ')
	b = append(b, r.URL.RequestURI()...)
	b = appendHeader(append(b, " HTTP/1.1\r\n"...), "Host", r.Host)
	named := r.Header["Connection"]
	for name, values := range r.Header {
		if hopByHop(name) || w.owns(name, c) || len(named) > 0 && listed(named, name) {
			continue
		}
		for _, v := range values {
			b = appendHeader(b, name, v)
		}
	}
	if listed(r.Header["Te"], "trailers") {
		b = append(b, "Te: trailers\r\n"...)
	}
	if to := upgradeTo(r.Header); to != "" {
		b = appendHeader(append(b, "Connection: Upgrade\r\n"...), "Upgrade", to)
	}
	return append(w.appendAbout(appendFraming(b, r), c), "\r\n"...)
}

// appendFraming appends the headers that say where the body ends.
func appendFraming(b []byte, r *http.Request) []byte {
	switch {
	case !hasBody(r):
		if r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch {
			b = append(b, "Content-Length: 0\r\n"...)
		}
		return b
	case r.ContentLength > 0:
		b = strconv.AppendInt(append(b, "Content-Length: "...), r.ContentLength, 10)
		return append(b, "\r\n"...)
	}
	b = append(b, "Transfer-Encoding: chunked\r\n"...)
	if len(r.Trailer) == 0 {
		return b
	}
	names := make([]string, 0, len(r.Trailer))
	for name := range r.Trailer {
		names = append(names, name)
	}
	return appendHeader(b, "Trailer", strings.Join(names, ", "))
}

// hopByHop reports whether a header (canonical name) concerns two neighbours
// only, or says where the body ends, which is said anew.
func hopByHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// listed reports whether a header that is a list has an element.
func listed(values []string, name string) bool {
	for _, v := range values {
		for n := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(n), name) {
				return true
			}
		}
	}
	return false
}

// upgradeTo is the protocol that a head asks for, or changes to; "" = none.
func upgradeTo(h http.Header) string {
	if len(h["Upgrade"]) == 0 || !listed(h["Connection"], "Upgrade") {
		return ""
	}
	return h["Upgrade"][0]
}

// addHeaders adds the headers of an answer, those for its neighbour left out.
func addHeaders(to, from http.Header) {
	named := from["Connection"]
	for name, values := range from {
		if hopByHop(name) || len(named) > 0 && listed(named, name) {
			continue
		}
		if have := to[name]; len(have) > 0 {
			values = append(have, values...)
		}
		to[name] = values
	}
}

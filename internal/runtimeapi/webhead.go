package runtimeapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
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
		if ebb.HopByHop(name) || w.owns(name, c) || len(named) > 0 && ebb.Listed(named, name) {
			continue
		}
		for _, v := range values {
			b = appendHeader(b, name, v)
		}
	}
	if ebb.Listed(r.Header["Te"], "trailers") {
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

// upgradeTo is the protocol that a head asks for, or changes to; "" = none.
func upgradeTo(h http.Header) string {
	if len(h["Upgrade"]) == 0 || !ebb.Listed(h["Connection"], "Upgrade") {
		return ""
	}
	return h["Upgrade"][0]
}

// addHeaders adds the headers of an answer, those for its neighbour left out.
func addHeaders(to, from http.Header) {
	named := from["Connection"]
	for name, values := range from {
		if ebb.HopByHop(name) || len(named) > 0 && ebb.Listed(named, name) {
			continue
		}
		if have := to[name]; len(have) > 0 {
			values = append(have, values...)
		}
		to[name] = values
	}
}

package plainhttp

import (
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// together is how much of head and body leaves as one piece of memory.
const together = 32 << 10

// answer is the ResponseWriter of one request.
type answer struct {
	c        *conn
	header   http.Header
	status   int
	length   int64 // of the body as the handler says; -1 = it does not
	written  int64 // of the body
	bodyless bool  // HEAD
	closes   bool  // the connection ends with it
	declined bool
	begun    bool   // the head is in out
	out      []byte // what is to be sent: head and body, or the body so far
	err      error  // the client could not be written to
}

// reset makes a ready for the answer to r, and keeps its memory.
func (a *answer) reset(c *conn, r *http.Request) {
	clear(a.header)
	*a = answer{c: c, header: a.header, out: a.out[:0], length: -1, bodyless: r.Method == http.MethodHead, closes: r.Close}
	if a.header == nil {
		a.header = make(http.Header, 8)
	}
}

// Decline has net/http serve the request: the handler, which has done nothing yet,
// would have to do more than write one whole answer.
func (a *answer) Decline() { a.declined = true }

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status != 0 || status < 200 {
		return
	}
	a.status = status
	if v := a.header["Content-Length"]; len(v) == 1 {
		if n, err := strconv.ParseUint(v[0], 10, 63); err == nil {
			a.length = int64(n)
		} else {
			delete(a.header, "Content-Length")
		}
	}
}

// hasBody reports whether HTTP allows a body with a's status.
func (a *answer) hasBody() bool {
	return a.status != http.StatusNoContent && a.status != http.StatusNotModified
}

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	switch {
	case !a.hasBody():
		return 0, http.ErrBodyNotAllowed
	case a.length >= 0 && a.written+int64(len(p)) > a.length:
		return 0, http.ErrContentLength
	case a.err != nil:
		return 0, a.err
	}
	a.written += int64(len(p))
	if a.bodyless {
		return len(p), nil
	}
	if a.length >= 0 && !a.begun {
		a.begun = true
		a.out = a.appendHead(a.out, p)
	}
	if !a.begun || len(a.out)+len(p) <= together {
		a.out = append(a.out, p...)
		return len(p), nil
	}
	pieces := net.Buffers{a.out, p}
	_, a.err = pieces.WriteTo(a.c.tcp)
	a.out = a.out[:0]
	return len(p), a.err
}

// finish sends what is not sent yet.
func (a *answer) finish() {
	a.WriteHeader(http.StatusOK)
	short := a.length >= 0 && a.written < a.length && a.hasBody() && !a.bodyless
	if !a.begun {
		body := a.out
		if a.length < 0 && a.hasBody() && !a.bodyless {
			a.length = a.written
			a.header["Content-Length"] = []string{strconv.FormatInt(a.length, 10)}
		}
		a.closes = a.closes || short
		a.out = a.appendHead(make([]byte, 0, 512+len(body)), body)
		a.out = append(a.out, body...)
	}
	if len(a.out) > 0 && a.err == nil {
		_, a.err = a.c.io.Write(a.out)
	}
	a.closes = a.closes || short || a.err != nil // who waits for the rest is told in this way
	if cap(a.out) > firstBuffer {
		a.out = nil // it may be long until the next
	}
}

// appendHead appends the status line and the headers. body is what is known of the
// body.
func (a *answer) appendHead(b, body []byte) []byte {
	b = append(b, "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(a.status), 10)
	b = append(b, ' ')
	if text := http.StatusText(a.status); text != "" {
		b = append(b, text...)
	} else {
		b = strconv.AppendInt(append(b, "status code "...), int64(a.status), 10)
	}
	b = append(b, '\r', '\n')
	for name, values := range a.header {
		if !httpguts.ValidHeaderFieldName(name) {
			continue
		}
		for _, v := range values {
			b = appendField(b, name, v)
		}
	}
	if _, ok := a.header["Date"]; !ok {
		b = appendField(b, "Date", a.c.s.date(time.Now()))
	}
	if _, ok := a.header["Content-Type"]; !ok && len(body) > 0 && a.header["Content-Encoding"] == nil {
		b = appendField(b, "Content-Type", http.DetectContentType(body))
	}
	if a.closes = a.closes || a.c.s.closing.Load(); a.closes && a.header["Connection"] == nil {
		b = appendField(b, "Connection", "close")
	}
	return append(b, '\r', '\n')
}

// appendField appends a header. A line end in it would begin another.
func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ':', ' ')
	if strings.IndexByte(value, '\n') >= 0 || strings.IndexByte(value, '\r') >= 0 {
		value = strings.NewReplacer("\n", " ", "\r", " ").Replace(value)
	}
	return append(append(b, value...), '\r', '\n')
}

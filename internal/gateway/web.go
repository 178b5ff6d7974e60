package gateway

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// firstBody is the largest body that is read before the function is called, so
// that a client who is slow to send it holds no place in an instance meanwhile.
const firstBody = 16 << 10

// waitingBody is how much of an answer net/http keeps to itself until it is
// flushed: so much more can be written without waiting for the client.
const waitingBody = 2 << 10

// web passes a request on to a web function as it is, and the answer back as it
// is written: but for small requests neither is kept, whatever its size.
func (g *Gateway) web(w http.ResponseWriter, r *request) {
	err := g.admitWeb(r)
	if err == nil && r.body == nil && r.ContentLength > 0 && r.ContentLength <= firstBody {
		r.body, err = g.readBody(nil, r, firstBody)
	}
	if err != nil {
		g.fail(w, r, err)
		return
	}
	r.uploading()
	// Both sides may speak at once; what HTTP/1 clients make of it is theirs.
	_ = http.NewResponseController(w).EnableFullDuplex() // not every writer can, and those are of tests
	out := webWriter{ResponseWriter: w, g: g, r: r}
	if r.route.timeout() > 0 {
		out.turn, out.waiting = new(turn), make(http.Header)
	}
	var sink failure
	inv := &ebb.Invocation{
		ID:          ebb.InvocationID(r.id),
		FunctionKey: r.route.FunctionKey,
		Qualifier:   r.route.Qualifier,
		TraceID:     r.trace,
		HTTP:        &ebb.Exchange{Request: g.forWeb(r), Writer: &out},
		Version:     r.version,
	}
	result, err, late := g.within(r, inv, &sink, out.turn)
	if out.hijacked {
		return
	}
	if !out.sent {
		r.last(w.Header())
	}
	r.leave()
	if late {
		g.fail(w, r, err)
		return
	}
	failed := err != nil || result.FunctionError != "" || bool(sink)
	switch {
	case failed && out.sent, !failed && out.gone != nil:
		g.log.DebugContext(r.Context(), "answer broken off", g.about(r, "error", errors.Join(err, out.gone))...)
		panic(http.ErrAbortHandler) // the one way to tell the client
	case failed && err != nil:
		g.fail(w, r, err)
	case failed:
		refuse(w, r, http.StatusBadGateway, nil)
	case out.sent:
		if out.limited {
			out.deadline(0) // the connection may carry other requests
		}
	default:
		g.log.DebugContext(r.Context(), "client left before the answer", g.about(r, "error", r.Context().Err())...)
	}
}

// admitWeb checks the caller. A signature covers the body, so that of a signed
// request is read first; any other goes through unread.
func (g *Gateway) admitWeb(r *request) (err error) {
	if r.route.http != nil {
		_, err = g.admitRoute(nil, r, false)
		return err
	}
	if r.route.AuthType == ebb.URLAuthNone {
		if !r.route.Public {
			return notPublic(r)
		}
		return nil
	}
	prove, err := g.auth.Begin(r.Request)
	if err != nil {
		return err
	}
	if r.body, err = g.readBody(nil, r, g.cfg.MaxBody); err != nil {
		return err
	}
	if r.principal, err = prove(r.body); err != nil {
		return err
	}
	return g.auth.Authorize(r.principal, "lambda:InvokeFunctionUrl", r.route.arn)
}

// forWeb is the request as the function shall see it.
func (g *Gateway) forWeb(r *request) *http.Request {
	out := r.WithContext(r.Context())
	out.URL = r.webURL()
	iam := r.principal.Kind != auth.Anonymous
	h := make(http.Header, len(r.Header)+6)
	connection := r.Header["Connection"]
	for name, values := range r.Header {
		hidden := neighbourly(connection, name) || r.route.http != nil && r.route.http.hides(name)
		if !hidden && (!iam || name != "Authorization" && name != "X-Amz-Security-Token") {
			h[name] = values
		}
	}
	if ebb.Listed(connection, "Upgrade") { // to which the function has to agree
		h["Connection"] = []string{"Upgrade"}
	}
	for _, c := range r.caller.headers {
		h[c.key] = []string{c.value}
	}
	if r.upload != nil {
		out.Body = r.upload
	}
	if r.body != nil {
		out.Body, out.ContentLength, out.TransferEncoding = http.NoBody, int64(len(r.body)), nil
		if len(r.body) > 0 {
			out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.body)), nil }
			out.Body, _ = out.GetBody() // never fails
		}
	}
	ip, proto, port := r.from()
	h["X-Forwarded-For"] = []string{ip}
	if before := r.Header["X-Forwarded-For"]; len(before) > 0 {
		h["X-Forwarded-For"] = append(before[:len(before):len(before)], ip)
	}
	h["X-Forwarded-Proto"], h["X-Forwarded-Port"], h["X-Forwarded-Host"] = []string{proto}, []string{port}, []string{r.Host}
	context := appendContext(make([]byte, 0, 768), r)
	h["X-Amzn-Request-Context"] = []string{string(context[len(`,"requestContext":`):])}
	out.Header = h
	return out
}

// neighbourly reports whether a client's header (canonical name) is for its
// neighbour only, which is the gateway: it goes before the gateway's own come, for
// those are not the client's to take away.
func neighbourly(connection []string, name string) bool {
	switch name {
	case "Connection":
		return true
	case "Te", "Upgrade": // which have to be named
		return false
	}
	return len(connection) > 0 && ebb.Listed(connection, name)
}

// webURL is where a web function finds itself: behind the id of a function URL,
// or behind what an HTTP route strips.
func (r *request) webURL() *url.URL {
	u := &url.URL{RawPath: r.path, RawQuery: r.URL.RawQuery, ForceQuery: r.URL.ForceQuery}
	if h := r.route.http; h != nil {
		n := strings.Count(h.settings.StripPrefix, "/")
		u.Path, u.RawPath = behind(r.URL.Path, n), behind(r.path, n)
	} else {
		id, _, _ := splitPath(r.URL.Path)
		u.Path = r.URL.Path[len(prefix)+len(id):]
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u
}

// behind is a path without its first n segments.
func behind(path string, n int) string {
	for range n {
		i := strings.IndexByte(path[1:], '/')
		if i < 0 {
			return "/"
		}
		path = path[i+1:]
	}
	return path
}

// failure is the sink of a web function's invocation: all it ever hears is that
// it failed.
type failure bool

func (f *failure) Head(h ebb.Head) error {
	*f = *f || h.FunctionError != ""
	return nil
}

func (f *failure) Write(b []byte) (int, error) { return len(b), nil } // for the function's log, not for the public

// webWriter is what a web function answers through.
type webWriter struct {
	http.ResponseWriter
	g        *Gateway
	r        *request
	sent     bool // the head is on its way to the client
	hijacked bool
	gone     error // the client could not be written to
	size     int   // bytes of the body so far
	limited  bool  // writing to the client has a deadline
	turn     *turn // who may answer; nil = nobody else does
	// waiting are the headers until it is the function's turn; nil = it is.
	waiting http.Header
}

// Header implements http.ResponseWriter.
func (w *webWriter) Header() http.Header {
	if w.waiting != nil {
		return w.waiting
	}
	return w.ResponseWriter.Header()
}

// first reports whether the function's answer may go to the client.
func (w *webWriter) first() bool {
	if w.waiting == nil {
		return w.gone == nil
	}
	if !w.turn.take() {
		w.gone = errLate
		return false
	}
	maps.Copy(w.ResponseWriter.Header(), w.waiting)
	w.waiting = nil
	return true
}

// WriteHeader adds the gateway's own headers to the function's.
func (w *webWriter) WriteHeader(status int) {
	if !w.first() {
		return
	}
	if status >= 200 && !w.sent {
		w.sent = true
		w.own()
		w.r.last(w.Header())
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *webWriter) own() {
	h := w.Header()
	h[requestIDHeader] = []string{w.r.id}
	h[traceHeader] = []string{w.r.trace}
	if w.r.route.CORS != nil {
		allowOrigin(h, w.r.route.CORS, w.r.Header.Get("Origin"))
	}
}

// Write gives the client a time to take each piece: while it takes nothing, it
// holds a place in an instance.
func (w *webWriter) Write(p []byte) (int, error) {
	if !w.sent {
		w.WriteHeader(http.StatusOK)
	}
	if w.gone != nil {
		return 0, w.gone
	}
	if w.size += len(p); w.size > waitingBody {
		w.limit()
	}
	n, err := w.ResponseWriter.Write(p)
	if err != nil {
		w.gone = err
	}
	return n, err
}

// FlushError is what http.ResponseController calls. An error shows at the next
// Write.
func (w *webWriter) FlushError() error {
	if w.gone != nil {
		return w.gone
	}
	w.limit()
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// limit gives the client a time to take what follows.
func (w *webWriter) limit() {
	w.limited = true
	w.deadline(w.g.cfg.Stall)
}

// deadline is when a write to the client fails; 0 = never.
func (w *webWriter) deadline(after time.Duration) {
	var at time.Time
	if after > 0 {
		at = time.Now().Add(after)
	}
	_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(at) // not every writer can, and those are of tests
}

// Hijack hands the connection over to a protocol that is not HTTP's.
func (w *webWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.first() {
		return nil, nil, w.gone
	}
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.sent, w.hijacked = true, true
		w.own()
	}
	return conn, rw, err
}

// Unwrap lets http.ResponseController find what else the writer can do.
func (w *webWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

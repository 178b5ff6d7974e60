package runtimeapi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// passing is one HTTP exchange on its way through.
type passing struct {
	trip
	call *Call
	body *upload
	err  error // of the round trip, or of what came back
}

// pass has the server answer an HTTP request itself.
func (s *Web) pass(c *Call, sink ebb.Sink) (Outcome, error) {
	x := c.HTTP
	ctx, release := s.bounded(x.Request.Context(), c)
	defer release()
	p := &passing{trip: trip{s: s}, call: c}
	in := x.Request.WithContext(ctx)
	if in.Body != nil && in.Body != http.NoBody {
		p.body = &upload{Reader: in.Body}
		in.Body = p.body
	}
	w := &begun{ResponseWriter: x.Writer}
	proxy := httputil.ReverseProxy{
		Transport: p, Rewrite: p.rewrite, ErrorHandler: p.fail,
		BufferPool: buffers{}, ErrorLog: silent,
	}
	p.serve(&proxy, w, in)
	p.drop()
	p.stopUpload(w)
	out := Outcome{Answered: w.yes, Size: p.size}
	err := errors.Join(p.err, p.failed)
	switch {
	case err == nil && ctx.Err() == nil || x.Request.Context().Err() != nil:
		return out, nil // done, or the client has left
	case w.yes && errors.Is(ctx.Err(), context.DeadlineExceeded):
		// It served until its time was over: nothing says that it hangs.
		return failed(ebb.ErrorTimeout, "The answer was not complete at the end of the timeout", true, sink), nil
	}
	if p.body != nil && p.body.read {
		p.begun = true // it cannot be sent again
	}
	if broken := s.judge(ctx, err, p.begun); broken != nil {
		return out, broken
	}
	return brokenOff(err, w.yes, sink), nil
}

// serve runs the proxy, which panics when it cannot complete an answer: that is
// for a server's handler, and here it is for the caller to say.
func (p *passing) serve(proxy *httputil.ReverseProxy, w http.ResponseWriter, r *http.Request) {
	defer func() {
		if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // the very value
			panic(v)
		}
	}()
	proxy.ServeHTTP(w, r)
}

// rewrite makes the request for the server. The headers that say where it came
// from are the gateway's, and the proxy has taken them off.
func (p *passing) rewrite(r *httputil.ProxyRequest) {
	r.Out.URL.Scheme, r.Out.URL.Host = "http", "127.0.0.1"
	r.Out.URL.RawQuery = r.In.URL.RawQuery // however odd: only the server reads it
	for _, name := range forwardedHeaders {
		if v, ok := r.In.Header[name]; ok {
			r.Out.Header[name] = v
		}
	}
	p.s.about.add(r.Out.Header, p.call)
}

var forwardedHeaders = [...]string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"}

// fail implements ReverseProxy.ErrorHandler: nothing is answered here.
func (p *passing) fail(_ http.ResponseWriter, _ *http.Request, err error) { p.err = err }

// stopUpload ends the sending of a request body that outlasted the answer.
func (p *passing) stopUpload(w http.ResponseWriter) {
	if p.sent == nil {
		return
	}
	select {
	case <-p.sent:
	default:
		// It may be waiting for the client.
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
		<-p.sent
	}
}

// upload is a request body. Closing it does nothing: it is the caller's, who may
// send the request elsewhere if nothing was read.
type upload struct {
	io.Reader
	read bool
}

func (u *upload) Read(p []byte) (int, error) {
	u.read = true
	return u.Reader.Read(p)
}

func (u *upload) Close() error { return nil }

// begun knows whether an answer has begun.
type begun struct {
	http.ResponseWriter
	yes bool
}

func (b *begun) WriteHeader(status int) {
	b.yes = b.yes || status >= 200
	b.ResponseWriter.WriteHeader(status)
}

func (b *begun) Write(p []byte) (int, error) {
	b.yes = true
	return b.ResponseWriter.Write(p)
}

// Hijack begins the answer of an upgrade.
func (b *begun) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	b.yes = true
	return http.NewResponseController(b.ResponseWriter).Hijack()
}

// Unwrap lets the rest of the writer be found.
func (b *begun) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// buffers lends the proxy what it copies with.
type buffers struct{}

func (buffers) Get() []byte  { return readBuffers.Get().(*[readSize]byte)[:] }
func (buffers) Put(b []byte) { readBuffers.Put((*[readSize]byte)(b)) }

// silent takes what the proxy would log: it is in the outcome.
var silent = log.New(io.Discard, "", 0)

package runtimeapi

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// passing is one HTTP exchange on its way through.
type passing struct {
	trip
	out      http.ResponseWriter
	answered bool  // an answer has begun
	pending  bool  // something was written that the client may not have got
	size     int64 // bytes of the answer's body so far
}

// pass has the server answer an HTTP request itself.
func (s *Web) pass(c *Call, sink ebb.Sink) (Outcome, error) {
	x := c.HTTP
	p := &passing{trip: trip{s: s, call: c, ctx: x.Request.Context(), request: x.Request}, out: x.Writer}
	p.interim = p.early
	err := p.run()
	left := p.ctx.Err() != nil // asked before stopUpload, which ends ctx
	p.drop()
	uploadErr := p.stopUpload()
	out := Outcome{Answered: p.answered, Size: p.size}
	switch {
	case err == nil || left || errors.Is(uploadErr, errClientBody):
		return out, nil //nolint:nilerr // done, or the client has left
	case p.answered && over(c.Deadline):
		// It served until its time was over: nothing says that it hangs.
		return failed(ebb.ErrorTimeout, "The answer was not complete at the end of the timeout", true, sink), nil
	}
	if broken := p.failed(err); broken != nil {
		return out, broken
	}
	return brokenOff(err, p.answered, sink), nil
}

// run passes the request on and the answer back. An error is the server's; a
// client that takes no more is its own matter.
func (p *passing) run() error {
	res, err := p.start()
	if err != nil {
		return err
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return p.upgrade(res)
	}
	h := p.out.Header()
	addHeaders(h, res.Header)
	announced := len(res.Trailer)
	if announced > 0 {
		names := make([]string, 0, announced)
		for name := range res.Trailer {
			names = append(names, name)
		}
		h.Add("Trailer", strings.Join(names, ", "))
	}
	p.answered, p.pending = true, true
	p.out.WriteHeader(res.StatusCode)
	if whole, err := p.copy(res); !whole || err != nil {
		return err
	}
	p.done()
	p.trailers(res.Trailer, announced)
	return nil
}

// early passes on an interim response.
func (p *passing) early(status int, header http.Header) {
	h := p.out.Header()
	addHeaders(h, header)
	p.out.WriteHeader(status)
	clear(h) // they are not of the answer
}

// copy passes the body on. It reports whether all of it went to the client.
func (p *passing) copy(res *http.Response) (whole bool, err error) {
	if res.Body == http.NoBody {
		return true, nil
	}
	if res.ContentLength < 0 || strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		// Of a stream the client has all that there is before more is waited for.
		p.wire.waits = p.flush
	}
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	for {
		n, err := res.Body.Read(buf[:])
		p.size += int64(n)
		if n > 0 {
			p.pending = true
			if _, err := p.out.Write(buf[:n]); err != nil {
				return false, nil
			}
		}
		if err == io.EOF {
			return true, nil
		}
		if err != nil {
			return false, err
		}
	}
}

// flush has the client get what was written.
func (p *passing) flush() {
	if p.pending {
		p.pending = false
		_ = http.NewResponseController(p.out).Flush() // an error shows at the next write
	}
}

// trailers passes on what came behind the body.
func (p *passing) trailers(trailer http.Header, announced int) {
	if len(trailer) == 0 {
		return
	}
	_ = http.NewResponseController(p.out).Flush() // or a short body would get a length, and no trailers
	prefix := ""
	if len(trailer) != announced {
		prefix = http.TrailerPrefix
	}
	h := p.out.Header()
	for name, values := range trailer {
		h[prefix+name] = append(h[prefix+name], values...)
	}
}

// stopUpload ends the sending of a request body that outlasted the answer, and
// returns why the sending failed, if it did.
func (p *passing) stopUpload() error {
	if p.sent == nil {
		return nil
	}
	p.flush()
	// It may only not have said yet that it is done. To interrupt it then would
	// end the client's connection, which is good for more requests.
	timer := time.NewTimer(endWait)
	defer timer.Stop()
	select {
	case err := <-p.sent:
		return err
	case <-timer.C: // it waits for the client
		_ = http.NewResponseController(p.out).SetReadDeadline(time.Unix(1, 0))
		<-p.sent //nolint:errcheck // it was cut off
		return nil
	}
}

package runtimeapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httputil"
)

const (
	// maxInterim is how many interim responses (1xx) one request may get.
	maxInterim = 16
	// maxAnswerHead is the most that comes before the body of an answer, in bytes.
	maxAnswerHead = 1 << 20
)

// trip is one request on one connection.
type trip struct {
	s       *Web
	call    *Call
	ctx     context.Context // of whoever waits for the answer
	request *http.Request
	interim func(status int, header http.Header) // hears of early responses; nil = they are dropped

	wire   *wire
	unhook func() bool // of the end of ctx
	sent   chan error  // what became of the body that is sent beside; nil = none is
	begun  bool        // the server may have seen something of the request
	again  bool        // the server keeps the connection
}

// start sends the request and returns the head of the answer. The body is read
// from the connection; done or drop end the trip.
func (t *trip) start() (*http.Response, error) {
	w, err := t.s.take(t.ctx, t.call.Deadline)
	if err != nil {
		return nil, err
	}
	t.wire, t.begun = w, true
	t.unhook = context.AfterFunc(t.ctx, w.close)
	sendErr := t.send()
	res, err := t.receive()
	if sendErr != nil {
		if err != nil {
			return nil, sendErr
		}
		res.Close = true // it refuses a request that it has not read to the end
	}
	if err != nil {
		return nil, err
	}
	t.again = !res.Close
	return res, nil
}

// send writes the request, or begins to: a body that is not in memory goes
// beside, on a goroutine, since the answer may begin before it ends.
func (t *trip) send() error {
	r := t.request
	p := writeBuffers.Get().(*[]byte)
	b := t.s.about.appendHead((*p)[:0], r, t.call)
	free := func() {
		if cap(b) <= readSize {
			*p = b[:0]
			writeBuffers.Put(p)
		}
	}
	if hasBody(r) && r.GetBody == nil {
		sent, w := make(chan error, 1), t.wire
		t.sent = sent
		go func() {
			defer free()
			err := t.upload(w, b)
			if errors.Is(err, errClientBody) {
				w.close() // or the server would wait for the rest
			}
			sent <- err
		}()
		return nil
	}
	defer free()
	if hasBody(r) {
		body, err := r.GetBody()
		if err != nil {
			return err
		}
		n := len(b)
		b = append(b, make([]byte, r.ContentLength)...)
		if _, err := io.ReadFull(body, b[n:]); err != nil {
			return err
		}
	}
	_, err := t.wire.Write(b)
	return err
}

// hasBody reports whether r has a body.
func hasBody(r *http.Request) bool {
	return r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0
}

// errClientBody marks that the body of a request did not come to its end.
var errClientBody = errors.New("the client broke off its request")

// upload sends head and the body as it comes.
func (t *trip) upload(to *wire, head []byte) error {
	if _, err := to.Write(head); err != nil {
		return err
	}
	r := t.request
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	if r.ContentLength > 0 {
		return t.copyBody(to, buf[:], func() error { return nil })
	}
	w := bufio.NewWriter(to)
	chunks := httputil.NewChunkedWriter(w)
	if err := t.copyBody(chunks, buf[:], w.Flush); err != nil {
		return err
	}
	_ = chunks.Close() // as all that follows it says so at Flush
	for name, values := range r.Trailer {
		for _, v := range values {
			_, _ = w.Write(appendHeader(nil, name, v))
		}
	}
	_, _ = w.WriteString("\r\n")
	return w.Flush()
}

// copyBody writes the request's body, each piece as soon as it is there.
func (t *trip) copyBody(w io.Writer, buf []byte, flush func() error) error {
	for {
		n, err := t.request.Body.Read(buf)
		if n > 0 {
			if _, err := w.Write(buf[:n]); err != nil {
				return err
			}
			if err := flush(); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errClientBody, err)
		}
	}
}

// receive reads the head of the answer.
func (t *trip) receive() (*http.Response, error) {
	limit := &t.wire.limit
	limit.N = maxAnswerHead
	defer func() { limit.N = math.MaxInt64 }()
	for range maxInterim {
		res, err := http.ReadResponse(t.wire.r, t.request)
		switch {
		case err != nil && limit.N <= 0:
			return nil, fmt.Errorf("more than %d bytes of headers", maxAnswerHead)
		case err != nil:
			return nil, err
		case res.StatusCode < http.StatusContinue:
			return nil, fmt.Errorf("status %d", res.StatusCode)
		case res.StatusCode >= http.StatusOK || res.StatusCode == http.StatusSwitchingProtocols:
			return res, nil
		case res.StatusCode != http.StatusContinue && t.interim != nil:
			t.interim(res.StatusCode, res.Header)
		}
	}
	return nil, fmt.Errorf("more than %d interim responses", maxInterim)
}

// done gives the connection back once the answer is complete.
func (t *trip) done() {
	if t.sent != nil {
		select {
		case err := <-t.sent:
			t.sent = nil
			t.again = t.again && err == nil
		default:
			t.again = false // it is still being used
		}
	}
	if !t.again || t.wire.r.Buffered() > 0 || !t.unhook() {
		t.drop()
		return
	}
	t.s.keep(t.wire)
	t.wire = nil
}

// drop closes the connection if it was not given back.
func (t *trip) drop() {
	if t.wire != nil {
		t.unhook()
		t.s.discard(t.wire)
		t.wire = nil
	}
}

// failed says what an error means for the instance: nil if others can still use
// it, else what Invoke returns.
func (t *trip) failed(err error) error {
	switch {
	case t.s.life.Err() != nil:
		err = ErrClosed
	case over(t.call.Deadline):
		return context.DeadlineExceeded
	case errors.Is(err, context.DeadlineExceeded): // a shade early
		return context.DeadlineExceeded
	}
	if !t.begun {
		return notDelivered(err)
	}
	return t.s.judge(err)
}

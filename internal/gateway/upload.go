package gateway

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// upload is a body that a web function reads while it answers.
//
// net/http leaves what both sides speaking at once means to the handler: what is
// left of the body when the answer is complete would be read as the next
// request. Such a connection ends with its answer instead, and the answer says so.
type upload struct {
	io.ReadCloser
	ended atomic.Bool // read to its end: what follows is another request
}

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	n, err := u.ReadCloser.Read(p)
	if err == io.EOF {
		u.ended.Store(true)
	}
	return n, err
}

// uploading prepares for that the function answers before it has read the body.
func (r *request) uploading() {
	if r.ProtoMajor == 1 && r.body == nil && r.Body != nil && r.ContentLength != 0 {
		r.upload = &upload{ReadCloser: r.Body}
	}
}

// unread reports whether something of the body is left in the connection.
func (r *request) unread() bool { return r.upload != nil && !r.upload.ended.Load() }

// last has the answer say that its connection ends, if it has to.
func (r *request) last(h http.Header) {
	if r.unread() {
		h["Connection"] = []string{"close"}
	}
}

// leave bounds how long net/http takes the rest of the body from a client, who
// could miss the answer otherwise.
func (r *request) leave() {
	if r.unread() {
		_ = http.NewResponseController(r.out).SetReadDeadline(time.Now().Add(linger)) // not every writer can, and those are of tests
	}
}

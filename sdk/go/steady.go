package client

import (
	"bytes"
	"io"
	"net/http"
)

// steady is an http.Client for the AWS SDK. The SDK closes a request's body as
// soon as an answer begins; net/http may then still be looking for the body's
// end, takes that for a failure to send and closes the connection, in the middle
// of the answer. Platforms close by answer that fast. So net/http gets a body of
// its own, as far as it is small.
type steady struct{ *http.Client }

// steadyLimit is up to how many bytes a body is copied.
const steadyLimit = 512 << 10

func (s steady) Do(r *http.Request) (*http.Response, error) {
	if r.Body == nil || r.ContentLength <= 0 || r.ContentLength > steadyLimit {
		return s.Client.Do(r)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := r.Body.Close(); err != nil {
		return nil, err
	}
	own := r.Clone(r.Context())
	own.Body = io.NopCloser(bytes.NewReader(body))
	return s.Client.Do(own)
}

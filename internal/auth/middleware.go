package auth

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Options of Middleware.
type Options struct {
	// MaxBody is the largest body in bytes; larger ones are TooLarge.
	MaxBody int64
	// Open names the requests that need no credentials, nil if there are none.
	// They go on with their body unread and an anonymous principal.
	Open func(*http.Request) bool
	// Fail answers a request that was refused. err is an *ebb.Error unless the
	// body could not be read.
	Fail func(w http.ResponseWriter, r *http.Request, err error)
}

type bodyKey struct{}

// Middleware is the one door of an HTTP API: it reads the whole body (up to the
// limit), has by prove the caller, and calls next with the Principal (From) and
// the body (Body, and r.Body again) in the request.
func Middleware(by Authenticator, opt Options, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if opt.Open != nil && opt.Open(r) {
			next.ServeHTTP(w, r)
			return
		}
		p, body, err := admit(w, r, by, opt.MaxBody)
		if err != nil {
			opt.Fail(w, r, err)
			return
		}
		ctx := context.WithValue(With(r.Context(), p), bodyKey{}, body)
		r = r.WithContext(ctx)
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// Body returns the request body that Middleware read; nil without one. It is
// read-only.
func Body(ctx context.Context) []byte {
	b, _ := ctx.Value(bodyKey{}).([]byte)
	return b
}

func admit(w http.ResponseWriter, r *http.Request, by Authenticator, limit int64) (Principal, []byte, error) {
	prove, err := by.Begin(r)
	if err != nil {
		return Principal{}, nil, err
	}
	if r.ContentLength > limit {
		return Principal{}, nil, tooLarge(limit)
	}
	body, err := readBody(w, r, limit)
	if err != nil {
		return Principal{}, nil, err
	}
	p, err := prove(body)
	return p, body, err
}

// readBody reads r's body. The buffer starts no larger than 1 MiB, because the
// length that a caller announces is not yet proved by anything.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return nil, nil
	}
	var buf bytes.Buffer
	if n := r.ContentLength; n > 0 {
		buf.Grow(int(min(n, 1<<20)) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, limit))
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, tooLarge(limit)
	}
	if err != nil {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidRequestContent, "Body: could not be read: %w", err)
	}
	return buf.Bytes(), nil
}

func tooLarge(limit int64) error {
	return ebb.Errorf(ebb.TooLarge, ebb.TypeRequestTooLarge,
		"Request must be smaller than %d bytes.", limit)
}

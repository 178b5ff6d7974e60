package gateway

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// fail answers a request that did not get to the function.
func (g *Gateway) fail(w http.ResponseWriter, r *request, err error) {
	if r.Context().Err() != nil && errors.Is(err, context.Canceled) {
		g.log.DebugContext(r.Context(), "client left before the function began", "request", r.id, "error", err)
		return
	}
	known, ok := errors.AsType[*ebb.Error](err)
	if !ok {
		known = &ebb.Error{Kind: ebb.Internal, Type: ebb.TypeServiceException}
	}
	status := known.Kind.Status()
	if status == http.StatusInternalServerError {
		g.log.ErrorContext(r.Context(), "function URL request failed", "request", r.id, "path", r.URL.Path, "error", err)
	}
	refuse(w, r, status, known)
}

// messageOf is what the public is told. Only what the caller can change is
// told in detail.
func messageOf(status int, err *ebb.Error) string {
	switch status {
	case http.StatusForbidden:
		return "Forbidden"
	case http.StatusNotFound:
		return "Not Found"
	case http.StatusTooManyRequests:
		return "Rate Exceeded."
	case http.StatusServiceUnavailable:
		return "Service Unavailable"
	case http.StatusInternalServerError, http.StatusBadGateway:
		return "Internal Server Error"
	}
	return err.Message
}

// refuse answers with status and {"Message":…}. err is nil if the function is
// at fault.
func refuse(w http.ResponseWriter, r *request, status int, err *ebb.Error) {
	body := append([]byte(nil), `{"Message":`...)
	body = appendString(body, messageOf(status, err))
	h := w.Header()
	if err != nil {
		h["X-Amzn-Errortype"] = []string{err.Type}
		if err.Reason != "" {
			body = append(body, `,"Reason":`...)
			body = appendString(body, err.Reason)
		}
		if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
			h["Retry-After"] = []string{retryAfter(err.RetryAfter)}
		}
	}
	body = append(body, '}')
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if r.route != nil && r.route.CORS != nil {
		allowOrigin(h, r.route.CORS, r.Header.Get("Origin"))
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may be gone; there is nobody else to tell
}

// retryAfter is d in whole seconds, at least one.
func retryAfter(d time.Duration) string {
	return strconv.Itoa(max(1, int(math.Ceil(d.Seconds()))))
}

package gateway

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// linger is how long a client that is refused may go on to send its body before
// it is answered.
const linger = time.Second

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
	status := r.statusOf(known)
	if status == http.StatusInternalServerError {
		g.log.ErrorContext(r.Context(), "request failed", "request", r.id, "path", r.URL.Path, "error", err)
	}
	refuse(w, r, status, known)
}

// statusOf is the status of a refusal. At HTTP routes it says who is not known
// apart from who may not.
func (r *request) statusOf(err *ebb.Error) int {
	switch {
	case !r.plain:
	case err.Kind == ebb.Unauthenticated:
		return http.StatusUnauthorized
	case err.Type == ebb.TypeMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case err.Type == ebb.TypeGatewayTimeout:
		return http.StatusGatewayTimeout
	}
	return err.Kind.Status()
}

// refusal is the text of a refusal: of a function URL as Lambda words it, of an
// HTTP route as API Gateway does, with a code besides.
func (r *request) refusal(status int, err *ebb.Error) []byte {
	if !r.plain {
		return appendString([]byte(`{"Message":`), messageOf(status, err))
	}
	text, code := "Internal Server Error", "FunctionError"
	if err != nil {
		code = err.Type
	}
	switch {
	case status < http.StatusInternalServerError:
		text = err.Message
	case status == http.StatusGatewayTimeout:
		text = "Gateway Timeout"
	case status == http.StatusServiceUnavailable:
		text = "Service Unavailable"
	}
	body := appendString([]byte(`{"message":`), text)
	body = appendString(append(body, `,"code":`...), code)
	return appendString(append(body, `,"requestId":`...), r.id)
}

// challenge is what a caller who is not known could prove it with.
func (r *request) challenge(err *ebb.Error) string {
	if r.route == nil || r.route.http == nil {
		return ""
	}
	switch r.route.http.settings.Auth {
	case ebb.RouteAuthJWT:
		return `Bearer error="invalid_token", error_description="` + strings.ReplaceAll(err.Message, `"`, `'`) + `"`
	case ebb.RouteAuthKey:
		return "ApiKey"
	case ebb.RouteAuthIAM:
		return "AWS4-HMAC-SHA256"
	}
	return "Mutual"
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
	body := r.refusal(status, err)
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
	if status == http.StatusUnauthorized {
		h["Www-Authenticate"] = []string{r.challenge(err)}
	}
	body = append(body, '}')
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	if r.ContentLength != 0 && r.body == nil {
		// net/http reads on before it answers, however slowly the client sends.
		_ = http.NewResponseController(r.out).SetReadDeadline(time.Now().Add(linger)) // not every writer can, and those are of tests
	}
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

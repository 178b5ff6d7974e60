package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// errorPages is where the page of an error type is.
const errorPages = "https://github.com/ebb-faas/ebb/blob/main/docs/errors/"

// Problem is an answer that says no (RFC 9457).
type Problem struct {
	Type   string              `json:"type" format:"uri" doc:"the page about this error"`
	Title  string              `json:"title" doc:"the HTTP status in words"`
	Status int                 `json:"status"`
	Detail string              `json:"detail" doc:"what is wrong, for people; names the field"`
	Code   string              `json:"code" example:"ResourceNotFoundException" doc:"the name of the error"`
	Errors []*huma.ErrorDetail `json:"errors,omitempty" doc:"each field that is wrong"`

	headers http.Header
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// statusOf is the status of a kind. A wrong parameter is 422, as it is when the
// framework finds it.
func statusOf(k ebb.Kind) int {
	if k == ebb.Invalid {
		return http.StatusUnprocessableEntity
	}
	return k.Status()
}

// problem turns an error into the answer. What the caller is not told is logged
// here, once.
func (a *API) problem(ctx context.Context, err error) *Problem {
	known, ok := errors.AsType[*ebb.Error](err)
	if !ok {
		known = &ebb.Error{Kind: ebb.Internal, Type: ebb.TypeServiceException}
	}
	p := newProblem(statusOf(known.Kind), known.Type, known.Message)
	if p.Status == http.StatusInternalServerError {
		a.cfg.Log.ErrorContext(ctx, "/v1 request failed", "request", requestID(ctx), "error", err)
		p.Detail = "Internal Server Error"
	}
	if known.RetryAfter > 0 {
		p.headers.Set("Retry-After", strconv.Itoa(int(math.Ceil(known.RetryAfter.Seconds()))))
	}
	return p
}

func newProblem(status int, code, detail string) *Problem {
	return &Problem{
		Type: errorPages + code + ".md", Title: http.StatusText(status), Status: status, Detail: detail, Code: code,
		headers: http.Header{"X-Amzn-Errortype": {code}},
	}
}

// write sends p outside of huma.
func (p *Problem) write(w http.ResponseWriter) {
	h := w.Header()
	for k, v := range p.headers {
		h[k] = v
	}
	h.Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}

// ownErrors is a huma.Transformer: huma's own refusals (a parameter that is not
// a number, and so on) in our shape.
func ownErrors(ctx huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	code := ebb.TypeInvalidParameterValue
	if m.Status >= http.StatusInternalServerError {
		code = ebb.TypeServiceException
	}
	p := newProblem(m.Status, code, m.Detail)
	p.Errors = m.Errors
	for _, e := range m.Errors {
		e.Value = nil // it may be a secret
		p.Detail += "; " + e.Location + ": " + e.Message
	}
	ctx.SetHeader("X-Amzn-Errortype", code)
	return p, nil
}

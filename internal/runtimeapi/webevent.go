package runtimeapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// maxStatusText is how much of a refused event's answer its error repeats.
const maxStatusText = 256

// event hands over an event that is no HTTP request: the server gets it as a
// POST, and the body of what it says is the answer.
func (s *Web) event(ctx context.Context, c *Call, sink ebb.Sink) (Outcome, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:"+strconv.Itoa(s.web.Port)+s.about.eventPath,
		bytes.NewReader(c.Payload))
	if err != nil {
		return failed(ebb.ErrorInvalidEntrypoint, ebb.EnvEventPath+": "+err.Error(), false, sink), nil //nolint:nilerr // the function's setting is wrong
	}
	req.Header["Content-Type"] = []string{"application/json"}
	req.Header["User-Agent"] = []string{"ebb"}
	t := &trip{s: s, call: c, ctx: ctx, request: req}
	body, tooLarge, status, err := t.whole(s.opt.MaxResponse)
	t.drop()
	switch {
	case err != nil:
		if ended := ctx.Err(); ended != nil {
			return Outcome{}, ended
		}
		if broken := t.failed(err); broken != nil {
			return Outcome{}, broken
		}
		return brokenOff(err, false, sink), nil
	case tooLarge:
		o := failed(ebb.ErrorResponseSize, sizeMessage(s.opt.MaxResponse), false, sink)
		o.Size = s.opt.MaxResponse + 1
		return o, nil
	case status >= http.StatusBadRequest:
		text := strings.ToValidUTF8(string(body[:min(len(body), maxStatusText)]), "")
		return failed(ebb.ErrorStatus, fmt.Sprintf("POST %s: %d %s: %s",
			s.about.eventPath, status, http.StatusText(status), text), false, sink), nil
	}
	out := Outcome{Answered: true, Size: int64(len(body))}
	if sink.Head(ebb.Head{}) == nil {
		_, _ = sink.Write(asJSON(body)) // a caller who is gone is the caller's matter
	}
	return out, nil
}

// whole makes the trip and reads all that comes back.
func (t *trip) whole(limit int64) (body []byte, tooLarge bool, status int, err error) {
	res, err := t.start() //nolint:bodyclose // drop closes what it came on
	if err != nil {
		return nil, false, 0, err
	}
	body, tooLarge, err = readAll(res.Body, nil, res.ContentLength, limit, func() error { return nil })
	if err == nil && !tooLarge {
		t.done()
	}
	return body, tooLarge, res.StatusCode, err
}

// asJSON is body as the answer of an invocation must be: JSON. Text becomes a
// string.
func asJSON(body []byte) []byte {
	switch {
	case len(bytes.TrimSpace(body)) == 0:
		return []byte("null")
	case json.Valid(body):
		return body
	}
	text, err := json.Marshal(string(body))
	if err != nil { // a string always marshals
		panic(err)
	}
	return text
}

// webContext is what every request tells of the function, as the AWS Lambda Web
// Adapter does.
type webContext struct {
	eventPath string
	arn       string
	env       []byte // the members tenant_id and env_config and the end of the document
}

func newWebContext(init Init) webContext {
	w := webContext{eventPath: init.Env[ebb.EnvEventPath], arn: init.ARN}
	if !strings.HasPrefix(w.eventPath, "/") {
		w.eventPath = ebb.DefaultEventPath
	}
	memory, _ := strconv.Atoi(init.Env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"])
	env, err := json.Marshal(struct {
		Name    string `json:"function_name"`
		Memory  int    `json:"memory"`
		Version string `json:"version"`
		Stream  string `json:"log_stream"`
		Group   string `json:"log_group"`
	}{init.Env["AWS_LAMBDA_FUNCTION_NAME"], memory, init.Env["AWS_LAMBDA_FUNCTION_VERSION"],
		init.Env["AWS_LAMBDA_LOG_STREAM_NAME"], init.Env["AWS_LAMBDA_LOG_GROUP_NAME"]})
	if err != nil { // strings and a number always marshal
		panic(err)
	}
	if init.Tenant != "" {
		w.env = appendJSONString([]byte(`,"tenant_id":`), init.Tenant)
	}
	w.env = append(append(append(w.env, `,"env_config":`...), env...), '}')
	return w
}

// owns reports whether a header (canonical name) is one of those about the
// invocation, or is written with the body.
func (w *webContext) owns(name string, c *Call) bool {
	switch name {
	case "Content-Length", "Host", "X-Amzn-Request-Id", "X-Amzn-Lambda-Context":
		return true
	case "X-Amzn-Trace-Id":
		return c.TraceID != ""
	}
	return false
}

// appendAbout appends the headers about the invocation.
func (w *webContext) appendAbout(b []byte, c *Call) []byte {
	b = appendHeader(b, "X-Amzn-Request-Id", string(c.ID))
	if c.TraceID != "" {
		b = appendHeader(b, "X-Amzn-Trace-Id", c.TraceID)
	}
	b = append(b, "X-Amzn-Lambda-Context: "...)
	return append(w.appendContext(b, c), "\r\n"...)
}

func (w *webContext) appendContext(b []byte, c *Call) []byte {
	b = append(append(b, `{"request_id":"`...), c.ID...)
	b = append(b, `","deadline":`...)
	if c.Deadline.IsZero() {
		b = append(b, '0')
	} else {
		b = strconv.AppendInt(b, c.Deadline.UnixMilli(), 10)
	}
	b = append(append(b, `,"invoked_function_arn":"`...), c.ARN...)
	b = append(b, `","xray_trace_id":`...)
	b = appendJSONString(b, c.TraceID)
	b = append(b, `,"client_context":`...)
	if len(c.ClientContext) > 0 && json.Valid(c.ClientContext) {
		flat := bytes.NewBuffer(b)
		_ = json.Compact(flat, c.ClientContext) // it is valid; a header has no line ends
		b = flat.Bytes()
	} else {
		b = append(b, `null`...)
	}
	b = append(b, `,"identity":null`...)
	return append(b, w.env...)
}

// appendJSONString appends s in quotes; what callers send is seldom anything but
// plain.
func appendJSONString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, err := json.Marshal(s)
			if err != nil { // a string always marshals
				panic(err)
			}
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}

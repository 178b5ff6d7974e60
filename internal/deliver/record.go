package deliver

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// record is the invocation record that destinations get, as AWS has it.
type record struct {
	Version         string          `json:"version"`
	Timestamp       string          `json:"timestamp"`
	RequestContext  requestContext  `json:"requestContext"`
	RequestPayload  json.RawMessage `json:"requestPayload"`
	ResponseContext *response       `json:"responseContext,omitempty"`
	ResponsePayload json.RawMessage `json:"responsePayload,omitempty"`
}

type requestContext struct {
	RequestID   ebb.InvocationID `json:"requestId"`
	FunctionARN string           `json:"functionArn"`
	Condition   string           `json:"condition"`
	Count       int              `json:"approximateInvokeCount"`
}

type response struct {
	StatusCode      int    `json:"statusCode"`
	ExecutedVersion string `json:"executedVersion"`
	FunctionError   string `json:"functionError,omitempty"`
}

// Delivery is what a target gets.
type Delivery struct {
	Request    ebb.InvocationID  `json:"request"`
	Function   ebb.FunctionKey   `json:"function"`
	Target     string            `json:"target"` // ARN
	At         time.Time         `json:"at"`     // when the task ended
	Attributes map[string]string `json:"attributes,omitempty"`
	Checked    bool              `json:"checked,omitempty"`
	Trace      string            `json:"trace,omitempty"`
	Policy     *Policy           `json:"policy,omitempty"` // of the source of an event; nil = a record of a task
	Folder     string            `json:"folder,omitempty"` // in a bucket; "" = that of asynchronous invocations
	Content    []byte            `json:"-"`                // JSON
}

// record is the task's invocation record.
func (t *task) record(condition string) (*Delivery, error) {
	qualifier := t.env.Qualifier
	if qualifier == "" {
		qualifier = ebb.Latest
	}
	now := t.d.cfg.Now().UTC()
	r := record{
		Version:   "1.0",
		Timestamp: now.Format("2006-01-02T15:04:05.000Z"),
		RequestContext: requestContext{
			RequestID: t.env.Request, FunctionARN: ebb.FunctionARN(t.d.cfg.Region, t.key, qualifier),
			Condition: condition, Count: t.runs(),
		},
		RequestPayload: t.payload,
	}
	if t.res.Version != "" {
		r.ResponseContext = &response{StatusCode: http.StatusOK, ExecutedVersion: t.res.Version, FunctionError: t.res.FunctionError}
		r.ResponsePayload = document(t.answer.body)
	}
	var content bytes.Buffer
	enc := json.NewEncoder(&content)
	enc.SetEscapeHTML(false) // payloads stay as they came
	if err := enc.Encode(&r); err != nil {
		return nil, err
	}
	return &Delivery{Request: t.env.Request, Function: t.key, At: now, Trace: t.trace,
		Content: bytes.TrimSuffix(content.Bytes(), []byte("\n"))}, nil
}

// runs is how often the function ran.
func (t *task) runs() int {
	n := t.env.Tries
	if t.res.Version != "" && t.res.FunctionError == "" {
		n++
	}
	return n
}

// document is an answer as it stands in a record: itself where it is JSON, else
// a string of it.
func document(body []byte) json.RawMessage {
	if len(body) == 0 {
		return json.RawMessage("null")
	}
	if json.Valid(body) {
		return body
	}
	text, err := json.Marshal(string(body))
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}

// deadLetter is what a dead-letter target gets: the event as it came, and why in
// attributes.
func (t *task) deadLetter(condition string) *Delivery {
	const longest = 1024
	status, message := http.StatusOK, string(t.answer.body)
	if t.res.FunctionError == "" {
		status, message = http.StatusInternalServerError, condition
		if n := len(t.env.Attempts); n > 0 {
			message += ": " + t.env.Attempts[n-1].Message
		}
	} else if m := errorMessage(t.answer.body); m != "" {
		message = m
	}
	return &Delivery{
		Request: t.env.Request, Function: t.key, At: t.d.cfg.Now().UTC(), Trace: t.trace, Content: t.payload,
		Attributes: map[string]string{
			"RequestID": string(t.env.Request), "ErrorCode": strconv.Itoa(status), "ErrorMessage": clip(message, longest),
		},
	}
}

// errorMessage reads the message of a function's error document.
func errorMessage(body []byte) string {
	var doc struct {
		Message string `json:"errorMessage"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return ""
	}
	return doc.Message
}

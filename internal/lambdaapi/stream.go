package lambdaapi

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream"

	"github.com/ebb-faas/ebb/internal/ebb"
)

const (
	opInvokeStream = "InvokeWithResponseStream"

	// maxChunk is the payload of the largest event: readers keep one in memory.
	maxChunk = 1 << 20
	// streamStall is how long one event may take to a caller who does not read.
	streamStall = time.Minute
)

// serveInvokeStream is the operation InvokeWithResponseStream: the answer is a
// stream of events, PayloadChunk as the function writes and InvokeComplete at
// the end. What goes wrong before the function began is a plain refusal.
func (a *API) serveInvokeStream(w http.ResponseWriter, r *http.Request) {
	inv, kind, err := a.invocation(w, r)
	if err == nil && kind == typeEvent {
		err = ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "1 validation error detected: %s",
			notInSet(kind, "invocationType", "[RequestResponse, DryRun]"))
	}
	if err == nil {
		// The version stands in a header, so it must be known before the answer.
		inv.Version, err = a.invoker.Resolve(r.Context(), inv.FunctionKey, inv.Qualifier)
	}
	if err == nil {
		err = a.invoker.Check(r.Context(), inv)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if kind == typeDryRun {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	sink := &stream{w: w, control: http.NewResponseController(w), encode: eventstream.NewEncoder(), version: inv.Version.Qualifier()}
	res, err := a.invoker.Invoke(r.Context(), inv, sink)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	if err := sink.complete(&res); err != nil {
		a.log.Debug("stream not delivered", "request", requestID(w), "error", err)
	}
}

// stream is the sink of one invocation.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	encode  *eventstream.Encoder
	version string
	begun   bool
	failure []byte // the error document of a function that failed before it wrote anything
	failed  bool
}

// Head implements ebb.Sink.
func (s *stream) Head(h ebb.Head) error {
	s.failed = h.FunctionError != ""
	if s.failed {
		return nil
	}
	return s.begin()
}

// begin sends the headers of the answer.
func (s *stream) begin() error {
	if s.begun {
		return nil
	}
	s.begun = true
	h := s.w.Header()
	h["Content-Type"] = []string{"application/vnd.amazon.eventstream"}
	h["X-Amz-Executed-Version"] = []string{s.version}
	s.w.WriteHeader(http.StatusOK)
	return s.control.Flush()
}

// Write implements ebb.Sink.
func (s *stream) Write(b []byte) (int, error) {
	if s.failed {
		s.failure = append(s.failure, b...)
		return len(b), nil
	}
	for rest := b; len(rest) > 0; {
		n := min(len(rest), maxChunk)
		if err := s.send("PayloadChunk", "application/octet-stream", rest[:n]); err != nil {
			return 0, err
		}
		rest = rest[n:]
	}
	return len(b), nil
}

// complete sends the last event, with the function's error if there is one.
func (s *stream) complete(res *ebb.Result) error {
	var last InvokeWithResponseStreamCompleteEvent
	document := res.LateError
	if document == nil && s.failed {
		document = s.failure
	}
	if document != nil || res.FunctionError != "" {
		code := res.ErrorType
		if code == "" {
			code = ebb.FunctionErrorUnhandled
		}
		last.ErrorCode, last.ErrorDetails = &code, new(string(document))
	}
	if res.LogTail != nil {
		last.LogResult = new(base64.StdEncoding.EncodeToString(res.LogTail))
	}
	text, err := json.Marshal(last)
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil {
		return err
	}
	if err := s.send("InvokeComplete", "application/json", text); err != nil {
		return err
	}
	return s.control.SetWriteDeadline(time.Time{}) // the connection may carry other requests
}

func (s *stream) send(event, contentType string, payload []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(streamStall)); err != nil {
		return err
	}
	err := s.encode.Encode(s.w, eventstream.Message{
		Headers: eventstream.Headers{
			{Name: ":message-type", Value: eventstream.StringValue("event")},
			{Name: ":event-type", Value: eventstream.StringValue(event)},
			{Name: ":content-type", Value: eventstream.StringValue(contentType)},
		},
		Payload: payload,
	})
	if err != nil {
		return err
	}
	return s.control.Flush()
}

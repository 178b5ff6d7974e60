package runtimeapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Headers of the Lambda Runtime API, in Go's canonical spelling.
const (
	headerRequestID     = "Lambda-Runtime-Aws-Request-Id"
	headerDeadline      = "Lambda-Runtime-Deadline-Ms"
	headerARN           = "Lambda-Runtime-Invoked-Function-Arn"
	headerTrace         = "Lambda-Runtime-Trace-Id"
	headerClientContext = "Lambda-Runtime-Client-Context"
	headerTenant        = "Lambda-Runtime-Aws-Tenant-Id"
	headerErrorType     = "Lambda-Runtime-Function-Error-Type"
	headerErrorBody     = "Lambda-Runtime-Function-Error-Body"
	headerResponseMode  = "Lambda-Runtime-Function-Response-Mode"
)

// errorInvalidMode is what the caller is told of a runtime that asks for an
// unknown response mode.
const errorInvalidMode = "Runtime.InvalidResponseModeHeader"

const runtimePrefix = "/2018-06-01/runtime/"

var errorTypeRE = regexp.MustCompile(`^(Runtime|Function)\.[A-Z][a-zA-Z]+$`)

// refusal is an error answer to the runtime.
type refusal struct {
	status    int
	errorType string
	message   string
}

var invalidRequestID = refusal{http.StatusBadRequest, "InvalidRequestID", "Invalid request ID"}

func transition(from, to httpState) *refusal {
	return &refusal{http.StatusForbidden, "InvalidStateTransition", fmt.Sprintf(
		"State transition from %s to %s failed for runtime. Error: State transition is not allowed", from, to)}
}

// route finds the call. The paths are few and fixed, and one has the request id
// in the middle.
func (s *HTTP) route(w http.ResponseWriter, r *http.Request) {
	method, handle := s.find(r.URL.Path)
	switch {
	case handle == nil:
		http.NotFound(w, r)
	case r.Method != method:
		w.Header().Set("Allow", method)
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
	default:
		handle(w, r)
	}
}

func (s *HTTP) find(path string) (method string, handle http.HandlerFunc) {
	if path == "/2018-06-01/ping" {
		return http.MethodGet, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "pong") }
	}
	rest, ok := strings.CutPrefix(path, runtimePrefix)
	if !ok {
		return "", nil
	}
	switch rest {
	case "invocation/next":
		return http.MethodGet, s.next
	case "init/error":
		return http.MethodPost, s.initError
	}
	rest, ok = strings.CutPrefix(rest, "invocation/")
	if !ok {
		return "", nil
	}
	id, verb, _ := strings.Cut(rest, "/")
	switch verb {
	case "response":
		return http.MethodPost, func(w http.ResponseWriter, r *http.Request) { s.response(w, r, id) }
	case "error":
		return http.MethodPost, func(w http.ResponseWriter, r *http.Request) { s.invocationError(w, r, id) }
	}
	return "", nil
}

// next is the long poll. It waits for as long as the instance lives.
func (s *HTTP) next(w http.ResponseWriter, r *http.Request) {
	x, no := s.poll()
	if no != nil {
		refuse(w, no)
		return
	}
	if x == nil {
		select {
		case x = <-s.offer:
			s.handOver(x)
		case <-s.closed:
			w.WriteHeader(http.StatusInternalServerError)
			return
		case <-r.Context().Done():
			return
		}
	}
	c := x.call
	h := w.Header()
	set := func(key, value string) {
		if value != "" {
			h[key] = []string{value}
		}
	}
	set("Content-Type", "application/json")
	set("Content-Length", strconv.Itoa(len(c.Payload)))
	set(headerRequestID, string(c.ID))
	set(headerARN, c.ARN)
	set(headerTrace, c.TraceID)
	set(headerTenant, s.tenant)
	set(headerClientContext, strings.NewReplacer("\r", " ", "\n", " ").Replace(string(c.ClientContext)))
	if !c.Deadline.IsZero() {
		set(headerDeadline, strconv.FormatInt(c.Deadline.UnixMilli(), 10))
	}
	// A runtime that is gone by now shows as a process that ended: what could
	// not be written needs no other report.
	_, _ = w.Write(c.Payload)
}

// response takes the answer of the invocation id.
func (s *HTTP) response(w http.ResponseWriter, r *http.Request, id string) {
	x, no := s.answering(id, httpResponse, interrupt(w))
	if no != nil {
		refuse(w, no)
		return
	}
	switch mode := r.Header.Get(headerResponseMode); {
	case strings.EqualFold(mode, "streaming") || mode == "" && undeclaredStream(r):
		s.stream(w, r, x)
	case mode == "" || strings.EqualFold(mode, "buffered"):
		s.buffered(w, r, x)
	default:
		x.fail(errorInvalidMode, ErrorDocument(errorInvalidMode, "Invalid function response mode"))
		s.settle(x, nil)
		refuse(w, &refusal{http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode"})
	}
}

// undeclaredStream recognises the streamed answers of aws-lambda-go, which does
// not send the mode header: all its answers announce the error trailers, and
// those that a function writes itself are not application/json.
func undeclaredStream(r *http.Request) bool {
	_, trailers := r.Trailer[headerErrorType]
	return trailers && r.Header.Get("Content-Type") != "application/json"
}

// trailerError is the error document that follows a body, nil without one.
func trailerError(r *http.Request) (errorType string, document []byte) {
	errorType = r.Trailer.Get(headerErrorType)
	if errorType == "" {
		return "", nil
	}
	document, err := base64.StdEncoding.DecodeString(r.Trailer.Get(headerErrorBody))
	if err != nil || len(document) == 0 {
		document = ErrorDocument(errorType, "")
	}
	return documentType(document, errorType), document
}

func (s *HTTP) buffered(w http.ResponseWriter, r *http.Request, x *exchange) {
	body, tooLarge, err := readAll(r.Body, r.ContentLength, s.opt.MaxResponse)
	switch {
	case err != nil:
		s.settle(x, fmt.Errorf("%w: answer was cut off: %w", ErrProtocol, err))
		refuse(w, &refusal{http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated"})
	case tooLarge:
		x.out.Size = max(r.ContentLength, s.opt.MaxResponse+1)
		x.fail(ebb.ErrorResponseSize, sizeDocument(s.opt.MaxResponse))
		s.settle(x, nil)
		s.refuseSize(w)
	default:
		if errorType, document := trailerError(r); document != nil {
			x.fail(errorType, document)
			s.settle(x, nil)
			accept(w)
			return
		}
		// The content type that a runtime gives a whole answer means nothing:
		// clients send whatever their HTTP library puts there.
		x.answer(ebb.Head{}, body)
		s.settle(x, nil)
		accept(w)
	}
}

// stream passes an answer on as it comes. Its end may be an error, in trailers.
func (s *HTTP) stream(w http.ResponseWriter, r *http.Request, x *exchange) {
	x.out.Answered = true
	deaf := x.sink.Head(ebb.Head{ContentType: r.Header.Get("Content-Type"), Streaming: true}) != nil
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	tooLarge := false
	for {
		n, err := r.Body.Read(buf[:])
		x.out.Size += int64(n)
		tooLarge = tooLarge || x.out.Size > s.opt.MaxStream
		if n > 0 && !deaf && !tooLarge {
			_, werr := x.sink.Write(buf[:n])
			deaf = werr != nil
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			s.settle(x, fmt.Errorf("%w: streamed answer was cut off: %w", ErrProtocol, err))
			refuse(w, &refusal{http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated"})
			return
		}
	}
	if tooLarge {
		x.late(ebb.ErrorResponseSize, sizeDocument(s.opt.MaxStream))
		s.settle(x, nil)
		s.refuseSize(w)
		return
	}
	if errorType, document := trailerError(r); document != nil {
		x.late(errorType, document)
	}
	s.settle(x, nil)
	accept(w)
}

// invocationError takes the error document of the invocation id.
func (s *HTTP) invocationError(w http.ResponseWriter, r *http.Request, id string) {
	x, no := s.answering(id, httpError, interrupt(w))
	if no != nil {
		refuse(w, no)
		return
	}
	body, tooLarge, err := readAll(r.Body, r.ContentLength, s.opt.MaxResponse)
	switch {
	case err != nil:
		s.settle(x, fmt.Errorf("%w: error was cut off: %w", ErrProtocol, err))
		refuse(w, &refusal{http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated"})
	case tooLarge:
		x.fail(ebb.ErrorResponseSize, sizeDocument(s.opt.MaxResponse))
		s.settle(x, nil)
		s.refuseSize(w)
	default:
		x.fail(documentType(body, r.Header.Get(headerErrorType)), body)
		s.settle(x, nil)
		accept(w)
	}
}

// initError takes the error document of a failed initialisation.
func (s *HTTP) initError(w http.ResponseWriter, r *http.Request) {
	body, tooLarge, err := readAll(r.Body, r.ContentLength, maxFailure)
	if err != nil || tooLarge {
		s.refuseSize(w)
		return
	}
	errorType := documentType(body, r.Header.Get(headerErrorType))
	if len(body) == 0 {
		body = ErrorDocument(errorType, "")
	}
	if no := s.initFailed(&Failure{ErrorType: errorType, Document: body}); no != nil {
		refuse(w, no)
		return
	}
	accept(w)
}

// documentType is the errorType that the document itself names, else the one of
// the header, else the platform's word for not knowing.
func documentType(document []byte, header string) string {
	var d struct {
		ErrorType string `json:"errorType"`
	}
	if json.Unmarshal(document, &d) == nil && d.ErrorType != "" {
		return d.ErrorType
	}
	switch {
	case errorTypeRE.MatchString(header):
		return header
	case strings.HasPrefix(header, "Function."):
		return "Function.Unknown"
	}
	return ebb.ErrorUnknown
}

// answer gives the sink a whole body.
func (x *exchange) answer(h ebb.Head, body []byte) {
	x.out.Answered = true
	x.out.Size = max(x.out.Size, int64(len(body)))
	if x.sink.Head(h) == nil && len(body) > 0 {
		_, _ = x.sink.Write(body) // a caller who is gone is the caller's matter
	}
}

// fail gives the sink an error document.
func (x *exchange) fail(errorType string, document []byte) {
	x.out.FunctionError, x.out.ErrorType = ebb.FunctionErrorUnhandled, errorType
	x.answer(ebb.Head{FunctionError: ebb.FunctionErrorUnhandled}, document)
}

// late records that a stream failed after its head.
func (x *exchange) late(errorType string, document []byte) {
	x.out.FunctionError, x.out.ErrorType = ebb.FunctionErrorUnhandled, errorType
	x.out.LateError = document
}

// interrupt returns what makes a blocked read of the request's body end.
func interrupt(w http.ResponseWriter) func() {
	rc := http.NewResponseController(w)
	return func() {
		if err := rc.SetReadDeadline(time.Unix(1, 0)); err != nil && !errors.Is(err, http.ErrNotSupported) {
			return // the connection is gone, and the read with it
		}
	}
}

func accept(w http.ResponseWriter) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{"15"}
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuse(w http.ResponseWriter, no *refusal) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(no.status)
	_ = json.NewEncoder(w).Encode(struct { // a runtime that is gone needs no answer
		ErrorMessage string `json:"errorMessage"`
		ErrorType    string `json:"errorType"`
	}{no.message, no.errorType})
}

func (s *HTTP) refuseSize(w http.ResponseWriter) {
	refuse(w, &refusal{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
		fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", s.opt.MaxResponse)})
}

package runtimeapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

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

// handler answers a request, or leaves it to be answered later.
type handler func(c *httpConn, r *request)

// route finds the call. The paths are few and fixed, and one has the request id
// in the middle.
func (s *HTTP) route(c *httpConn, r *request) {
	if s.opt.Extensions != nil && s.opt.Extensions.route(c, r) {
		return
	}
	method, handle := s.find(r.path)
	switch {
	case handle == nil:
		c.text(http.StatusNotFound, "404 page not found")
	case r.method != method:
		c.text(http.StatusMethodNotAllowed, http.StatusText(http.StatusMethodNotAllowed), "Allow", method)
	default:
		handle(c, r)
	}
}

func (s *HTTP) find(path string) (method string, handle handler) {
	if path == "/2018-06-01/ping" {
		return http.MethodGet, func(c *httpConn, _ *request) { c.text(http.StatusOK, "pong") }
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
		return http.MethodPost, func(c *httpConn, r *request) { s.response(c, r, id) }
	case "error":
		return http.MethodPost, func(c *httpConn, r *request) { s.invocationError(c, r, id) }
	}
	return "", nil
}

// next is the long poll. It is answered when there is an invocation, by Invoke.
func (s *HTTP) next(c *httpConn, _ *request) {
	x, no := s.poll(c)
	switch {
	case no != nil:
		refuse(c, no)
	case x != nil:
		c.invocation(x.call, s.tenant)
	}
}

// response takes the answer of the invocation id.
func (s *HTTP) response(c *httpConn, r *request, id string) {
	x, no := s.answering(id, httpResponse, c.interrupt)
	if no != nil {
		refuse(c, no)
		return
	}
	switch mode := r.header.get(headerResponseMode); {
	case strings.EqualFold(mode, "streaming") || mode == "" && undeclaredStream(r):
		s.stream(c, r, x)
	case mode == "" || strings.EqualFold(mode, "buffered"):
		s.buffered(c, r, x)
	default:
		x.fail(errorInvalidMode, ErrorDocument(errorInvalidMode, "Invalid function response mode"))
		s.settle(x, nil)
		refuse(c, &refusal{http.StatusBadRequest, "InvalidFunctionResponseMode", "Invalid function response mode"})
	}
}

// undeclaredStream recognises the streamed answers of aws-lambda-go, which does
// not send the mode header: all its answers announce the error trailers, and
// those that a function writes itself are not application/json.
func undeclaredStream(r *request) bool {
	return r.header.get("Content-Type") != "application/json" && r.header.lists("Trailer", headerErrorType)
}

// trailerError is the error document that follows a body, nil without one.
func trailerError(r *request) (errorType string, document []byte) {
	errorType = r.trailer.get(headerErrorType)
	if errorType == "" {
		return "", nil
	}
	document, err := base64.StdEncoding.DecodeString(r.trailer.get(headerErrorBody))
	if err != nil || len(document) == 0 {
		document = ErrorDocument(errorType, "")
	}
	return documentType(document, errorType), document
}

func (s *HTTP) buffered(c *httpConn, r *request, x *exchange) {
	body, tooLarge, err := c.readBody(r, s.opt.MaxResponse)
	switch {
	case err != nil:
		s.settle(x, fmt.Errorf("%w: answer was cut off: %w", ErrProtocol, err))
		refuse(c, &refusal{http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated"})
	case tooLarge:
		x.out.Size = max(r.length, s.opt.MaxResponse+1)
		x.fail(ebb.ErrorResponseSize, sizeDocument(s.opt.MaxResponse))
		s.settle(x, nil)
		s.refuseSize(c)
	default:
		if errorType, document := trailerError(r); document != nil {
			x.fail(errorType, document)
			s.settle(x, nil)
			accept(c)
			return
		}
		// The content type that a runtime gives a whole answer means nothing:
		// clients send whatever their HTTP library puts there.
		x.answer(ebb.Head{}, body)
		s.settle(x, nil)
		accept(c)
	}
}

// stream passes an answer on as it comes. Its end may be an error, in trailers.
func (s *HTTP) stream(c *httpConn, r *request, x *exchange) {
	x.out.Answered = true
	deaf := x.sink.Head(ebb.Head{ContentType: r.header.get("Content-Type"), Streaming: true}) != nil
	buf := readBuffers.Get().(*[readSize]byte)
	defer readBuffers.Put(buf)
	tooLarge := false
	for {
		n, err := r.Read(buf[:])
		x.out.Size += int64(n)
		tooLarge = tooLarge || x.out.Size > s.opt.MaxStream
		if n > 0 && !deaf && !tooLarge {
			_, werr := x.sink.Write(buf[:n])
			deaf = werr != nil
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			s.settle(x, fmt.Errorf("%w: streamed answer was cut off: %w", ErrProtocol, err))
			refuse(c, &refusal{http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated"})
			return
		}
	}
	if tooLarge {
		x.late(ebb.ErrorResponseSize, sizeDocument(s.opt.MaxStream))
		s.settle(x, nil)
		s.refuseSize(c)
		return
	}
	if errorType, document := trailerError(r); document != nil {
		x.late(errorType, document)
	}
	s.settle(x, nil)
	accept(c)
}

// invocationError takes the error document of the invocation id.
func (s *HTTP) invocationError(c *httpConn, r *request, id string) {
	x, no := s.answering(id, httpError, c.interrupt)
	if no != nil {
		refuse(c, no)
		return
	}
	body, tooLarge, err := c.readBody(r, s.opt.MaxResponse)
	switch {
	case err != nil:
		s.settle(x, fmt.Errorf("%w: error was cut off: %w", ErrProtocol, err))
		refuse(c, &refusal{http.StatusBadRequest, "TruncatedHTTPRequest", "HTTP request detected as truncated"})
	case tooLarge:
		x.fail(ebb.ErrorResponseSize, sizeDocument(s.opt.MaxResponse))
		s.settle(x, nil)
		s.refuseSize(c)
	default:
		x.fail(documentType(body, r.header.get(headerErrorType)), body)
		s.settle(x, nil)
		accept(c)
	}
}

// initError takes the error document of a failed initialisation.
func (s *HTTP) initError(c *httpConn, r *request) {
	body, tooLarge, err := c.readBody(r, maxFailure)
	if err != nil || tooLarge {
		s.refuseSize(c)
		return
	}
	errorType := documentType(body, r.header.get(headerErrorType))
	if len(body) == 0 {
		body = ErrorDocument(errorType, "")
	}
	body = bytes.Clone(body) // the buffer is the connection's
	if no := s.initFailed(&Failure{ErrorType: errorType, Document: body}); no != nil {
		refuse(c, no)
		return
	}
	accept(c)
}

// documentType is the errorType that the document itself names, else the one of
// the header, else the platform's word for not knowing.
func documentType(document []byte, header string) string {
	var d struct {
		ErrorType string `json:"errorType"`
	}
	if json.Unmarshal(document, &d) == nil && d.ErrorType != "" {
		return plain(d.ErrorType)
	}
	switch {
	case errorTypeRE.MatchString(header):
		return header
	case strings.HasPrefix(header, "Function."):
		return "Function.Unknown"
	}
	return ebb.ErrorUnknown
}

// maxErrorType is the longest type of an error that ebb writes down, in bytes.
const maxErrorType = 256

// plain makes the type of an error, which is the function's own word, fit to stand
// in ebb's lines and rows: short, and with nothing that would begin another line.
func plain(errorType string) string {
	fits := func(r rune) bool { return r != utf8.RuneError && unicode.IsPrint(r) }
	if len(errorType) <= maxErrorType && strings.IndexFunc(errorType, func(r rune) bool { return !fits(r) }) < 0 {
		return errorType
	}
	return strings.Map(func(r rune) rune {
		if fits(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(errorType[:min(len(errorType), maxErrorType)], ""))
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

const accepted = `{"status":"OK"}`

func accept(c *httpConn) { c.reply(http.StatusAccepted, "application/json", []byte(accepted)) }

func refuse(c *httpConn, no *refusal) {
	body, err := json.Marshal(struct {
		ErrorMessage string `json:"errorMessage"`
		ErrorType    string `json:"errorType"`
	}{no.message, no.errorType})
	if err != nil { // two strings always marshal
		panic(err)
	}
	c.reply(no.status, "application/json", append(body, '\n'))
}

func (s *HTTP) refuseSize(c *httpConn) {
	refuse(c, &refusal{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge",
		fmt.Sprintf("Exceeded maximum allowed payload size (%d bytes).", s.opt.MaxResponse)})
}

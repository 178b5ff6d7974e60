package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// integration is the content type of an answer that begins with a prelude.
const integration = "application/vnd.awslambda.http-integration-response"

// maxPrelude is how many bytes may come before the separator.
const maxPrelude = 64 << 10

// preludeEnd stands between prelude and body.
const preludeEnd = "\x00\x00\x00\x00\x00\x00\x00\x00"

// errLate ends the answer of a function that took longer than its route lets it.
var errLate = errors.New("gateway: the client was answered that it took too long")

var errPrelude = errors.New("gateway: the prelude of the answer is not understood")

// answer is the sink of one invocation. It keeps the whole answer, or passes a
// streamed one on as it comes.
type answer struct {
	w      http.ResponseWriter
	route  *route
	origin string
	stall  time.Duration // how long the client may take nothing of a stream

	head     ebb.Head
	whole    []byte // what is kept: all of it, or the prelude so far
	response response
	prelude  bool   // the answer begins with a prelude that is not complete
	passing  bool   // the body goes straight to w
	sent     bool   // the head is on its way to the client
	turn     *turn  // who may answer; nil = nobody else does
	wrong    string // why the answer means nothing
	gone     error  // the client could not be written to
}

// Head implements ebb.Sink.
func (a *answer) Head(h ebb.Head) error {
	a.head = h
	if h.FunctionError != "" || !h.Streaming {
		return nil
	}
	stream := a.route.InvokeMode == ebb.InvokeModeStream
	switch {
	case mediaType(h.ContentType) == integration:
		a.prelude = true
	case stream:
		a.response.reset()
		a.response.status = http.StatusOK
		a.response.headers = append(a.response.headers, parameter{"Content-Type", streamType(h.ContentType)})
		return a.begin()
	}
	return nil
}

// Write implements ebb.Sink.
func (a *answer) Write(p []byte) (int, error) {
	if a.passing {
		return a.pass(p)
	}
	a.whole = append(a.whole, p...)
	if !a.prelude || a.route.InvokeMode != ebb.InvokeModeStream {
		return len(p), nil
	}
	rest, complete := a.cutPrelude()
	switch {
	case a.wrong != "":
		return 0, errPrelude
	case !complete:
		return len(p), nil
	}
	if err := a.begin(); err != nil {
		return 0, err
	}
	if len(rest) > 0 {
		if _, err := a.pass(rest); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// cutPrelude reads the prelude if all of it is there, and returns what follows.
func (a *answer) cutPrelude() (rest []byte, complete bool) {
	i := bytes.Index(a.whole, []byte(preludeEnd))
	if i > maxPrelude || i < 0 && len(a.whole) > maxPrelude+len(preludeEnd) {
		a.wrong = "its prelude is too long"
		return nil, false
	}
	if i < 0 {
		return nil, false
	}
	a.prelude = false
	a.wrong = parsePrelude(a.whole[:i], &a.response)
	return a.whole[i+len(preludeEnd):], a.wrong == ""
}

// begin sends the head of a streamed answer. From here on Write passes on.
func (a *answer) begin() error {
	if !a.turn.take() {
		return errLate
	}
	a.passing, a.sent = true, true
	a.deadline(a.stall)
	a.response.writeHead(a.w, a.route, a.origin, -1)
	a.flush()
	return nil
}

func (a *answer) pass(p []byte) (int, error) {
	if a.gone != nil {
		return 0, a.gone
	}
	if !a.response.hasBody() {
		return len(p), nil
	}
	a.deadline(a.stall)
	n, err := a.w.Write(p)
	if err == nil {
		a.flush()
	}
	a.gone = err
	return n, err
}

// deadline is when a write to the client fails; 0 = never. The function waits
// for each write, and its own deadline cannot end one.
func (a *answer) deadline(after time.Duration) {
	var at time.Time
	if after > 0 {
		at = time.Now().Add(after)
	}
	_ = http.NewResponseController(a.w).SetWriteDeadline(at) // not every writer can, and those are of tests
}

// flush makes the client see what was written. An error shows at the next write.
func (a *answer) flush() { _ = http.NewResponseController(a.w).Flush() }

// finish reads what was kept once the invocation is over. It returns why the
// answer means nothing in HTTP, or "".
func (a *answer) finish() (wrong string) {
	switch {
	case a.wrong != "" || a.sent:
		return a.wrong
	case a.prelude:
		rest, complete := a.cutPrelude()
		if a.wrong == "" && !complete {
			a.wrong = "it ended within its prelude"
		}
		a.response.body = rest
		return a.wrong
	case a.head.Streaming && mediaType(a.head.ContentType) != "" && mediaType(a.head.ContentType) != "application/json":
		// A streamed answer to a URL that does not stream.
		a.response.reset()
		a.response.status = http.StatusOK
		a.response.headers = append(a.response.headers, parameter{"Content-Type", streamType(a.head.ContentType)})
		a.response.body = a.whole
		return ""
	}
	if h := a.route.http; h != nil && h.settings.PayloadFormat == ebb.PayloadFormat1 {
		return parseAnswer1(a.whole, &a.response)
	}
	return parseAnswer(a.whole, &a.response)
}

// send writes the answer that finish read.
func (a *answer) send() {
	a.sent = true
	body := a.response.body
	a.response.writeHead(a.w, a.route, a.origin, len(body))
	if len(body) > 0 && a.response.hasBody() {
		_, a.gone = a.w.Write(body)
		if errors.Is(a.gone, http.ErrBodyNotAllowed) { // HEAD through some writers
			a.gone = nil
		}
	}
}

var _ io.Writer = (*answer)(nil)

func mediaType(s string) string {
	if i := strings.IndexByte(s, ';'); i >= 0 {
		s = s[:i]
	}
	return strings.ToLower(strings.TrimSpace(s))
}

func streamType(s string) string {
	if s == "" {
		return "application/octet-stream"
	}
	return s
}

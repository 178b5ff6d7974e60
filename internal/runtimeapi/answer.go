package runtimeapi

import (
	"encoding/json"
	"fmt"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// answer passes one invocation's frames to its sink.
type answer struct {
	in   frameBody
	opt  *Options
	sink ebb.Sink
	out  Outcome
	deaf bool // the sink failed: the rest is read and dropped
}

// frame takes one frame of the invocation's own stream.
func (a *answer) frame(h header) (done bool, err error) {
	streaming := a.out.Answered
	switch {
	case h.typ == frameResponse && !streaming:
		return true, a.whole(h, "")
	case h.typ == frameError:
		a.out.Ending = h.flags&flagExit != 0
		a.out.FunctionError = ebb.FunctionErrorUnhandled
		if streaming {
			return true, a.late(h)
		}
		return true, a.whole(h, ebb.FunctionErrorUnhandled)
	case h.typ == frameChunk:
		return false, a.chunk(h)
	case h.typ == frameEnd && streaming:
		return true, nil
	}
	return true, unexpected(h)
}

// whole passes on a whole answer or error document.
func (a *answer) whole(h header, functionError string) error {
	head, err := a.in.take(int(h.head))
	if err != nil {
		return err
	}
	var contentType string
	switch {
	case functionError != "":
		a.out.ErrorType = plain(string(head))
	case len(head) > 0:
		contentType = string(head)
	}
	a.out.Size = h.payload()
	if h.payload() > a.opt.MaxResponse {
		if err := a.in.discard(h.payload()); err != nil {
			return err
		}
		a.tooLarge()
		return nil
	}
	if h.payload() > readSize {
		a.head(ebb.Head{ContentType: contentType, FunctionError: functionError})
		return a.body(h.payload())
	}
	// Wait for all of it before the head: if the process dies here, the caller
	// can still be told so properly.
	b, err := a.in.take(int(h.payload()))
	if err != nil {
		return err
	}
	a.head(ebb.Head{ContentType: contentType, FunctionError: functionError})
	a.write(b)
	return nil
}

// chunk passes on a piece of a streamed answer; the first begins it.
func (a *answer) chunk(h header) error {
	head, err := a.in.take(int(h.head))
	if err != nil {
		return err
	}
	if !a.out.Answered {
		a.head(ebb.Head{ContentType: string(head), Streaming: true})
	}
	before := a.out.Size
	a.out.Size += h.payload()
	if a.out.Size > a.opt.MaxStream {
		if before <= a.opt.MaxStream {
			a.out.FunctionError = ebb.FunctionErrorUnhandled
			a.out.ErrorType = ebb.ErrorResponseSize
			a.out.LateError = sizeDocument(a.opt.MaxStream)
		}
		a.deaf = true
	}
	return a.body(h.payload())
}

// late keeps the error document of a stream that failed on the way.
func (a *answer) late(h header) error {
	if h.payload() > maxFailure {
		return unexpected(h)
	}
	errorType, document, err := document(a.in, h)
	if err == nil && a.out.LateError == nil {
		a.out.ErrorType, a.out.LateError = errorType, document
	}
	return err
}

func (a *answer) tooLarge() {
	a.out.FunctionError = ebb.FunctionErrorUnhandled
	a.out.ErrorType = ebb.ErrorResponseSize
	a.head(ebb.Head{FunctionError: ebb.FunctionErrorUnhandled})
	a.write(sizeDocument(a.opt.MaxResponse))
}

func (a *answer) body(n int64) error {
	for n > 0 {
		b, err := a.in.piece(n)
		if err != nil {
			return err
		}
		n -= int64(len(b))
		a.write(b)
	}
	return nil
}

func (a *answer) head(h ebb.Head) {
	a.out.Answered = true
	if a.out.FunctionError == "" {
		a.out.FunctionError = h.FunctionError
	}
	a.deaf = a.sink.Head(h) != nil
}

func (a *answer) write(b []byte) {
	if a.deaf || len(b) == 0 {
		return
	}
	if _, err := a.sink.Write(b); err != nil {
		a.deaf = true
	}
}

// ErrorDocument spells a failure as the caller of a function sees it.
func ErrorDocument(errorType, message string) []byte {
	b, err := json.Marshal(struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}{errorType, message})
	if err != nil { // two strings always marshal
		panic(err)
	}
	return b
}

func sizeDocument(limit int64) []byte {
	return ErrorDocument(ebb.ErrorResponseSize, sizeMessage(limit))
}

func sizeMessage(limit int64) string {
	return fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", limit)
}

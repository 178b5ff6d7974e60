package awswire

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// internalMessage is all that a caller learns of an error that nobody typed.
const internalMessage = "The service encountered an internal error. Its log names the cause under this request id."

// errorBody is the document of an error answer. One of Message and Lower is set.
type errorBody struct {
	Type    string `json:"Type,omitempty"`
	Message string `json:"Message,omitempty"`
	Lower   string `json:"message,omitempty"`
	Reason  string `json:"Reason,omitempty"`
}

// WriteError answers with err, with the status and the spelling that the model
// gives its type. It returns the status, for the caller's log.
func (m *Model) WriteError(w http.ResponseWriter, err error) int {
	e, ok := errors.AsType[*ebb.Error](err)
	if !ok || e.Type == "" {
		e = &ebb.Error{Kind: ebb.Internal, Type: ebb.TypeServiceException, Message: internalMessage}
	} else if e.Kind == ebb.Internal {
		e = &ebb.Error{Kind: e.Kind, Type: e.Type, Message: internalMessage}
	}
	shape := m.ErrorShape(e)
	body := errorBody{Type: "User", Reason: e.Reason}
	if shape.Status >= 500 && e.Kind != ebb.Unimplemented {
		body.Type = "Service"
	}
	if shape.Lower {
		body.Lower = e.Message
	} else {
		body.Message = e.Message
	}
	h := w.Header()
	h.Set("X-Amzn-Errortype", e.Type)
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	} else if e.Kind == ebb.Throttled {
		h.Set("Retry-After", "1")
	}
	// A connection that ended while the answer was on its way has nobody left
	// to tell.
	_ = WriteJSON(w, shape.Status, body)
	return shape.Status
}

// WriteTargetError answers with err as the APIs do whose operations are named by the
// header X-Amz-Target. It returns the status, for the caller's log.
func WriteTargetError(w http.ResponseWriter, contentType string, err error) int {
	e, ok := errors.AsType[*ebb.Error](err)
	status := http.StatusBadRequest
	if !ok || e.Type == "" || e.Kind == ebb.Internal {
		e = &ebb.Error{Kind: ebb.Internal, Type: ebb.TypeServiceException, Message: internalMessage}
		status = http.StatusInternalServerError
	} else if e.Kind == ebb.Unavailable || e.Kind == ebb.Unimplemented {
		status = e.Kind.Status()
	}
	text, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
		Reason  string `json:"reason,omitempty"`
	}{e.Type, e.Message, e.Reason})
	if err != nil {
		panic("awswire: " + err.Error()) // strings are always JSON
	}
	w.Header().Set("X-Amzn-Errortype", e.Type)
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write(text) // a connection that ended has nobody left to tell
	return status
}

// ErrorShape is the status and the spelling of e: the model's for its type, else
// AWS's common ones, else by kind.
func (m *Model) ErrorShape(e *ebb.Error) ErrorShape {
	if s, ok := m.svc.Errors[e.Type]; ok {
		return s
	}
	switch e.Type {
	case ebb.TypeValidation, ebb.TypeSerialization:
		return ErrorShape{Status: http.StatusBadRequest, Lower: true}
	case ebb.TypeRequestEntityTooLarge:
		return ErrorShape{Status: http.StatusRequestEntityTooLarge}
	case ebb.TypeUnknownOperation:
		return ErrorShape{Status: http.StatusNotFound, Lower: true}
	case ebb.TypeMethodNotAllowed:
		return ErrorShape{Status: http.StatusMethodNotAllowed, Lower: true}
	case ebb.TypeUnrecognizedClient, ebb.TypeInvalidSignature,
		ebb.TypeMissingAuthentication, ebb.TypeIncompleteSignature:
		return ErrorShape{Status: http.StatusForbidden, Lower: true}
	}
	return ErrorShape{Status: e.Kind.Status()}
}

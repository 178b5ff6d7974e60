package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Error is an answer of the platform that says no. Type is the wire's own name
// (for example ResourceNotFoundException); ebb's documentation has a page for
// each.
type Error struct {
	Status     int    // HTTP status
	Type       string // "" if the answer names none
	Message    string // for people
	RequestID  string // of the request, to find it in the server's log
	RetryAfter time.Duration
}

func (e *Error) Error() string {
	switch {
	case e.Type != "" && e.Message != "":
		return e.Type + ": " + e.Message
	case e.Message != "":
		return e.Message
	case e.Type != "":
		return e.Type
	}
	return fmt.Sprintf("HTTP status %d", e.Status)
}

// Caller reports whether the request was at fault: repeated unchanged it fails
// again.
func (e *Error) Caller() bool {
	return e.Status >= 400 && e.Status < 500 && e.Status != http.StatusTooManyRequests
}

// UnreachableError says that no answer came: nothing listens there, the network
// is down, or the connection broke before the answer was whole.
type UnreachableError struct {
	Endpoint string
	Err      error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no answer from %s: %v", e.Endpoint, cause(e.Err))
}

// Unwrap is the network's error.
func (e *UnreachableError) Unwrap() error { return e.Err }

// cause strips the layers that repeat method and address.
func cause(err error) error {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// ErrorOf finds the platform's answer in an error of this package or of the
// Lambda client.
func ErrorOf(err error) (*Error, bool) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e, true
	}
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return nil, false
	}
	e := &Error{Type: api.ErrorCode(), Message: api.ErrorMessage()}
	if resp, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		e.RequestID = resp.ServiceRequestID()
		e.Status = resp.HTTPStatusCode()
		if resp.Response != nil {
			e.RetryAfter = retryAfter(resp.Response.Header)
		}
	}
	return e, true
}

// UnreachableOf finds in an error of this package or of the Lambda client that
// no answer came.
func UnreachableOf(err error) (*UnreachableError, bool) {
	if e, ok := errors.AsType[*UnreachableError](err); ok {
		return e, true
	}
	if send, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		e := &UnreachableError{Err: send.Err}
		if u, ok := errors.AsType[*url.Error](send.Err); ok {
			if at, perr := url.Parse(u.URL); perr == nil {
				e.Endpoint = at.Scheme + "://" + at.Host
			}
		}
		return e, true
	}
	return nil, false
}

// maxErrorBody bounds what is read of an answer that says no.
const maxErrorBody = 64 << 10

// errorFrom reads an answer that says no.
func errorFrom(resp *http.Response) error {
	e := &Error{
		Status: resp.StatusCode, Type: resp.Header.Get("X-Amzn-Errortype"),
		RequestID: resp.Header.Get("X-Amzn-Requestid"), RetryAfter: retryAfter(resp.Header),
	}
	// The names differ between APIs (of /v1's problems, Type is a page's address);
	// encoding/json ignores case.
	var body struct{ Code, Type, Message, Detail, Title string }
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	if json.Unmarshal(text, &body) == nil {
		for _, m := range []string{body.Message, body.Detail, body.Title} {
			if e.Message == "" {
				e.Message = m
			}
		}
		if e.Type == "" {
			e.Type = body.Code
		}
		if e.Type == "" && !strings.Contains(body.Type, "/") {
			e.Type = body.Type
		}
	}
	if e.Message == "" {
		e.Message = http.StatusText(resp.StatusCode)
	}
	return e
}

// retryAfter reads the header's seconds; 0 without one.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(n) * time.Second
}

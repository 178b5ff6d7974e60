package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/ebb-faas/ebb/internal/ebb"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// Exit codes of every verb.
const (
	exitDone     = 0
	exitFunction = 1 // the function, the execution or a test failed
	exitUsage    = 2 // the call or its input is wrong: change it
	exitPlatform = 3 // the platform or this machine failed: try again, or mend it
)

// usageError is a wrong call of the program.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Errorf(format, args...)}
}

// functionError says that the function failed. Its error document is on
// standard output already.
type functionError struct {
	function, errorType, message string
}

func (e *functionError) Error() string {
	text := "the function " + e.function + " failed"
	if e.errorType != "" {
		text += ": " + e.errorType
	}
	if e.message != "" {
		text += ": " + e.message
	}
	return text
}

// finish reports err and returns the exit code.
func (a *app) finish(err error) int {
	if err == nil {
		return exitDone
	}
	text, hint := explain(err)
	if hint == "" && !a.started {
		hint = "see: ebb --help"
	}
	a.note("ebb: %s", text)
	if hint != "" {
		a.note("%s", hint)
	}
	return a.exitCode(err)
}

// exitCode is the one place where an error becomes an exit code.
func (a *app) exitCode(err error) int {
	if _, ok := errors.AsType[*functionError](err); ok {
		return exitFunction
	}
	if _, ok := errors.AsType[*executionError](err); ok {
		return exitFunction
	}
	if _, ok := errors.AsType[*testsFailed](err); ok {
		return exitFunction
	}
	if _, ok := errors.AsType[*usageError](err); ok || !a.started {
		return exitUsage
	}
	if e, ok := client.ErrorOf(err); ok {
		if e.Caller() {
			return exitUsage
		}
		return exitPlatform
	}
	if e, ok := errors.AsType[*ebb.Error](err); ok && e.Kind == ebb.Invalid {
		return exitUsage
	}
	return exitPlatform
}

// explain returns the text of err for people, and what to do next ("" if that is
// not known or part of the text).
func explain(err error) (text, hint string) {
	if e, ok := errors.AsType[*client.NotRunningError](err); ok {
		dir := "DIR"
		if e.Dir != "" {
			dir = e.Dir
		}
		return e.Error(), "is ebb serve running? start it with: ebb serve --data " + dir
	}
	if e, ok := client.UnreachableOf(err); ok {
		return e.Error(), "is ebb serve running? start it with: ebb serve --data DIR"
	}
	if e, ok := client.ErrorOf(err); ok {
		return prefix(err) + e.Error(), hintFor(e)
	}
	if e, ok := errors.AsType[*ebb.Error](err); ok {
		return prefix(err) + e.Message, ""
	}
	if errors.Is(err, context.Canceled) {
		return "interrupted", ""
	}
	return err.Error(), ""
}

// named puts a function's name in front of what went wrong with it.
type named struct {
	name string
	err  error
}

func (n *named) Error() string { return n.name + ": " + n.err.Error() }
func (n *named) Unwrap() error { return n.err }

// prefix is the name that err carries, ready to stand in front.
func prefix(err error) string {
	if n, ok := errors.AsType[*named](err); ok {
		return n.name + ": "
	}
	return ""
}

// hintFor says what to do about an answer that says no.
func hintFor(e *client.Error) string {
	switch {
	case e.Type == ebb.TypeAccessDenied:
		return "the key's role does not allow that; an administrator of the service can give another key"
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		return `the credentials were refused; take those of the data directory: eval "$(ebb env --data DIR)"`
	case e.Type == ebb.TypeResourceNotFound:
		return "list what is there with: ebb ls"
	case e.Type == ebb.TypePreconditionFailed:
		return "somebody else changed it at the same time; run the same command again"
	case e.Status == http.StatusTooManyRequests && e.RetryAfter > 0:
		return fmt.Sprintf("try again in %s", e.RetryAfter)
	case e.Status == http.StatusTooManyRequests:
		return "try again later"
	case e.Status >= http.StatusInternalServerError && e.RequestID != "":
		return "the server's log tells more about request " + e.RequestID
	}
	return ""
}

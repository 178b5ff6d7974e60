package runtimeapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// Headers of the Extensions API.
const (
	headerExtensionName  = "Lambda-Extension-Name"
	headerExtensionID    = "Lambda-Extension-Identifier"
	headerEventID        = "Lambda-Extension-Event-Identifier"
	headerExtensionError = "Lambda-Extension-Function-Error-Type"
	headerAcceptFeature  = "Lambda-Extension-Accept-Feature"
)

const (
	extensionPrefix = "/2020-01-01/extension/"
	telemetryPath   = "/2022-07-01/telemetry"
)

func forbidden(errorType, message string) *refusal {
	return &refusal{http.StatusForbidden, errorType, message}
}

// route answers a request if it is an extension's.
func (e *Extensions) route(c *httpConn, r *request) bool {
	method, handle := http.MethodPost, handler(nil)
	switch rest, _ := strings.CutPrefix(r.path, extensionPrefix); {
	case r.path == telemetryPath:
		method, handle = http.MethodPut, e.subscribe
	case rest == "register":
		handle = e.register
	case rest == "event/next":
		method, handle = http.MethodGet, e.next
	case rest == "init/error", rest == "exit/error":
		handle = e.report
	}
	switch {
	case handle == nil:
		return false
	case r.method != method:
		c.text(http.StatusMethodNotAllowed, http.StatusText(http.StatusMethodNotAllowed), "Allow", method)
	default:
		handle(c, r)
	}
	return true
}

// register takes a new extension.
func (e *Extensions) register(c *httpConn, r *request) {
	body, tooLarge, err := c.readBody(r, maxRegisterBody)
	var asked struct {
		Events []string        `json:"events"`
		Keys   json.RawMessage `json:"configurationKeys"`
	}
	if err == nil && !tooLarge {
		err = json.Unmarshal(body, &asked)
	}
	if err != nil || tooLarge || asked.Keys != nil {
		refuse(c, forbidden("InvalidRequestFormat", "The request is not what register takes"))
		return
	}
	x := &extension{name: r.header.get(headerExtensionName), id: uuid.NewString(), events: asked.Events}
	if no := e.admit(x); no != nil {
		refuse(c, no)
		return
	}
	answer := map[string]string{"functionName": e.opt.Function, "functionVersion": e.opt.Version, "handler": e.opt.Handler}
	if r.header.lists(headerAcceptFeature, "accountId") {
		answer["accountId"] = e.opt.Account
	}
	text, err := json.Marshal(answer)
	if err != nil { // strings always marshal
		panic(err)
	}
	c.reply(http.StatusOK, "application/json", text, headerExtensionID, x.id)
	e.telemetry.registered(x)
}

// admit checks x and adds it.
func (e *Extensions) admit(x *extension) *refusal {
	if x.name == "" || len(x.name) > maxExtensionName {
		return forbidden("Extension.InvalidExtensionName", "The extension's name is missing or too long")
	}
	x.external = slices.Contains(e.opt.External, x.name)
	for _, event := range x.events {
		if event != eventInvoke && (event != eventShutdown || !x.external) {
			return forbidden("Extension.InvalidEventType", "Invalid event type: "+event)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return forbidden("Extension.RegistrationClosed", "Extension registration is closed already")
	case slices.ContainsFunc(e.all, func(o *extension) bool { return o.name == x.name }):
		return forbidden("Extension.AlreadyRegistered", "An extension of this name is registered already")
	case len(e.all) >= maxExtensions:
		return forbidden("Extension.TooManyExtensions", "There are too many extensions")
	}
	e.all = append(e.all, x)
	e.change()
	return nil
}

// who finds the extension that makes a request. e.mu is held.
func (e *Extensions) who(r *request) (*extension, *refusal) {
	id := r.header.get(headerExtensionID)
	if id == "" {
		return nil, forbidden("Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header")
	}
	if _, err := uuid.Parse(id); err != nil {
		return nil, forbidden("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")
	}
	for _, x := range e.all {
		if x.id == id {
			return x, nil
		}
	}
	return nil, forbidden("Extension.UnknownExtensionIdentifier", "Unknown extension "+id)
}

// next is the long poll of an extension.
func (e *Extensions) next(c *httpConn, r *request) {
	e.mu.Lock()
	x, no := e.who(r)
	switch {
	case no != nil:
	case x.done:
		no = forbidden("Extension.InvalidExtensionState", "The extension has reported an error")
	case len(x.queue) > 0:
		event := x.queue[0]
		x.queue, x.asked = x.queue[1:], true
		e.change()
		e.mu.Unlock()
		sendEvent(c, event)
		return
	default:
		if x.idle != nil {
			x.idle.ending = true // it asks again: the one before is of a connection that it has given up
		}
		x.asked, x.idle = true, c
		c.waits.Store(true)
		e.change()
	}
	e.mu.Unlock()
	if no != nil {
		refuse(c, no)
	}
}

// report is init/error and exit/error: the instance ends.
func (e *Extensions) report(c *httpConn, r *request) {
	body, tooLarge, err := c.readBody(r, maxFailure)
	if err != nil || tooLarge {
		refuse(c, forbidden("InvalidRequestFormat", "The error document is cut off or too large"))
		return
	}
	errorType := plain(r.header.get(headerExtensionError))
	e.mu.Lock()
	x, no := e.who(r)
	if no == nil {
		if errorType == "" {
			errorType = documentType(body, "")
		}
		if len(body) == 0 {
			body = ErrorDocument(errorType, "Extension "+x.name+" failed")
		}
		x.done = true
		e.fail(errorType, slices.Clone(body))
	}
	e.mu.Unlock()
	if no != nil {
		refuse(c, no)
		return
	}
	accept(c)
}

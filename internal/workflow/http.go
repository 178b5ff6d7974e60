package workflow

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/asl"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/jsonata"
)

// maxHTTPAnswer is how much of an answer is read; a payload may have less.
const maxHTTPAnswer = 1 << 20

// callHTTP is arn:aws:states:::http:invoke.
func (e *Engine) callHTTP(ctx context.Context, c *call) outcome {
	if e.deps.Dial == nil || e.deps.Secret == nil {
		return failed(notOffered(c.Resource))
	}
	o := document(c.Parameters)
	if o == nil {
		return failed(failuref(asl.ErrRuntime, "The Parameters '%s' could not be used to start the Task: [The parameters must be an object]", c.Parameters))
	}
	arn := connectionOf(o)
	if arn == "" {
		return failed(failuref(asl.ErrRuntime, "The Parameters '%s' could not be used to start the Task: [The required field \"ConnectionArn\" is missing]", c.Parameters))
	}
	connection, fail := e.connection(ctx, c, arn)
	if fail != nil {
		return failed(fail)
	}
	client := e.httpClient(c.execution.Service)
	name, value, err := e.authorization(ctx, client, connection)
	if err != nil {
		return failed(failuref("Events.ConnectionResource.AuthorizationFailed", "The connection %s could not be authorized: %s", arn, err))
	}
	request, fail := newRequest(ctx, o, connection)
	if fail != nil {
		return failed(fail)
	}
	request.Header.Set(name, value)
	c.exchange.asked(ctx, o, request)
	res, err := client.Do(request)
	if err != nil {
		return failed(failuref("States.Http.Socket", "%s", unwrapURL(err)))
	}
	defer func() { _ = res.Body.Close() }()
	return readAnswer(c, res)
}

// connection finds how the task authenticates, if its state machine's role may
// know.
func (e *Engine) connection(ctx context.Context, c *call, arn string) (*connection, *failure) {
	role := c.role()
	denied := func(err error) *failure {
		return failuref("Events.ConnectionResource.AccessDenied", "The connection %s cannot be used: %s", arn, messageOf(err))
	}
	name, err := connectionName(arn, c.execution.Service)
	if err != nil {
		return nil, denied(err)
	}
	if err := e.permit(ctx, c, "events:RetrieveConnectionCredentials", arn); err != nil {
		return nil, failuref("Events.ConnectionResource.AccessDenied", "User: %s is not authorized to perform: events:RetrieveConnectionCredentials on resource: %s", role, arn)
	}
	value, err := e.deps.Secret(ctx, c.execution.Service, name)
	if err != nil {
		return nil, denied(err)
	}
	connection, err := readConnection(value)
	if err != nil {
		return nil, denied(err)
	}
	return connection, nil
}

// permit asks whether the role that the call is made with may.
func (e *Engine) permit(ctx context.Context, c *call, action, resource string) error {
	if e.deps.Permit == nil {
		return nil
	}
	return e.deps.Permit(ctx, c.execution.Service, c.role(), action, resource)
}

// httpClient makes requests for a service. Each has a connection of its own, so
// that none goes through one that another service was allowed to make; redirects
// are answers.
func (e *Engine) httpClient(service ebb.ServiceID) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				return e.deps.Dial(ctx, service, network, address)
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// readAnswer is what a task makes of the endpoint's answer.
func readAnswer(c *call, res *http.Response) outcome {
	body, err := io.ReadAll(io.LimitReader(res.Body, maxHTTPAnswer+1))
	if err != nil {
		return failed(failuref("States.Http.Socket", "%s", err))
	}
	c.exchange.answered(res, body)
	if len(body) > maxHTTPAnswer {
		return failed(failuref(asl.ErrDataLimitExceeded, "The state/task '%s' returned a result with a size exceeding the maximum number of bytes service limit.", c.Resource))
	}
	if res.StatusCode >= 300 {
		return failed(&failure{name: "States.Http.StatusCode." + strconv.Itoa(res.StatusCode), cause: string(body)})
	}
	return succeeded(object("Headers", headersOf(res.Header), "ResponseBody", bodyOf(res.Header, body),
		"StatusCode", number(int64(res.StatusCode)), "StatusText", http.StatusText(res.StatusCode)))
}

func connectionOf(o *jsonata.Object) string {
	for _, field := range []string{"Authentication", "InvocationConfig"} {
		if v, ok := o.Get(field); ok {
			if inner, ok := v.(*jsonata.Object); ok {
				if arn, ok := inner.Get("ConnectionArn"); ok {
					s, _ := arn.(string)
					return s
				}
			}
		}
	}
	return ""
}

func newRequest(ctx context.Context, o *jsonata.Object, c *connection) (*http.Request, *failure) {
	text := func(name string) string {
		v, _ := o.Get(name)
		s, _ := v.(string)
		return s
	}
	at, err := url.Parse(text("ApiEndpoint"))
	if err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" {
		return nil, failuref(asl.ErrRuntime, "ApiEndpoint: %q is not an HTTP URL", text("ApiEndpoint"))
	}
	method := text("Method")
	if !slices.Contains([]string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"}, method) {
		return nil, failuref(asl.ErrRuntime, "Method: %q is none of GET, POST, PUT, DELETE, PATCH, OPTIONS, HEAD", method)
	}
	query := at.Query()
	each(o, "QueryParameters", func(k, v string) { query.Add(k, v) })
	for _, p := range c.Auth.HTTP.Query {
		query.Set(p.Key, p.Value)
	}
	at.RawQuery = query.Encode()
	header := http.Header{"Content-Type": {"application/json"}, "User-Agent": {"Amazon|StepFunctions|HttpInvoke|ebb"}}
	each(o, "Headers", func(k, v string) { header.Set(k, v) })
	for _, p := range c.Auth.HTTP.Header {
		header.Set(p.Key, p.Value)
	}
	var body []byte
	if v, ok := o.Get("RequestBody"); ok || len(c.Auth.HTTP.Body) > 0 {
		body = encodeBody(v, c.Auth.HTTP.Body, strings.HasPrefix(header.Get("Content-Type"), "application/x-www-form-urlencoded"))
	}
	r, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return nil, failuref(asl.ErrRuntime, "ApiEndpoint: %s", unwrapURL(err))
	}
	r.Header = header
	return r, nil
}

// each calls f with the members of an object in a field; lists give each value.
func each(o *jsonata.Object, field string, f func(k, v string)) {
	v, _ := o.Get(field)
	inner, ok := v.(*jsonata.Object)
	if !ok {
		return
	}
	for i := range inner.Len() {
		k, v := inner.At(i)
		all, isList := v.([]any)
		if !isList {
			all = []any{v}
		}
		for _, one := range all {
			s, isText := one.(string)
			if !isText {
				s = jsonata.Text(one)
			}
			f(k, s)
		}
	}
}

func encodeBody(v any, more []keyValue, form bool) []byte {
	o, isObject := v.(*jsonata.Object)
	if isObject || v == nil {
		if o == nil {
			o = jsonata.NewObject(0)
		}
		for _, p := range more {
			o = o.With(p.Key, p.Value)
		}
		v = o
	}
	if form && v == any(o) {
		values := url.Values{}
		each(object("b", o), "b", func(k, s string) { values.Add(k, s) })
		return []byte(values.Encode())
	}
	if s, ok := v.(string); ok {
		return []byte(s)
	}
	return jsonata.AppendJSON(nil, v)
}

func headersOf(h http.Header) *jsonata.Object {
	o := jsonata.NewObject(len(h))
	keys := make([]string, 0, len(h))
	for k := range h {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		values := make([]any, len(h[k]))
		for i, v := range h[k] {
			values[i] = v
		}
		o.Set(strings.ToLower(k), values)
	}
	return o
}

func bodyOf(h http.Header, body []byte) any {
	if strings.Contains(h.Get("Content-Type"), "json") {
		if v, err := jsonata.ParseJSON(body); err == nil {
			return v
		}
	}
	return string(body)
}

func unwrapURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

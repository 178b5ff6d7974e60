package gateway

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// request is an HTTP request with what is known of it besides.
type request struct {
	*http.Request
	route     *route
	path      string // after the id, as it came
	body      []byte
	id        string // of the invocation
	trace     string
	at        time.Time
	principal auth.Principal // of AWS_IAM URLs
	version   *ebb.Version   // the one of the route that this request goes to
	found     *found         // of HTTP routes: the values of the path's parameters
	caller    caller         // of HTTP routes
	out       http.ResponseWriter
	plain     bool    // refusals are worded as API Gateway words them
	upload    *upload // of web functions: the body, if it was not read before; nil = it was, or there is none
	again     bool    // it was declined, and will come again
}

// routeKey is the key of the route that r came by.
func (r *request) routeKey() string {
	if r.route.http == nil {
		return "$default"
	}
	return r.route.http.key(r.Method)
}

// appendEvent appends r as an event of payload format 2.0. It is written by
// hand because it is on the way of every request.
func appendEvent(b []byte, r *request) []byte {
	b = slices.Grow(b, 2048+len(r.body)*4/3)
	b = append(b, `{"version":"2.0","routeKey":`...)
	b = appendString(b, r.routeKey())
	b = append(b, `,"rawPath":`...)
	b = appendString(b, r.path)
	b = append(b, `,"rawQueryString":`...)
	b = appendString(b, r.URL.RawQuery)
	b = appendCookies(b, r.Header["Cookie"])
	b = appendHeaders(b, r)
	b = appendQuery(b, r.URL.RawQuery)
	if r.found != nil && r.found.n > 0 {
		b = append(b, `,"pathParameters":`...)
		b = appendParameters(b, r)
	}
	b = appendContext(b, r)
	return appendBody(b, r)
}

// appendParameters appends the parameters of the path of r's route, decoded.
func appendParameters(b []byte, r *request) []byte {
	for i, value := range r.found.parameters() {
		sep := byte(',')
		if i == 0 {
			sep = '{'
		}
		b = appendString(append(b, sep), r.route.http.names[i])
		b = appendString(append(b, ':'), value)
	}
	return append(b, '}')
}

func appendCookies(b []byte, headers []string) []byte {
	sep := `,"cookies":[`
	for _, h := range headers {
		for c := range strings.SplitSeq(h, ";") {
			if c = strings.TrimSpace(c); c == "" {
				continue
			}
			b = append(b, sep...)
			b = appendString(b, c)
			sep = ","
		}
	}
	if sep == "," {
		b = append(b, ']')
	}
	return b
}

// appendHeaders appends the headers that are the function's business, in lower
// case, values of one name joined by commas.
func appendHeaders(b []byte, r *request) []byte {
	iam := r.principal.Kind != auth.Anonymous
	named := r.Header["Connection"]
	ip, port, proto := remoteIP(r.RemoteAddr), "80", "http"
	if r.TLS != nil {
		port, proto = "443", "https"
	}
	if p := hostPort(r.Host); p != "" {
		port = p
	}
	b = append(b, `,"headers":{"host":`...)
	b = appendString(b, r.Host)
	b = append(b, `,"x-amzn-trace-id":`...)
	b = appendString(b, r.trace)
	b = append(b, `,"x-forwarded-for":`...)
	b = append(b, '"')
	for _, v := range r.Header["X-Forwarded-For"] {
		b = append(appendEscaped(b, v), ", "...)
	}
	b = append(appendEscaped(b, ip), `","x-forwarded-port":"`...)
	b = append(append(b, port...), `","x-forwarded-proto":"`...)
	b = append(append(b, proto...), '"')
	for name, values := range r.Header {
		if !forwarded(name, iam) || len(named) > 0 && ebb.Listed(named, name) || r.route.http != nil && r.route.http.hides(name) {
			continue
		}
		b = append(b, ',', '"')
		b = append(appendLower(b, name), '"', ':', '"')
		for i, v := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendEscaped(b, v)
		}
		b = append(b, '"')
	}
	for _, h := range r.caller.headers {
		b = append(appendLower(append(b, ',', '"'), h.key), '"', ':')
		b = appendString(b, h.value)
	}
	return append(b, '}')
}

// forwarded reports whether a request header (canonical name) goes to the
// function as it is. Those that speak of the connection do not, nor those that
// the gateway writes itself, nor what proved the caller to the gateway.
func forwarded(name string, iam bool) bool {
	switch name {
	case "Host", "X-Amzn-Trace-Id", "X-Forwarded-For", "X-Forwarded-Port", "X-Forwarded-Proto":
		return false
	case "Authorization", "X-Amz-Security-Token":
		return !iam
	}
	return !ebb.HopByHop(name)
}

// appendLower appends a header name in lower case, inside quotes: net/http lets
// only token characters through, none of which needs escaping.
func appendLower(b []byte, name string) []byte {
	for _, c := range []byte(name) {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		b = append(b, c)
	}
	return b
}

type parameter struct{ key, value string }

// appendQuery appends the query decoded, values of one key joined by commas.
func appendQuery(b []byte, raw string) []byte {
	if raw == "" {
		return b
	}
	var few [16]parameter
	ps := few[:0]
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		ps = append(ps, parameter{unescape(key), unescape(value)})
	}
	if len(ps) == 0 {
		return b
	}
	// Sorted, equal keys are neighbours, however many a caller sends.
	slices.SortStableFunc(ps, func(a, b parameter) int { return strings.Compare(a.key, b.key) })
	b = append(b, `,"queryStringParameters":{`...)
	for i, p := range ps {
		if i > 0 && ps[i-1].key == p.key {
			b = append(b, ',')
		} else {
			if i > 0 {
				b = append(b, '"', ',')
			}
			b = append(appendString(b, p.key), ':', '"')
		}
		b = appendEscaped(b, p.value)
	}
	return append(b, '"', '}')
}

// unescape decodes a part of a query; one that is not well-formed stays as it is.
func unescape(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

func appendContext(b []byte, r *request) []byte {
	b = append(b, `,"requestContext":{"accountId":"`...)
	switch {
	case r.route.http != nil:
		b = append(b, r.route.Service...)
	case r.principal.Kind == auth.Anonymous:
		b = append(b, `anonymous`...)
	default:
		b = append(b, r.principal.Service...)
	}
	b = append(append(b, `","apiId":"`...), r.route.ID...)
	b = append(b, '"')
	if r.caller.cert != nil {
		b = append(b, `,"authentication":{"clientCert":`...)
		b = append(appendCertificate(b, r.caller.cert), '}')
	}
	if r.principal.Kind != auth.Anonymous {
		b = appendIAM(b, &r.principal)
	} else if r.caller.token != nil || r.caller.key != nil {
		b = append(b, `,"authorizer":{`...)
		b = append(appendAuthorizer(b, &r.caller), '}')
	}
	b = append(b, `,"domainName":`...)
	b = appendString(b, hostName(r.Host))
	b = append(b, `,"domainPrefix":`...)
	b = appendString(b, r.domainPrefix())
	b = append(b, `,"http":{"method":`...)
	b = appendString(b, r.Method)
	b = append(b, `,"path":`...)
	b = appendString(b, r.path)
	b = append(b, `,"protocol":`...)
	b = appendString(b, r.Proto)
	b = append(b, `,"sourceIp":`...)
	b = appendString(b, remoteIP(r.RemoteAddr))
	b = append(b, `,"userAgent":`...)
	b = appendString(b, r.UserAgent())
	b = append(append(b, `},"requestId":"`...), r.id...)
	b = append(b, `","routeKey":`...)
	b = appendString(b, r.routeKey())
	b = append(b, `,"stage":"$default","time":"`...)
	b = appendTime(b, r.at.UTC())
	b = append(b, `","timeEpoch":`...)
	b = strconv.AppendInt(b, r.at.UnixMilli(), 10)
	return append(b, '}')
}

// appendTime appends a time in UTC as "02/Jan/2006:15:04:05 -0700" would: that
// is on the way of every request, and takes a fifth of the time by hand.
func appendTime(b []byte, t time.Time) []byte {
	year, month, day := t.Date()
	hour, minute, second := t.Clock()
	two := func(b []byte, n int, after byte) []byte { return append(b, '0'+byte(n/10), '0'+byte(n%10), after) }
	b = append(append(two(b, day, '/'), month.String()[:3]...), '/')
	b = append(strconv.AppendInt(b, int64(year), 10), ':')
	b = two(two(b, hour, ':'), minute, ':')
	return append(two(b, second, ' '), "+0000"...)
}

// domainPrefix is the first label of an HTTP route's host, the id of a function
// URL.
func (r *request) domainPrefix() string {
	if r.route.http == nil {
		return r.route.ID
	}
	label, _, _ := strings.Cut(hostName(r.Host), ".")
	return label
}

func appendIAM(b []byte, p *auth.Principal) []byte {
	b = append(b, `,"authorizer":{"iam":{"accessKey":`...)
	b = appendString(b, p.AccessKey)
	b = append(append(b, `,"accountId":"`...), p.Service...)
	b = append(append(b, `","callerId":"`...), p.Service...)
	b = append(b, `","cognitoIdentity":null,"principalOrgId":null,"userArn":`...)
	b = appendString(b, p.ARN)
	b = append(append(b, `,"userId":"`...), p.Service...)
	return append(b, `"}}`...)
}

func appendBody(b []byte, r *request) []byte {
	switch {
	case len(r.body) == 0:
		return append(b, `,"isBase64Encoded":false}`...)
	case isText(r.Header) && utf8.Valid(r.body):
		b = append(b, `,"body":`...)
		b = appendString(b, r.body)
		return append(b, `,"isBase64Encoded":false}`...)
	}
	b = append(b, `,"body":"`...)
	b = base64.StdEncoding.AppendEncode(b, r.body)
	return append(b, `","isBase64Encoded":true}`...)
}

// isText reports whether a body with these headers is text to Lambda.
func isText(h http.Header) bool {
	if len(h["Content-Encoding"]) > 0 {
		return false
	}
	kind := h.Get("Content-Type")
	if i := strings.IndexByte(kind, ';'); i >= 0 {
		kind = kind[:i]
	}
	kind = strings.TrimSpace(kind)
	if len(kind) > 5 && strings.EqualFold(kind[:5], "text/") {
		return true
	}
	for _, t := range [...]string{"application/json", "application/xml", "application/javascript"} {
		if strings.EqualFold(kind, t) {
			return true
		}
	}
	return false
}

// remoteIP is the address part of host:port.
func remoteIP(addr string) string {
	i := strings.LastIndexByte(addr, ':')
	if i < 0 {
		return addr
	}
	return strings.Trim(addr[:i], "[]")
}

// hostName is a Host header without its port.
func hostName(host string) string {
	if p := hostPort(host); p != "" {
		return host[:len(host)-len(p)-1]
	}
	return host
}

// hostPort is the port of a Host header, "" without one.
func hostPort(host string) string {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.IndexByte(host[i:], ']') >= 0 {
		return ""
	}
	port := host[i+1:]
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return ""
	}
	return port
}

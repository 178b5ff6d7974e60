package plainhttp

import (
	"context"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// blank is what all requests have in common.
var blank = http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}

// parse reads the head of a request, all its lines with their ends. It is nil if
// the request is not plain, or not right.
func parse(ctx context.Context, head string) *http.Request {
	line, rest, _ := strings.Cut(head, "\r\n")
	r := blank.WithContext(ctx)
	if !parseRequestLine(line, r) || !parseFields(rest, r) {
		return nil
	}
	return r
}

func parseRequestLine(line string, r *http.Request) bool {
	line, ok := strings.CutSuffix(line, " HTTP/1.1")
	if !ok {
		return false
	}
	r.Method, r.RequestURI, _ = strings.Cut(line, " ")
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
	default:
		return false
	}
	if r.RequestURI == "" || r.RequestURI[0] != '/' {
		return false
	}
	for _, c := range []byte(r.RequestURI) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	var err error
	r.URL, err = url.ParseRequestURI(r.RequestURI)
	return err == nil
}

// parseFields reads the headers. Two that say the same thing about the connection
// or the body are none of ours, whether they agree or not.
func parseFields(rest string, r *http.Request) bool {
	n := strings.Count(rest, "\n")
	r.Header = make(http.Header, n)
	values := make([]string, n)
	host, length, connection := "", "", ""
	for ; rest != ""; n-- {
		line, after, ok := strings.Cut(rest, "\n")
		if !ok || line == "" || line[len(line)-1] != '\r' {
			return false
		}
		rest = after
		name, value, ok := strings.Cut(line[:len(line)-1], ":")
		value = strings.Trim(value, " \t")
		if !ok || !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			return false
		}
		key := textproto.CanonicalMIMEHeaderKey(name)
		only := &connection
		switch key {
		case "Host":
			if host != "" || value == "" || !httpguts.ValidHostHeader(value) {
				return false
			}
			host = value
			continue
		case "Content-Length":
			only = &length
		case "Connection":
		case "Transfer-Encoding", "Expect", "Upgrade", "Trailer", "Pragma": // net/http knows what they ask for
			return false
		default:
			only = nil
		}
		if only != nil {
			if *only != "" || value == "" {
				return false
			}
			*only = value
		}
		if have := r.Header[key]; have != nil {
			r.Header[key] = append(have, value)
			continue
		}
		values[n-1] = value
		r.Header[key] = values[n-1 : n : n]
	}
	r.Host = host
	return host != "" && setLength(length, r) && setClose(connection, r)
}

// setLength reads how long the body is.
func setLength(length string, r *http.Request) bool {
	if length == "" {
		return true
	}
	n, err := strconv.ParseUint(length, 10, 31) // takes digits only
	r.ContentLength = int64(n)
	return err == nil
}

// setClose reads whether the connection ends after the answer.
func setClose(connection string, r *http.Request) bool {
	r.Close = strings.EqualFold(connection, "close")
	return r.Close || connection == "" || strings.EqualFold(connection, "keep-alive")
}

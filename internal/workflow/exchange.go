package workflow

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/ebb-faas/ebb/internal/jsonata"
)

// Exchange is the request and the response of an HTTP task that is tried.
type Exchange struct {
	Request, Response Message
	reveal            bool // show what the connection adds to the request
}

// Message is one side of an Exchange.
type Message struct {
	Protocol   string
	Method     string // of a request
	URL        string
	StatusCode string // of a response
	StatusText string
	Headers    string // as TestState shows them: [name: value, name: value]
	Body       string
}

// asked notes a request; parameters are those of the task.
func (x *Exchange) asked(ctx context.Context, parameters *jsonata.Object, r *http.Request) {
	if x == nil {
		return
	}
	if !x.reveal {
		bare, fail := newRequest(ctx, parameters, &connection{})
		if fail != nil {
			return // then neither had the whole one become a request
		}
		r = bare
	}
	x.Request = Message{Protocol: r.URL.Scheme, Method: r.Method, URL: r.URL.String(), Headers: shownHeaders(r.Header)}
	if body, err := r.GetBody(); err == nil {
		text, _ := io.ReadAll(body) // from memory
		x.Request.Body = string(text)
	}
}

// answered notes the response.
func (x *Exchange) answered(res *http.Response, body []byte) {
	if x != nil {
		x.Response = Message{Protocol: x.Request.Protocol, StatusCode: strconv.Itoa(res.StatusCode), StatusText: http.StatusText(res.StatusCode), Headers: shownHeaders(res.Header), Body: string(body)}
	}
}

func shownHeaders(h http.Header) string {
	var all []string
	for name, values := range h {
		for _, v := range values {
			all = append(all, name+": "+v)
		}
	}
	slices.Sort(all)
	return "[" + strings.Join(all, ", ") + "]"
}

package lambdaapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/ebb-faas/ebb/internal/auth"
	"github.com/ebb-faas/ebb/internal/ebb"
)

// How a caller wants an invocation done.
const (
	typeRequestResponse = "RequestResponse"
	typeEvent           = "Event"
	typeDryRun          = "DryRun"
)

const (
	opInvoke = "Invoke"

	invokePrefix = "/2015-03-31/functions/"
	invokeSuffix = "/invocations"
	streamPrefix = "/2021-11-15/functions/"
	streamSuffix = "/response-streaming-invocations"

	maxClientContext = 3583 // bytes in base64
	maxTenant        = 256

	// keptAnswer is the largest buffer that goes back to the pool.
	keptAnswer = 1 << 20
)

// invocationPath finds the function's name, as it is escaped, in the path of a
// request to run it; "" = the request is another. It tells the hot path from all
// others without the routing table.
func invocationPath(r *http.Request) (name string, streamed bool) {
	if r.Method != http.MethodPost {
		return "", false
	}
	p := strings.TrimSuffix(r.URL.EscapedPath(), "/")
	rest, ok := strings.CutPrefix(p, invokePrefix)
	name, ok = cutSuffix(rest, invokeSuffix, ok)
	if !ok {
		rest, streamed = strings.CutPrefix(p, streamPrefix)
		name, streamed = cutSuffix(rest, streamSuffix, streamed)
	}
	if !ok && !streamed || strings.IndexByte(name, '/') >= 0 {
		return "", false
	}
	return name, streamed
}

func cutSuffix(s, suffix string, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	return strings.CutSuffix(s, suffix)
}

func isInvoke(r *http.Request) bool {
	name, _ := invocationPath(r)
	return name != ""
}

func invokedName(r *http.Request) (string, error) {
	name, _ := invocationPath(r)
	if strings.IndexByte(name, '%') < 0 {
		return name, nil
	}
	return url.PathUnescape(name)
}

// answer is the sink of one invocation. It holds the whole answer, because
// whether the function failed stands in a header.
type answer struct {
	head ebb.Head
	body []byte
}

// Head implements ebb.Sink.
func (s *answer) Head(h ebb.Head) error { s.head = h; return nil }

// Write implements ebb.Sink.
func (s *answer) Write(b []byte) (int, error) {
	s.body = append(s.body, b...)
	return len(b), nil
}

// answers is a pool of buffers; it holds nothing that matters.
var answers = sync.Pool{New: func() any { return new(answer) }}

func (s *answer) release() {
	if cap(s.body) <= keptAnswer {
		s.head, s.body = ebb.Head{}, s.body[:0]
		answers.Put(s)
	}
}

// run is what runs functions: Invoke and InvokeWithResponseStream.
func (a *API) run(w http.ResponseWriter, r *http.Request) {
	if _, streamed := invocationPath(r); streamed {
		a.serveInvokeStream(w, r)
		return
	}
	a.serveInvoke(w, r)
}

// serveInvoke is the operation Invoke. It does by hand what the others leave to
// the model's tables, because it is most of the traffic.
func (a *API) serveInvoke(w http.ResponseWriter, r *http.Request) {
	inv, kind, err := a.invocation(w, r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	switch kind {
	case typeDryRun:
		if err := a.invoker.Check(r.Context(), inv); err != nil {
			a.fail(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	case typeEvent:
		a.serveEvent(w, r, inv)
		return
	}
	sink := answers.Get().(*answer)
	defer sink.release()
	res, err := a.invoker.Invoke(r.Context(), inv, sink)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	sink.deliver(w, &res)
}

// deliver writes the answer with its headers. The keys are spelled as
// net/http's Set would spell them.
func (s *answer) deliver(w http.ResponseWriter, res *ebb.Result) {
	h := w.Header()
	contentType := s.head.ContentType
	if contentType == "" {
		contentType = "application/json"
	}
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(s.body))}
	h["X-Amz-Executed-Version"] = []string{res.Version}
	if res.FunctionError != "" {
		h["X-Amz-Function-Error"] = []string{res.FunctionError}
	}
	if res.LogTail != nil {
		h["X-Amz-Log-Result"] = []string{base64.StdEncoding.EncodeToString(res.LogTail)}
	}
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(s.body) // a caller who has gone needs no answer
}

// invocation reads the request. The payload is the request's body itself.
func (a *API) invocation(w http.ResponseWriter, r *http.Request) (*ebb.Invocation, string, error) {
	name, err := invokedName(r)
	if err != nil {
		return nil, "", ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "FunctionName: %v", err)
	}
	qualifier := ""
	if r.URL.RawQuery != "" {
		qualifier = r.URL.Query().Get("Qualifier")
	}
	t, err := a.target(auth.From(r.Context()), "lambda:InvokeFunction", name, qualifier)
	if err != nil {
		return nil, "", err
	}
	kind, tail, err := modes(r.Header)
	if err != nil {
		return nil, "", err
	}
	if err := foreignHeaders(r.Header); err != nil {
		return nil, "", err
	}
	tenant, err := tenantID(r.Header)
	if err != nil {
		return nil, "", err
	}
	clientContext, err := clientContext(r.Header.Get("X-Amz-Client-Context"))
	if err != nil {
		return nil, "", err
	}
	egress, err := egress(r.Header)
	if err != nil {
		return nil, "", err
	}
	payload, err := payload(r)
	if err != nil {
		return nil, "", err
	}
	return &ebb.Invocation{
		ID:            ebb.InvocationID(requestID(w)),
		FunctionKey:   t.FunctionKey,
		Qualifier:     t.Qualifier,
		Payload:       payload,
		ClientContext: clientContext,
		TraceID:       r.Header.Get("X-Amzn-Trace-Id"),
		Tail:          tail,
		Tenant:        tenant,
		Egress:        egress,
	}, kind, nil
}

// modes reads how the invocation is to be done. Both headers are checked
// together, as the model's tables would.
func modes(h http.Header) (kind string, tail bool, err error) {
	kind = typeRequestResponse
	var faults []string
	if v := h.Get("X-Amz-Invocation-Type"); v != "" {
		kind = v
		if v != typeEvent && v != typeRequestResponse && v != typeDryRun {
			faults = append(faults, notInSet(v, "invocationType", "[Event, RequestResponse, DryRun]"))
		}
	}
	switch v := h.Get("X-Amz-Log-Type"); v {
	case "", "None":
	case "Tail":
		tail = true
	default:
		faults = append(faults, notInSet(v, "logType", "[None, Tail]"))
	}
	switch len(faults) {
	case 0:
		return kind, tail, nil
	case 1:
		return "", false, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "1 validation error detected: %s", faults[0])
	}
	return "", false, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "%d validation errors detected: %s",
		len(faults), strings.Join(faults, "; "))
}

func notInSet(value, at, set string) string {
	return fmt.Sprintf("Value '%s' at '%s' failed to satisfy constraint: Member must satisfy enum value set: %s", clip(value), at, set)
}

// foreignHeaders refuses what would change the meaning of the invocation.
func foreignHeaders(h http.Header) error {
	if h.Get("X-Amz-Durable-Execution-Name") != "" {
		return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue,
			"DurableExecutionName: the invoked function is not a durable function")
	}
	if e := h.Get("Content-Encoding"); e != "" && e != "identity" {
		return ebb.Errorf(ebb.Unsupported, ebb.TypeUnsupportedMediaType,
			"Content-Encoding: %q is not supported; send the payload as it is", clip(e))
	}
	return nil
}

var tenantRE = regexp.MustCompile(`^[a-zA-Z0-9._:/=+\-@ ]+$`)

// tenantID reads on whose behalf the function is to run. Whether it must be told
// is known to package invoke.
func tenantID(h http.Header) (string, error) {
	given := h["X-Amz-Tenant-Id"]
	if len(given) == 0 {
		return "", nil
	}
	id := given[0]
	if len(id) > maxTenant || !tenantRE.MatchString(id) {
		return "", ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "1 validation error detected: Value '%s' at 'tenantId' failed to "+
			"satisfy constraint: Member must have length between 1 and %d and satisfy regular expression pattern: %s",
			clip(id), maxTenant, `[a-zA-Z0-9\._:\/=+\-@ ]+`)
	}
	return id, nil
}

func clientContext(encoded string) ([]byte, error) {
	if encoded == "" {
		return nil, nil
	}
	if len(encoded) > maxClientContext {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidRequestContent,
			"ClientContext: must not be longer than %d bytes in base64", maxClientContext)
	}
	text, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !json.Valid(text) || !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidRequestContent,
			"Client context must be a valid Base64-encoded JSON object.")
	}
	return text, nil
}

// payload is the body; nothing at all means an empty event.
func payload(r *http.Request) ([]byte, error) {
	body := auth.Body(r.Context())
	if len(body) == 0 {
		return []byte("{}"), nil
	}
	if !json.Valid(body) {
		var doc json.RawMessage
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidRequestContent,
			"Could not parse request body into json: Could not parse payload into json: %v", json.Unmarshal(body, &doc))
	}
	return body, nil
}

package api

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/trigger/event"
)

// maxEvents is how many CloudEvents one batch may have.
const maxEvents = 100

// PutEventsAnswer says what became of events. CloudEvents are told of in events,
// those of PutEvents in Entries.
type PutEventsAnswer struct {
	Events           []PutEvent        `json:"events,omitempty" doc:"of CloudEvents, in their order"`
	FailedEntryCount *int              `json:"FailedEntryCount,omitempty" doc:"of PutEvents"`
	Entries          []event.PutResult `json:"Entries,omitempty" doc:"of PutEvents, in their order"`
}

// PutEvent is what became of a CloudEvent.
type PutEvent struct {
	ID        string `json:"id"`
	Matched   int    `json:"matched" doc:"rules that asked for it"`
	Duplicate bool   `json:"duplicate,omitempty" doc:"it was taken before; nothing was delivered again"`
	Code      string `json:"code,omitempty" doc:"why it was not taken"`
	Message   string `json:"message,omitempty"`
}

type (
	putEventsInput struct {
		RawBody []byte `contentType:"application/json"`
		header  http.Header
	}
	putEventsOutput struct {
		Status int
		Body   PutEventsAnswer
	}
)

// Resolve implements huma.Resolver: the attributes of an event may stand in
// headers.
func (in *putEventsInput) Resolve(hc huma.Context) []error {
	in.header = http.Header{}
	hc.EachHeader(in.header.Add)
	return nil
}

func (a *API) registerEvents(h huma.API) {
	entries := h.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[struct {
		Entries []event.PutEntry `json:"Entries"`
	}](), true, "PutEventsRequest")
	cloudEvent := &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true, Description: "a CloudEvent 1.0"}
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "PutEvents", Method: http.MethodPost, Path: Prefix + "events", DefaultStatus: http.StatusAccepted,
		SkipValidateBody: true, // its shape depends on its type; the bus says what is wrong
		Summary:          "Put events on the service's event bus",
		Description:      "CloudEvents 1.0, one as JSON, one in ce- headers, or a batch; or the Entries of EventBridge's PutEvents.",
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json":    {Schema: entries},
			event.TypeCloudEvent:  {Schema: cloudEvent},
			event.TypeCloudEvents: {Schema: &huma.Schema{Type: huma.TypeArray, Items: cloudEvent}},
		}},
	}), a.putEvents)
}

func (a *API) putEvents(ctx context.Context, in *putEventsInput) (*putEventsOutput, error) {
	trace := in.header.Get("X-Amzn-Trace-Id")
	kind, _, err := mime.ParseMediaType(in.header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	var entries []event.Entry
	switch {
	case kind == event.TypeCloudEvent:
		entries = make([]event.Entry, 1)
		entries[0], err = event.ParseCloudEvent(in.RawBody)
	case kind == event.TypeCloudEvents:
		entries, err = event.ParseCloudEvents(in.RawBody)
	case in.header.Get(event.HeaderCloudEvent) != "":
		entries = make([]event.Entry, 1)
		entries[0], err = event.ReadCloudEvent(in.header, in.RawBody)
	case kind == "application/json":
		return a.putEntries(ctx, in.RawBody, trace)
	default:
		err = ebb.Errorf(ebb.Unsupported, ebb.TypeUnsupportedMediaType,
			"Content-Type: %.100q is none of %s, %s and application/json, and there are no ce- headers", kind, event.TypeCloudEvent, event.TypeCloudEvents)
	}
	if err == nil && len(entries) > maxEvents {
		err = ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "the batch: %d events are more than %d", len(entries), maxEvents)
	}
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	results, err := a.cfg.Events.Put(ctx, service(ctx), entries, trace)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := &putEventsOutput{Status: http.StatusAccepted, Body: PutEventsAnswer{Events: make([]PutEvent, len(results))}}
	for i, r := range results {
		out.Body.Events[i] = PutEvent{ID: entries[i].ID, Matched: r.Matched, Duplicate: r.Duplicate, Code: r.Code, Message: r.Message}
	}
	if len(results) == 1 && results[0].Code != "" { // one event, one answer
		return nil, a.problem(ctx, refusedEvent(&results[0]))
	}
	return out, nil
}

// refusedEvent is why a single event was not taken.
func refusedEvent(r *event.Result) error {
	if r.Code == event.CodeInternal || r.Code == event.CodeThrottled {
		return ebb.Errorf(ebb.Unavailable, ebb.TypeServiceUnavailable, "%s", r.Message)
	}
	return ebb.Errorf(ebb.Invalid, ebb.TypeInvalidParameterValue, "%s: %s", r.Code, r.Message)
}

// putEntries answers PutEvents.
func (a *API) putEntries(ctx context.Context, body []byte, trace string) (*putEventsOutput, error) {
	var in struct{ Entries []event.PutEntry }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, a.problem(ctx, ebb.Errorf(ebb.Invalid, ebb.TypeInvalidRequestContent, "the body is not that of PutEvents: %v", err))
	}
	answer, err := a.cfg.Events.PutEvents(ctx, service(ctx), in.Entries, trace)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &putEventsOutput{Status: http.StatusOK, Body: PutEventsAnswer{FailedEntryCount: &answer.FailedEntryCount, Entries: answer.Entries}}, nil
}

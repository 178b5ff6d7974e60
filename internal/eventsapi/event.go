package eventsapi

import (
	"cmp"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/pattern"
	"github.com/ebb-faas/ebb/internal/trigger/event"
)

// TypeInvalidEventPattern is the error type of a pattern that is none.
const TypeInvalidEventPattern = "InvalidEventPatternException"

// handler runs one operation and returns a pointer to its output.
type handler func(a *API, c *call, decode func(any) error) (any, error)

func handlers() map[string]handler {
	return map[string]handler{"PutEvents": putEvents, "TestEventPattern": testEventPattern}
}

func putEvents(a *API, c *call, decode func(any) error) (any, error) {
	var in PutEventsRequest
	if err := decode(&in); err != nil {
		return nil, err
	}
	arn := "arn:aws:events:" + a.region + ":" + string(c.service()) + ":event-bus/" + event.DefaultBus
	if err := a.auth.Authorize(c.principal, Action(c.op), arn); err != nil {
		return nil, err
	}
	if in.EndpointId != nil {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "EndpointId: global endpoints are not offered; leave it out")
	}
	puts := make([]event.PutEntry, len(in.Entries))
	trace := c.trace
	for i, e := range in.Entries {
		puts[i] = event.PutEntry{Source: e.Source, DetailType: e.DetailType, Detail: e.Detail, Resources: e.Resources, EventBusName: e.EventBusName}
		if e.Time != nil {
			puts[i].Time = &e.Time.Time
		}
		if e.TraceHeader != nil {
			trace = cmp.Or(trace, *e.TraceHeader)
		}
	}
	return a.bus.PutEvents(c, c.service(), puts, trace)
}

func testEventPattern(a *API, c *call, decode func(any) error) (any, error) {
	var in TestEventPatternRequest
	if err := decode(&in); err != nil {
		return nil, err
	}
	if err := a.auth.Authorize(c.principal, Action(c.op), "*"); err != nil {
		return nil, err
	}
	p, err := pattern.Compile([]byte(*in.EventPattern))
	if err != nil {
		return nil, ebb.Errorf(ebb.Invalid, TypeInvalidEventPattern, "Event pattern is not valid. Reason: %v", err)
	}
	matches, err := p.Match([]byte(*in.Event))
	if err != nil {
		return nil, ebb.Errorf(ebb.Invalid, ebb.TypeValidation, "Parameter Event is not valid. Reason: %v", err)
	}
	return &TestEventPatternResponse{Result: &matches}, nil
}

package server

import (
	"context"
	"encoding/json"

	"github.com/ebb-faas/ebb/internal/deliver"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/eventsapi"
	"github.com/ebb-faas/ebb/internal/store"
	"github.com/ebb-faas/ebb/internal/trigger/event"
)

// assembleBus makes the event bus and its wire API.
func (n *node) assembleBus() {
	n.bus = event.New(n.cfg.Events, event.Deps{
		Store: n.store, Log: n.log, Region: n.cfg.Region, Metrics: n.metrics, Send: n.sendEventFrom,
		Count: func(t ebb.TriggerRef, c ebb.TriggerCounts) { n.triggers.Count(t, c) },
	})
	n.events = eventsapi.New(n.cfg.Region, n.bus, n.auth, n.log)
}

// heardOfRules drops the rules of a service that another node has changed.
func (n *node) heardOfRules(c store.Change) {
	if c.Kind == store.ChangeRules {
		n.bus.Forget(ebb.ServiceID(c.ID))
	}
}

// failed is the detail of an event that tells of a delivery given up.
type failed struct {
	Trigger   string           `json:"trigger,omitempty"`
	Kind      ebb.TriggerKind  `json:"kind,omitempty"`
	Target    string           `json:"target"`
	Task      ebb.MessageID    `json:"task"`
	Request   ebb.InvocationID `json:"requestId"`
	Condition string           `json:"condition"`
	Reason    string           `json:"reason"`
	Error     string           `json:"error,omitempty"`
	Attempts  int              `json:"attempts"`
}

// alarm puts a delivery that was given up on the bus of its service, with its end.
func (n *node) alarm(ctx context.Context, f *deliver.Failure) (func(*store.Tx) error, error) {
	d := failed{Target: f.Target, Task: f.ID, Request: f.Request, Condition: f.Condition, Reason: f.Reason, Error: f.Error, Attempts: f.Attempts}
	e := &ebb.Event{Source: ebb.SourceFunction, DetailType: event.DeliveryFailed, Service: f.Service, Resources: []string{f.Target}}
	if f.Origin != nil {
		e.Source, d.Trigger, d.Kind = ebb.SourceTrigger, f.Origin.Name, f.Origin.Kind
	}
	var err error
	if e.Detail, err = json.Marshal(d); err != nil {
		return nil, err
	}
	return n.bus.Raise(ctx, e, f.Trace)
}

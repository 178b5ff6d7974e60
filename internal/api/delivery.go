package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Delivery is a record, or a trigger's event, that its target has not taken.
type Delivery struct {
	ID       string     `json:"id"`
	Request  string     `json:"request" doc:"id of the invocation, or of the event"`
	Function string     `json:"function,omitempty" doc:"whose record it is"`
	Target   string     `json:"target" doc:"ARN"`
	State    string     `json:"state" enum:"Queued,Running,Retrying,Failed,Stopped"`
	Accepted time.Time  `json:"accepted"`
	Ended    *time.Time `json:"ended,omitempty"`
	Next     *time.Time `json:"next,omitempty" doc:"when it is tried (again)"`
	Reason   string     `json:"reason,omitempty" doc:"why it failed or was stopped"`
	Attempts int        `json:"attempts" doc:"how often it was tried"`
}

// Deliveries is a page of deliveries.
type Deliveries struct {
	Deliveries []Delivery `json:"deliveries" nullable:"false" doc:"the newest ids first"`
	Next       string     `json:"next,omitempty" doc:"of the next page; a page may be short, even empty, and have a next one"`
}

type (
	deliveriesInput struct {
		Function string `query:"function" maxLength:"170" doc:"only those of this function (name or ARN)"`
		State    string `query:"state" enum:"Queued,Running,Retrying,Failed,Stopped" doc:"only those in this state"`
		TaskPage
	}
	deliveriesOutput struct{ Body Deliveries }
	deliveryInput    struct {
		ID string `path:"id" maxLength:"128"`
	}
	deliveryOutput struct{ Body Delivery }
)

// registerDeliveries names the operations on deliveries.
func (a *API) registerDeliveries(h huma.API) {
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "ListDeliveries", Method: http.MethodGet, Path: Prefix + "deliveries",
		Summary: "Deliveries to destinations that have not taken them",
	}), a.deliveries)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "GetDelivery", Method: http.MethodGet, Path: Prefix + "deliveries/{id}",
		Summary: "One delivery that was not taken",
	}), a.delivery)
	huma.Register(h, a.operation(h, huma.Operation{
		OperationID: "RedriveDelivery", Method: http.MethodPost, Path: Prefix + "deliveries/{id}/redrive",
		Summary: "Try a delivery that was given up as if it were new",
	}), a.redriveDelivery)
}

func (a *API) deliveries(ctx context.Context, in *deliveriesInput) (*deliveriesOutput, error) {
	f, err := a.taskFilter(ctx, in.Function, in.State, &in.TaskPage)
	if err != nil {
		return nil, err
	}
	ds, next, err := a.cfg.Tasks.Deliveries(ctx, f, in.Limit)
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	out := Deliveries{Deliveries: make([]Delivery, len(ds)), Next: string(next)}
	for i, d := range ds {
		out.Deliveries[i] = writeDelivery(d)
	}
	return &deliveriesOutput{out}, nil
}

func (a *API) delivery(ctx context.Context, in *deliveryInput) (*deliveryOutput, error) {
	d, err := a.cfg.Tasks.Delivery(ctx, service(ctx), ebb.MessageID(in.ID))
	if err != nil {
		return nil, a.problem(ctx, err)
	}
	return &deliveryOutput{writeDelivery(d)}, nil
}

// redriveDelivery answers what it read before: a target that takes it at once
// leaves nothing to be read.
func (a *API) redriveDelivery(ctx context.Context, in *deliveryInput) (*deliveryOutput, error) {
	out, err := a.delivery(ctx, in)
	if err != nil {
		return nil, err
	}
	if err := a.cfg.Tasks.RedriveDelivery(ctx, service(ctx), ebb.MessageID(in.ID)); err != nil {
		return nil, a.problem(ctx, err)
	}
	out.Body.State, out.Body.Ended, out.Body.Reason, out.Body.Attempts = string(ebb.TaskQueued), nil, "", 0
	return out, nil
}

func writeDelivery(d *ebb.Delivery) Delivery {
	return Delivery{
		ID: string(d.ID), Request: string(d.Request), Function: d.Name, Target: d.Target, State: string(d.State),
		Accepted: d.EnqueuedAt, Ended: someTime(d.EndedAt), Next: someTime(d.NextAt), Reason: d.Reason, Attempts: d.Attempts,
	}
}

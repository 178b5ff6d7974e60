package server

import (
	"context"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/gateway"
	"github.com/ebb-faas/ebb/internal/trigger/route"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// routes are the triggers of kind http; the gateway, which serves them, is asked
// when they are checked.
func (n *node) routes() *route.Kind {
	return route.New(route.Deps{
		Check:   func(t *ebb.Trigger, r *ebb.Route) error { return n.gateway.CheckRoute(t, r) },
		Sample:  func(t *ebb.Trigger) ([]byte, error) { return n.gateway.Sample(t) },
		Granted: n.cfg.HTTP.Granted,
		ServiceName: func(ctx context.Context, id ebb.ServiceID) (string, error) {
			s, err := n.functions.Service(ctx, string(id))
			if err != nil {
				return "", err
			}
			return s.Name, nil
		},
	})
}

// routeDeps is what the gateway serves routes with.
func (n *node) routeDeps() gateway.RouteDeps {
	return gateway.RouteDeps{Store: n.store, Metrics: n.metrics, Workflow: n.answerByWorkflow}
}

// answerByWorkflow runs an Express workflow to its end for a request.
func (n *node) answerByWorkflow(ctx context.Context, machine, input, trace string) (output string, failed bool, err error) {
	x, err := n.workflow.StartSync(ctx, workflow.Start{StateMachine: machine, Input: &input, TraceHeader: trace})
	if err != nil {
		return "", false, err
	}
	if x.Status != ebb.ExecutionSucceeded || x.Outcome.Output == nil {
		return "", true, nil
	}
	return *x.Outcome.Output, false, nil
}

// triggerChanged puts a change of a route into force on this node.
func (n *node) triggerChanged(ctx context.Context, kind ebb.TriggerKind) {
	if kind == ebb.TriggerHTTP {
		n.loadRoutes(ctx)
	}
}

// loadRoutes has the gateway read its routes. While that fails, those before
// stay in force.
func (n *node) loadRoutes(ctx context.Context) {
	if err := n.gateway.LoadRoutes(ctx); err != nil && ctx.Err() == nil {
		n.log.Error("routes cannot be read; those before stay in force", "error", err)
	}
}

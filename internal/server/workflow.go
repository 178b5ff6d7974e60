package server

import (
	"context"
	"encoding/json"
	"net"
	"strings"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/egress"
	"github.com/ebb-faas/ebb/internal/statesapi"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// assembleWorkflow puts workflows on the floors below, and their API on them. The
// queue takes their handlers, see assembleAsync.
func (n *node) assembleWorkflow() {
	cfg := n.cfg.Workflow
	cfg.Region = n.cfg.Region
	network := egress.New(n.cfg.Egress)
	n.workflow = workflow.New(cfg, workflow.Deps{
		Store: n.store, Invoke: n.invoker.Invoke, Call: n.callForWorkflow, Objects: n.workflowObjects(), Log: n.log, Logs: n.logs, Payloads: n.packages,
		Accept: func(ctx context.Context, inv *ebb.Invocation) error { return n.deliver.Accept(ctx, inv, "") },
		Permit: n.permitWorkflow,
		Secret: func(ctx context.Context, service ebb.ServiceID, name string) ([]byte, error) {
			value, _, err := n.secrets.Value(ctx, service, ebb.SecretRef{Name: name})
			return value, err
		},
		Dial: func(ctx context.Context, service ebb.ServiceID, protocol, address string) (net.Conn, error) {
			ceilings, err := n.functions.Ceilings(ctx, service)
			if err != nil {
				return nil, err
			}
			last := len(ceilings) - 1
			return network.Dial(ctx, egress.Policy{{Allow: ceilings[last], Under: ceilings[:last]}}, protocol, address)
		},
	})
	n.states = statesapi.New(n.cfg.Region, n.workflow, n.auth, n.log)
}

// runWorkflow runs what workflows have waiting until ctx ends.
func (n *node) runWorkflow(ctx context.Context) error { return n.workflow.Run(ctx) }

// permitWorkflow refuses what the role of a state machine may not.
func (n *node) permitWorkflow(ctx context.Context, service ebb.ServiceID, role, action, resource string) error {
	p, err := n.auth.Assume(ctx, role, service, "workflow")
	if err != nil {
		return err
	}
	return n.auth.Authorize(p, action, resource)
}

// callForWorkflow does an operation of ebb's own AWS APIs for a task, with the
// role of its state machine.
func (n *node) callForWorkflow(ctx context.Context, c workflow.Call) (json.RawMessage, bool, error) {
	p, err := n.auth.Assume(ctx, c.Role, c.Service, "workflow")
	if err != nil {
		return nil, true, err
	}
	operation := strings.ToUpper(c.Operation[:1]) + c.Operation[1:]
	switch c.API {
	case "lambda":
		return n.lambda.Call(ctx, p, operation, c.Parameters)
	case "sfn":
		return n.states.Call(ctx, p, operation, c.Parameters)
	case "s3":
		if n.objects != nil {
			return n.objects.Call(ctx, c.Service, c.Role, operation, c.Parameters)
		}
	case "scheduler":
		return n.callScheduler(ctx, c, operation)
	case "eventbridge":
		return n.events.Call(ctx, p, operation, c.Parameters, c.Trace)
	}
	return nil, false, nil
}

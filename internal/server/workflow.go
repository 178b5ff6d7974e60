package server

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/ebb-faas/ebb/internal/statesapi"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// assembleWorkflow puts workflows on the floors below, and their API on them. The
// queue takes their handlers, see assembleAsync.
func (n *node) assembleWorkflow() {
	cfg := n.cfg.Workflow
	cfg.Region = n.cfg.Region
	n.workflow = workflow.New(cfg, workflow.Deps{
		Store: n.store, Invoke: n.invoker.Invoke, Call: n.callForWorkflow, Objects: n.workflowObjects(), Log: n.log,
	})
	n.states = statesapi.New(n.cfg.Region, n.workflow, n.auth, n.log)
}

// runWorkflow runs what workflows have waiting until ctx ends.
func (n *node) runWorkflow(ctx context.Context) error { return n.workflow.Run(ctx) }

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
	}
	return nil, false, nil
}

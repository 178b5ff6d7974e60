package server

import (
	"context"

	"github.com/ebb-faas/ebb/internal/statesapi"
	"github.com/ebb-faas/ebb/internal/workflow"
)

// assembleWorkflow puts workflows on the floors below, and their API on them. The
// queue takes their handlers, see assembleAsync.
func (n *node) assembleWorkflow() {
	cfg := n.cfg.Workflow
	cfg.Region = n.cfg.Region
	n.workflow = workflow.New(cfg, workflow.Deps{Store: n.store, Invoke: n.invoker.Invoke, Log: n.log})
	n.states = statesapi.New(n.cfg.Region, n.workflow, n.auth, n.log)
}

// runWorkflow runs what workflows have waiting until ctx ends.
func (n *node) runWorkflow(ctx context.Context) error { return n.workflow.Run(ctx) }

package server

import (
	"context"

	"github.com/ebb-faas/ebb/runtimes"
)

// loadRuntimes tells the catalog of the runtimes that operators added. A runtime
// whose image is gone is missing, not the node.
func (n *node) loadRuntimes(ctx context.Context) error {
	if err := n.functions.LoadRuntimes(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n.log.Error("runtimes are missing", "error", err)
	}
	return n.runtimes.Tidy()
}

// probe asks an interpreter of a container image what it is.
func (n *node) probe(ctx context.Context, root string, p runtimes.Probe) ([]byte, error) {
	return n.pool.Probe(ctx, root, p)
}

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
	return nil
}

// getReady does what the node need not wait for before it answers: it keeps
// instances ready, looks for the host's interpreters, for which only those wait
// who need one, and makes instances ahead.
func (n *node) getReady(ctx context.Context) error {
	if err := n.keepReady(ctx); err != nil && ctx.Err() == nil {
		n.log.Error("instances are not kept ready as they were asked for", "error", err)
	}
	err := n.runtimes.Search(ctx)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // it was told to end
	}
	if err != nil {
		return err
	}
	if err := n.runtimes.Tidy(); err != nil {
		return err
	}
	n.prewarm(ctx)
	return nil
}

// prewarm has instances made ahead for the runtimes that functions have. Without
// it the first cold starts are slower, nothing else.
func (n *node) prewarm(ctx context.Context) {
	uses, err := n.functions.Runtimes(ctx)
	if err != nil && ctx.Err() == nil {
		n.log.Warn("no instances are made ahead", "error", err)
	}
	for _, u := range uses {
		n.pool.Prewarm(u.Runtime, u.MemoryMB)
	}
}

// probe asks an interpreter of a container image what it is.
func (n *node) probe(ctx context.Context, root string, p runtimes.Probe) ([]byte, error) {
	return n.pool.Probe(ctx, root, p)
}

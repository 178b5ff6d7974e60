package server

import (
	"context"

	"github.com/ebb-faas/ebb/internal/cluster"
	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// collectLease is held by the node that removes old packages: with a shared
// directory one does it for all.
const collectLease = "collect"

// newCluster makes this node one of those that share its database.
func (n *node) newCluster() *cluster.Cluster {
	return cluster.New(n.cfg.Cluster, n.store,
		ebb.Node{Version: Version(), Instances: n.pool.Limits().MaxInstances}, n.log)
}

// watch drops what is remembered of whatever other nodes change.
func (n *node) watch(ctx context.Context) {
	n.store.Watch(ctx, n.log, func(c store.Change) {
		if key, ok := c.Function(); ok {
			n.changed(key)
		}
		if c.Kind == store.ChangeMessages {
			n.queue.Wake(c.ID)
		}
		n.heardOfService(c)
		n.heardOfRules(c)
		if c.Kind == store.ChangeRoute {
			n.loadRoutes(ctx)
		}
	})
}

// collects reports whether this node is to remove old packages now.
func (n *node) collects(ctx context.Context) (bool, error) {
	if n.cfg.Packages.Dir == "" {
		return true, nil // they are this node's own
	}
	_, _, ok, err := n.cluster.Leases.Claim(ctx, collectLease)
	return ok, err
}

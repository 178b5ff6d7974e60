package cluster

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/store"
)

// changeNode is the kind of change that other nodes hear of when one joins.
const changeNode = "node"

// Cluster is this node among those that share its database.
type Cluster struct {
	cfg    Config
	store  *store.Store
	log    *slog.Logger
	self   ebb.Node
	Leases *Leases
}

// New returns the node that self describes; it gets an id of its own and is
// nobody's peer before Join.
func New(cfg Config, s *store.Store, self ebb.Node, log *slog.Logger) *Cluster {
	cfg = cfg.withDefaults()
	self.ID, self.BeganAt = ebb.NodeID(uuid.NewString()), time.Now().UTC()
	return &Cluster{cfg: cfg, store: s, log: log, self: self, Leases: newLeases(cfg, s, self.ID, log)}
}

// ID is this node's.
func (c *Cluster) ID() ebb.NodeID { return c.self.ID }

// Join makes the node known to the others. api and gateway are where it answers.
func (c *Cluster) Join(ctx context.Context, api, gateway string) error {
	c.self.API, c.self.Gateway = api, gateway
	if !c.store.Shared() {
		return nil
	}
	return c.store.Tx(ctx, func(tx *store.Tx) error {
		now, err := tx.Now(time.Now())
		if err != nil {
			return err
		}
		if err := tx.DeleteNodesBefore(now.Add(-remember)); err != nil {
			return err
		}
		c.self.BeganAt = now
		if err := c.put(tx, now); err != nil {
			return err
		}
		return tx.Touch(changeNode, string(c.self.ID))
	})
}

func (c *Cluster) put(tx *store.Tx, now time.Time) error {
	n := c.self
	n.HeartbeatAt = now
	return tx.PutNode(&n)
}

// Run says that the node is there, and keeps its leases, until ctx ends; then it
// takes leave. It never fails: what cannot be written is written later.
func (c *Cluster) Run(ctx context.Context) error {
	tick := time.NewTicker(c.cfg.Heartbeat)
	defer tick.Stop()
	silent := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			c.leave(context.WithoutCancel(ctx))
			return nil
		}
		err := c.beat(ctx)
		if failed := err != nil && ctx.Err() == nil; failed != silent {
			silent = failed
			if failed {
				c.log.Error("this node cannot tell the others that it is there", "error", err)
			} else {
				c.log.Info("this node is heard of again")
			}
		}
	}
}

func (c *Cluster) beat(ctx context.Context) error {
	if c.store.Shared() {
		if err := c.store.Tx(ctx, func(tx *store.Tx) error {
			now, err := tx.Now(time.Now())
			if err != nil {
				return err
			}
			return c.put(tx, now)
		}); err != nil {
			return err
		}
	}
	return c.Leases.renew(ctx)
}

// leave gives back what the node has. Whatever cannot be written now, the others
// find out by themselves.
func (c *Cluster) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Heartbeat)
	defer cancel()
	if err := c.store.Tx(ctx, func(tx *store.Tx) error { return tx.DeleteNode(c.self.ID) }); err != nil {
		c.log.Warn("this node could not take leave of the others", "error", err)
	}
}

// Peer is a node as the others see it now.
type Peer struct {
	ebb.Node
	Self   bool
	Lost   bool // no heartbeat for Config.Lost
	Leases int  // how many it holds
}

// Nodes lists this node and the others, by id; lost ones for an hour.
func (c *Cluster) Nodes(ctx context.Context) (peers []Peer, err error) {
	if !c.store.Shared() {
		self := c.self
		self.HeartbeatAt = time.Now().UTC()
		return []Peer{{Node: self, Self: true, Leases: c.Leases.count()}}, nil
	}
	err = c.store.Read(ctx, func(tx *store.Tx) error {
		now, err := tx.Now(time.Now())
		if err != nil {
			return err
		}
		nodes, err := tx.Nodes()
		if err != nil {
			return err
		}
		peers = make([]Peer, 0, len(nodes))
		for _, n := range nodes {
			leases, err := tx.CountLeases(n.ID, now)
			if err != nil {
				return err
			}
			peers = append(peers, Peer{
				Node: *n, Self: n.ID == c.self.ID, Leases: leases,
				Lost: now.Sub(n.HeartbeatAt) > c.cfg.Lost,
			})
		}
		return nil
	})
	return peers, err
}

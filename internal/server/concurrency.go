package server

import (
	"context"
	"math"

	"github.com/ebb-faas/ebb/internal/ebb"
	"github.com/ebb-faas/ebb/internal/function"
	"github.com/ebb-faas/ebb/internal/pool"
)

// concurrency tells the pool what a function has reserved, and what is to be kept
// ready of it.
func (n *node) concurrency(ctx context.Context, key ebb.FunctionKey) error {
	reserved, some, err := n.functions.Reserved(ctx, key)
	if err != nil && ebb.KindOf(err) != ebb.NotFound {
		return err
	}
	n.pool.Reserve(key, reserved, some)
	var ready []pool.Provision
	for marker := ""; ; {
		list, next, err := n.functions.ListProvisioned(ctx, key, marker, function.MaxPage)
		if err != nil && ebb.KindOf(err) != ebb.NotFound {
			return err
		}
		for _, p := range list {
			shares, err := n.shares(ctx, p)
			if err != nil {
				return err
			}
			ready = append(ready, shares...)
		}
		if marker = next; marker == "" {
			break
		}
	}
	n.pool.Provision(key, ready)
	return nil
}

// shares divides what an alias shall have among its versions, by weight.
func (n *node) shares(ctx context.Context, p *ebb.Provisioned) ([]pool.Provision, error) {
	route, err := n.functions.Route(ctx, p.FunctionKey, p.Qualifier)
	if err != nil {
		if ebb.KindOf(err) == ebb.NotFound {
			return nil, nil // deleted meanwhile: a change of its own follows
		}
		return nil, err
	}
	if route.Canary == nil {
		return []pool.Provision{{Version: route.Version, Executions: p.Executions}}, nil
	}
	second := int(math.Round(float64(p.Executions) * route.Weight))
	return []pool.Provision{
		{Version: route.Version, Executions: p.Executions - second},
		{Version: route.Canary, Executions: second},
	}, nil
}

// keepReady tells the pool of all that functions have reserved and provisioned.
// It is called once, at start.
func (n *node) keepReady(ctx context.Context) error {
	keys := make(map[ebb.FunctionKey]bool)
	reserved, err := n.functions.AllReserved(ctx)
	if err != nil {
		return err
	}
	for _, c := range reserved {
		keys[c.FunctionKey] = true
	}
	provisioned, err := n.functions.AllProvisioned(ctx)
	if err != nil {
		return err
	}
	for _, p := range provisioned {
		keys[p.FunctionKey] = true
	}
	for key := range keys {
		if err := n.concurrency(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// provisioned tells what has become of a configuration.
func (n *node) provisioned(ctx context.Context, p *ebb.Provisioned) (all ebb.ProvisionedState) {
	shares, err := n.shares(ctx, p)
	if err != nil {
		n.log.Error("state of provisioned concurrency", "function", p.FunctionKey.String(), "error", err)
		return ebb.ProvisionedState{}
	}
	for _, share := range shares {
		s := n.pool.Provisioned(share.Version)
		all.Allocated += s.Allocated
		all.Available += s.Available
		if s.Failure != "" {
			all.Failure = s.Failure
		}
	}
	return all
}

// named lists the revisions that something leads to, $LATEST or an alias.
func (n *node) named(ctx context.Context, key ebb.FunctionKey, vs []*ebb.Version) (map[string]bool, error) {
	numbers := map[int64]bool{0: true}
	for marker := ""; ; {
		as, next, err := n.functions.ListAliases(ctx, key, nil, marker, function.MaxPage)
		if err != nil && ebb.KindOf(err) != ebb.NotFound {
			return nil, err
		}
		for _, a := range as {
			numbers[a.Version], numbers[a.Canary] = true, true
		}
		if marker = next; marker == "" {
			break
		}
	}
	revisions := make(map[string]bool, len(vs))
	for _, v := range vs {
		revisions[v.RevisionID] = numbers[v.Number]
	}
	return revisions, nil
}

package pool

import (
	"context"
	"time"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// Recycle lets go of the instances of the versions that match, because what they
// found in their environment has changed. Busy ones finish their
// invocations first; new ones take their place as requests come.
func (p *Pool) Recycle(match func(*ebb.Version) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.zygotes.renew(match)
	now := time.Now()
	for _, f := range p.functions {
		for _, s := range f.shelves {
			if !match(s.version) {
				continue
			}
			s.renewed = now
			for len(s.open) > 0 {
				s.close(s.open[0])
			}
			for _, list := range []*[]*instance{&s.idle, &s.ready} {
				for len(*list) > 0 {
					p.evict((*list)[0], evictVersion)
				}
			}
		}
	}
}

// variables is the version with everything in its environment that users set:
// the service's share of it, and secrets in place of what refers to them. The
// copy is this instance's own.
func (in *instance) variables(ctx context.Context) (*ebb.Version, error) {
	v := in.shelf.version
	if in.pool.deps.Environment == nil {
		return v, nil
	}
	env, err := in.pool.deps.Environment(ctx, v)
	switch kind := ebb.KindOf(err); {
	case err == nil:
	case kind == ebb.NotFound || kind == ebb.Invalid:
		return nil, in.initFailure(ebb.ErrorSecret, err.Error())
	default:
		return nil, err
	}
	own := *v
	own.Env = env
	return &own, nil
}

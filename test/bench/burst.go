package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ebb-faas/ebb/test/platform"
)

// bursts is how often a burst is measured, each time on a new function.
const bursts = 5

// burst sends 100 requests at once to Python functions that have no instance.
func (b *bench) burst(ctx context.Context) (err error) {
	p, stop, err := b.own(ctx, "burst", "pool: {maxInstances: 300, idleTimeout: 2s, idleMin: 1s}\n")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	const callers = 100
	table := b.report.table(fmt.Sprintf("burst of %d on cold Python", callers), "all ms", "p50 ms", "p99 ms", "instances")
	f, _ := b.function("python")
	for n := range bursts {
		progress("burst %d/%d", n+1, bursts)
		f.Name = fmt.Sprintf("burst-%d", n)
		if err := p.Create(ctx, f); err != nil {
			return err
		}
		r, err := invokeAPI(p, f.Name)()
		if err != nil {
			return err
		}
		s, err := load(r, callers, 0)
		if err != nil {
			return err
		}
		all, err := p.Instances(ctx, f.Name)
		if err != nil {
			return err
		}
		table.add(fmt.Sprint("burst ", n+1), millis(s.elapsed), millis(quantile(s.latencies, 0.5)), millis(quantile(s.latencies, 0.99)), float64(len(all)))
		if err := platform.Poll(ctx, startLimit, func() error { // its instances leave, others are made ahead
			n, err := p.Node(ctx)
			if err == nil && (n.Instances.Total > 0 || n.Instances.Spare < 1) {
				err = fmt.Errorf("%+v", n.Instances)
			}
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ebb-faas/ebb/test/platform"
)

// functionCount is how many functions are deployed at once.
const functionCount = 1000

// thousand deploys many functions, invokes each once, and reports what the node
// holds before, meanwhile, and when all their instances have left.
func (b *bench) thousand(ctx context.Context) (err error) {
	p, stop, err := b.own(ctx, "functions", "pool: {idleTimeout: 2s, idleMin: 1s}\n")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	f, _ := b.function("python")
	f.MemoryMB = 128
	for n := range functionCount {
		progress("function %d/%d is deployed", n+1, functionCount)
		f.Name = fmt.Sprintf("f%d", n)
		f.Files = map[string]string{"app.py": fmt.Sprintf("%s# %d\n", pythonEcho, n)}
		if err := p.Create(ctx, f); err != nil {
			return err
		}
	}
	if _, _, err := p.Invoke(ctx, "f0", `{"body":"x"}`); err != nil { // idle is after the first, too
		return err
	}
	idle, err := calm(ctx, p)
	if err != nil {
		return err
	}
	begin := time.Now()
	var most int64
	for n := range functionCount {
		progress("function %d/%d is invoked", n+1, functionCount)
		if _, failed, err := p.Invoke(ctx, fmt.Sprintf("f%d", n), `{"body":"x"}`); err != nil || failed != "" {
			return fmt.Errorf("f%d: %s %w", n, failed, err)
		}
		if n%100 == 99 {
			now, err := taken(p)
			if err != nil {
				return err
			}
			most = max(most, now)
		}
	}
	took := time.Since(begin)
	after, err := calm(ctx, p)
	if err != nil {
		return err
	}
	b.report.table(fmt.Sprintf("%d functions, each invoked once", functionCount), "s", "idle MiB", "at most MiB", "after MiB", "after ÷ idle").
		add("Python", took.Seconds(), mib(idle), mib(most), mib(after), float64(after)/float64(idle))
	return nil
}

// taken is the PSS of ebb and of all processes below it.
func taken(p *platform.Platform) (int64, error) {
	pss, _, err := below(p)
	if err != nil {
		return 0, err
	}
	_, own, err := platform.Memory(p.PID())
	return pss + own, err
}

// calmFor is how long what a node takes must not have become less to count as
// what it takes at rest: longer than zygotes and spares are kept for demand that is
// over, and than the node waits before it gives memory back. It is only looked at
// now and then, or it would not rest.
const (
	calmFor   = 75 * time.Second
	calmEvery = 2 * time.Second
)

// calm waits until there is no instance and what the node takes becomes no less,
// and returns that.
func calm(ctx context.Context, p *platform.Platform) (least int64, err error) {
	var since, looked time.Time
	err = platform.Poll(ctx, startLimit, func() error {
		if time.Since(looked) < calmEvery {
			return errors.New("looked at just now")
		}
		looked = time.Now()
		n, err := p.Node(ctx)
		if err != nil {
			return err
		}
		now, err := taken(p)
		if err != nil {
			return err
		}
		if n.Instances.Total > 0 || least == 0 || now < least-least/100 {
			least, since = now, time.Now()
		}
		if left := calmFor - time.Since(since); left > 0 {
			return fmt.Errorf("%d instances, %d bytes, calm in %v", n.Instances.Total, now, left)
		}
		least = min(least, now)
		return nil
	})
	return least, err
}

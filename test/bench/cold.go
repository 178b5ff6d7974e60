package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ebb-faas/ebb/runtimes"
)

// bareStarts are the commands whose start a cold start is put beside: the very
// interpreters that ebb uses, printing one letter.
func bareStarts(ctx context.Context, dir string) (map[string][]string, error) {
	catalog, err := runtimes.Load(ctx, filepath.Join(dir, "runtimes"))
	if err != nil {
		return nil, err
	}
	starts := map[string][]string{"go": {filepath.Join(dir, "bootstrap")}} // ends at once: no AWS_LAMBDA_RUNTIME_API
	for name, id := range map[string]string{"node": "nodejs", "python": "python3"} {
		rt, ok := catalog.Lookup(id)
		if !ok {
			return nil, fmt.Errorf("no %s on this host, only %v", id, catalog.IDs())
		}
		starts[name] = append(starts[name], hostPath(rt, rt.Argv[0]))
	}
	starts["node"] = append(starts["node"], "-e", "process.stdout.write('x')")
	starts["web"] = starts["node"]
	starts["python"] = append(starts["python"], "-c", "import sys; sys.stdout.write('x')")
	return starts, nil
}

// coldRuns is how many cold starts of each runtime are measured.
const coldRuns = 20

// cold measures the first answer of functions that have no instance, one after
// the other on an otherwise idle platform, beside the bare runtime's start.
func (b *bench) cold(ctx context.Context) error {
	bare, err := bareStarts(ctx, b.dir)
	if err != nil {
		return err
	}
	table := b.report.table("from zero", "p50 ms", "p99 ms", "bare p50 ms", "bare p99 ms")
	for _, f := range b.functions {
		if bare[f.Name] == nil {
			continue // the same start as another
		}
		var cold, raw []time.Duration
		for i := range coldRuns {
			progress("cold start of %s %d/%d", f.Name, i+1, coldRuns)
			begin := time.Now()
			_ = exec.CommandContext(ctx, bare[f.Name][0], bare[f.Name][1:]...).Run() // its end is all we want
			raw = append(raw, time.Since(begin))
			g := f
			g.Name = fmt.Sprintf("cold-%s-%d", f.Name, i)
			if err := b.platform.Create(ctx, g); err != nil {
				return err
			}
			r, err := invokeAPI(b.platform, g.Name)()
			if err != nil {
				return err
			}
			s, err := once(r)
			if err != nil {
				return err
			}
			cold = append(cold, s)
		}
		table.add(f.Name, millis(quantile(cold, 0.5)), millis(quantile(cold, 0.99)),
			millis(quantile(raw, 0.5)), millis(quantile(raw, 0.99)))
	}
	return nil
}

// once sends one request and times it.
func once(r request) (time.Duration, error) {
	s, err := load(r, 1, 0)
	if err != nil {
		return 0, err
	}
	return s.latencies[0], nil
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

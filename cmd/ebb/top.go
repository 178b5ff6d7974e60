package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// topRow is what one version does. Rates are over the time between two looks; of
// the CPU time of an instance that came or went between them only a part counts.
type topRow struct {
	Service     string  `json:"service"`
	Function    string  `json:"function"`
	Version     string  `json:"version"`
	Runtime     string  `json:"runtime"` // "" without an instance
	Instances   int     `json:"instances"`
	Starting    int     `json:"starting"`
	Busy        int     `json:"busy"`
	Idle        int     `json:"idle"` // those frozen are not among them
	Frozen      int     `json:"frozen"`
	Stopping    int     `json:"stopping"`
	Provisioned int     `json:"provisioned"` // in whatever state
	Invocations float64 `json:"invocationsPerSecond"`
	Failures    float64 `json:"failuresPerSecond"` // invocations that failed; they are among the former
	Throttles   float64 `json:"throttlesPerSecond"`
	CPU         float64 `json:"cpu"`    // cores
	Memory      int64   `json:"memory"` // bytes
}

// top is what 'ebb top -o json' prints once per look.
type top struct {
	At        time.Time     `json:"at"`
	Counts    client.Counts `json:"counts"`
	Functions []topRow      `json:"functions"`
}

// topVerb shows functions at work, live.
func (a *app) topVerb() *cobra.Command {
	var every time.Duration
	var looks int
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show functions at work: instances, rates, CPU and memory, live",
		Long: "Top shows the versions that have instances or are invoked, the busiest first: instances by\n" +
			"state, invocations a second (CALLS/S) and how many of them failed (ERR/S), those refused for\n" +
			"lack of room (429/S), CPU (100% = one core) and memory. A terminal shows as many as fit;\n" +
			"a pipe, a file and -o json get all of them.",
		Example: "  ebb top\n  ebb top --every 5s --count 1 -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every < 100*time.Millisecond {
				return usagef("--every: must be at least 100ms")
			}
			if looks < 0 {
				return usagef("--count: must not be negative")
			}
			return a.top(cmd.Context(), every, looks)
		},
	}
	cmd.Flags().DurationVar(&every, "every", 2*time.Second, "`DURATION` between two looks")
	cmd.Flags().IntVar(&looks, "count", 0, "end after `N` looks; 0 = go on until Ctrl-C")
	return cmd
}

func (a *app) top(ctx context.Context, every time.Duration, looks int) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	before, at, err := look(ctx, c)
	if err != nil {
		return err
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for n := 1; looks == 0 || n <= looks; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil // Ctrl-C is how a live view ends
		}
		now, when, err := look(ctx, c)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && looks == 0 && a.screen():
			// It may be starting again, and who watches wants to see when.
			_, _ = fmt.Fprintf(a.out, "%s%s  %v; trying again\n", clearScreen, when.Local().Format(time.TimeOnly), err)
			continue
		case err != nil:
			return err
		}
		if err := a.showTop(top{At: when.UTC(), Counts: now.Counts, Functions: topRows(before, now, when.Sub(at))}, n > 1); err != nil {
			return err
		}
		before, at = now, when
	}
	return nil
}

func look(ctx context.Context, c *client.Client) (*client.Instances, time.Time, error) {
	all, err := c.Instances(ctx, "")
	return all, time.Now(), err
}

// topRows sums up instances and calls by version; the busiest come first.
func topRows(before, now *client.Instances, span time.Duration) []topRow {
	type key struct{ service, function, version string }
	byVersion := make(map[key]*topRow)
	row := func(k key) *topRow {
		if byVersion[k] == nil {
			byVersion[k] = &topRow{Service: k.service, Function: k.function, Version: k.version}
		}
		return byVersion[k]
	}
	cpu := make(map[string]float64, len(before.Instances))
	for _, in := range before.Instances {
		cpu[in.ID] = in.CPU
	}
	for _, in := range now.Instances {
		r := row(key{in.Service, in.Function, in.Version})
		r.add(in)
		r.CPU += max(0, in.CPU-cpu[in.ID]) / span.Seconds() // what is new did all of it since then
	}
	calls := make(map[key]client.Calls, len(before.Calls))
	for _, c := range before.Calls {
		calls[key{c.Service, c.Function, c.Version}] = c
	}
	for _, c := range now.Calls {
		k := key{c.Service, c.Function, c.Version}
		was := calls[k]
		if c.OK < was.OK || c.Failed < was.Failed || c.Throttled < was.Throttled { // the node has started again
			was = client.Calls{}
		}
		if byVersion[k] == nil && c == was {
			continue // nobody asked for it, and it has no instance
		}
		r := row(k)
		r.Failures = float64(c.Failed-was.Failed) / span.Seconds()
		r.Invocations = r.Failures + float64(c.OK-was.OK)/span.Seconds()
		r.Throttles = float64(c.Throttled-was.Throttled) / span.Seconds()
	}
	rows := make([]topRow, 0, len(byVersion))
	for r := range maps.Values(byVersion) {
		rows = append(rows, *r)
	}
	slices.SortFunc(rows, func(x, y topRow) int {
		return cmp.Or(cmp.Compare(y.Invocations+y.Throttles, x.Invocations+x.Throttles), cmp.Compare(y.CPU, x.CPU),
			cmp.Compare(x.Service, y.Service), cmp.Compare(x.Function, y.Function), cmp.Compare(x.Version, y.Version))
	})
	return rows
}

// add counts an instance.
func (r *topRow) add(in client.Instance) {
	r.Runtime = in.Runtime
	r.Instances++
	switch in.State {
	case "starting":
		r.Starting++
	case "busy":
		r.Busy++
	case "idle":
		r.Idle++
	case "frozen":
		r.Frozen++
	case "stopping":
		r.Stopping++
	}
	if in.Provisioned {
		r.Provisioned++
	}
	r.Memory += in.Memory
}

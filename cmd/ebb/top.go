package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// topRow is what one function's instances do. Rates are over the time between
// two looks; an instance that came or went between them counts only in part.
type topRow struct {
	Function    string  `json:"function"`
	Version     string  `json:"version"`
	Runtime     string  `json:"runtime"`
	Instances   int     `json:"instances"`
	Busy        int     `json:"busy"`
	Frozen      int     `json:"frozen"`
	Provisioned int     `json:"provisioned"`
	Invocations float64 `json:"invocationsPerSecond"`
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
		Use:     "top",
		Short:   "Show functions at work: instances, rates, CPU and memory, live",
		Example: "  ebb top\n  ebb top --every 5s --count 1 -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if every < 100*time.Millisecond {
				return usagef("--every: must be at least 100ms")
			}
			return a.top(cmd.Context(), every, looks)
		},
	}
	cmd.Flags().DurationVar(&every, "every", 2*time.Second, "time between two looks")
	cmd.Flags().IntVar(&looks, "count", 0, "end after so many looks; 0 = go on until Ctrl-C")
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
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if err := a.showTop(top{At: when.UTC(), Counts: now.Counts, Functions: topRows(before, now, when.Sub(at))}); err != nil {
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

// topRows sums up instances by version; the busiest come first.
func topRows(before, now *client.Instances, span time.Duration) []topRow {
	old := make(map[string]client.Instance, len(before.Instances))
	for _, in := range before.Instances {
		old[in.ID] = in
	}
	byVersion := make(map[string]*topRow)
	for _, in := range now.Instances {
		key := in.Service + ":" + in.Function + ":" + in.Version
		row := byVersion[key]
		if row == nil {
			row = &topRow{Function: in.Function, Version: in.Version, Runtime: in.Runtime}
			byVersion[key] = row
		}
		row.Instances++
		switch in.State {
		case "busy":
			row.Busy++
		case "frozen":
			row.Frozen++
		}
		if in.Provisioned {
			row.Provisioned++
		}
		was := old[in.ID] // zero if it is new: all it did was since then
		row.Invocations += float64(in.Invocations-was.Invocations) / span.Seconds()
		row.CPU += (in.CPU - was.CPU) / span.Seconds()
		row.Memory += in.Memory
	}
	rows := make([]topRow, 0, len(byVersion))
	for row := range maps.Values(byVersion) {
		rows = append(rows, *row)
	}
	slices.SortFunc(rows, func(x, y topRow) int {
		return cmp.Or(cmp.Compare(y.Invocations, x.Invocations), cmp.Compare(y.CPU, x.CPU),
			cmp.Compare(x.Function, y.Function), cmp.Compare(x.Version, y.Version))
	})
	return rows
}

// clearScreen puts the cursor at the top of an empty terminal.
const clearScreen = "\033[H\033[2J"

func (a *app) showTop(t top) error {
	var rows [][]string
	for _, r := range t.Functions {
		rows = append(rows, []string{
			r.Function, r.Version, r.Runtime, strconv.Itoa(r.Instances), strconv.Itoa(r.Busy), strconv.Itoa(r.Frozen), strconv.Itoa(r.Provisioned),
			fmt.Sprintf("%.1f", r.Invocations), fmt.Sprintf("%.0f%%", r.CPU*100), bytesText(r.Memory),
		})
	}
	if a.output == outTable {
		if terminal(a.out) {
			if _, err := fmt.Fprint(a.out, clearScreen); err != nil {
				return err
			}
		}
		_, err := fmt.Fprintf(a.out, "%s  instances %d (%d idle, %d of them frozen), made ahead %d, requests waiting %d\n\n",
			t.At.Local().Format(time.TimeOnly), t.Counts.Total, t.Counts.Idle, t.Counts.Frozen, t.Counts.Spare, t.Counts.Waiting)
		if err != nil {
			return err
		}
	}
	return a.print(t, []string{"FUNCTION", "VERSION", "RUNTIME", "INSTANCES", "BUSY", "FROZEN", "PROVISIONED", "CALLS/S", "CPU", "MEMORY"}, rows)
}

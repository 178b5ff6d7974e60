package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

// timersActive is how many timers there are.
const timersActive = 10_000

// timers measures that many timers with second precision, whose target is the
// Node echo: how late they fire and what CPU that takes, each due once a minute,
// and all in one second.
func (b *bench) timers(ctx context.Context) (err error) {
	const (
		settle   = 20 * time.Second // until there are as many instances as are needed
		every    = 30 * time.Second // that is measured: half of the timers fire
		together = time.Minute
	)
	p, err := platform.Start(ctx, platform.Config{Data: filepath.Join(b.dir, "timers")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	if err := p.Create(ctx, b.functions[0]); err != nil {
		return err
	}
	target := b.functions[0].Name
	table := b.report.table(fmt.Sprintf("%d timers", timersActive), "fires/s", "durable p50 ≤ ms", "all ≤ ms",
		"begun p50 ms", "max ms", "answered p50 ms", "p99 ms", "max ms", "% of a core", "server %")
	set := func(schedule func(i int) string) error {
		var all errgroup.Group
		all.SetLimit(eventCallers)
		for i := range timersActive {
			all.Go(func() error {
				text, err := json.Marshal(map[string]any{"schedule": schedule(i), "misfire": "all"})
				if err != nil {
					return err
				}
				s := client.TriggerSettings{Target: target, Timer: text}
				name := fmt.Sprintf("t%05d", i)
				if _, err = p.Client.UpdateTrigger(ctx, name, s, 0); err == nil {
					return nil
				}
				_, err = p.Client.CreateTrigger(ctx, name, s)
				return err
			})
		}
		return all.Wait()
	}
	measure := func(name string, from, to time.Time) error {
		progress("timers, %s", name)
		until(ctx, from)
		before, err := fired(p)
		if err != nil {
			return err
		}
		tree, own, err := cpu(p.PID())
		if err != nil {
			return err
		}
		until(ctx, to)
		treeAfter, ownAfter, err := cpu(p.PID())
		if err != nil {
			return err
		}
		after, err := fired(p)
		if err != nil {
			return err
		}
		until(ctx, to.Add(10*time.Second)) // those that are late
		begun, answered, err := deliveries(ctx, p, target, from, to)
		if err != nil || len(answered) == 0 {
			return fmt.Errorf("%s: %d fires: %w", name, len(answered), err)
		}
		took := to.Sub(from).Seconds()
		at := func(late []time.Duration, q float64) float64 { return ms(late[int(q*float64(len(late)-1))]) }
		table.add(name, float64(len(answered))/took, 1000*bound(before, after, .5), 1000*bound(before, after, 1),
			at(begun, .5), at(begun, 1), at(answered, .5), at(answered, .99), at(answered, 1),
			100*(treeAfter-tree).Seconds()/took, 100*(ownAfter-own).Seconds()/took)
		return nil
	}
	progress("timers, setting once a minute")
	if err := set(func(i int) string { return fmt.Sprintf("%d * * * * ?", i%60) }); err != nil {
		return err
	}
	begin := time.Now().Truncate(time.Second).Add(settle)
	if err := measure("each once a minute", begin, begin.Add(every)); err != nil {
		return err
	}
	once := time.Now().UTC().Truncate(time.Second).Add(together)
	progress("timers, setting all for one second")
	if err := set(func(int) string { return "at(" + once.Format("2006-01-02T15:04:05") + ")" }); err != nil {
		return err
	}
	if time.Until(once) < 0 {
		return errors.New("the machine is too slow to set the timers in time")
	}
	if err := measure("all in one second", once.Add(-time.Second), once.Add(20*time.Second)); err != nil {
		return err
	}
	table.note("How long after they were due fires were durable (the bounds of the platform's own histogram), their deliveries began, and the functions had answered. CPU is that of all processes, the functions' among them; server is ebb's own process.")
	return nil
}

// deliveries is how long after they were due the fires of a time began to be
// delivered and were answered, each sorted.
func deliveries(ctx context.Context, p *platform.Platform, target string, from, to time.Time) (begun, answered []time.Duration, err error) {
	err = p.Client.Tasks(ctx, client.TaskFilter{Function: target}, 0, func(t client.Task) error {
		_, rest, _ := strings.Cut(t.ID, "@")
		text, _, _ := strings.Cut(rest, "-")
		due, err := time.Parse("20060102T150405Z", text)
		if err != nil || due.Before(from) || !due.Before(to) {
			return err
		}
		if len(t.Attempts) != 1 || t.State != "Succeeded" {
			return fmt.Errorf("task %s is %s after %d attempts", t.ID, t.State, len(t.Attempts))
		}
		at := t.Attempts[0]
		begun = append(begun, at.At.Sub(due))
		answered = append(answered, at.At.Sub(due)+time.Duration(at.Duration*float64(time.Second)))
		return nil
	})
	slices.Sort(begun)
	slices.Sort(answered)
	return begun, answered, err
}

// bucket is one of the histogram of how late fires were: so many up to a bound.
type bucket struct{ bound, fires float64 }

var lateRE = regexp.MustCompile(`(?m)^ebb_timer_late_seconds_bucket\{le="([^"]+)"\} (\S+)$`)

// fired reads that histogram.
func fired(p *platform.Platform) (all []bucket, err error) {
	text, err := metrics(p)
	if err != nil {
		return nil, err
	}
	for _, m := range lateRE.FindAllSubmatch(text, -1) {
		bound, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			return nil, err
		}
		fires, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return nil, err
		}
		all = append(all, bucket{bound, fires})
	}
	return all, nil
}

// bound is the lowest bound of which at least a part of the fires between two
// readings kept.
func bound(before, after []bucket, part float64) float64 {
	for i, b := range after {
		if last := len(after) - 1; b.fires-before[i].fires >= part*(after[last].fires-before[last].fires) {
			return b.bound
		}
	}
	return math.NaN()
}

// until waits for a moment, or for ctx's end.
func until(ctx context.Context, at time.Time) {
	t := time.NewTimer(time.Until(at))
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

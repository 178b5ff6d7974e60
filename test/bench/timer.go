package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
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
	table := b.report.table(fmt.Sprintf("%d timers", timersActive), "fires/s", "late p50 ms", "late p99 ms", "late max ms", "% of a core", "server %")
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
		tree, own, err := cpu(p.PID())
		if err != nil {
			return err
		}
		until(ctx, to)
		treeAfter, ownAfter, err := cpu(p.PID())
		if err != nil {
			return err
		}
		until(ctx, to.Add(10*time.Second)) // those that are late
		late, err := lateness(ctx, p, from, to)
		if err != nil || len(late) == 0 {
			return fmt.Errorf("%s: %d fires: %w", name, len(late), err)
		}
		took := to.Sub(from).Seconds()
		at := func(q float64) float64 { return late[int(q*float64(len(late)-1))].Seconds() * 1000 }
		table.add(name, float64(len(late))/took, at(.5), at(.99), at(1), 100*(treeAfter-tree).Seconds()/took, 100*(ownAfter-own).Seconds()/took)
		return nil
	}
	progress("timers, setting once a minute")
	if err := set(func(i int) string { return fmt.Sprintf("%d * * * * ?", i%60) }); err != nil {
		return err
	}
	begin := time.Now().Truncate(time.Second).Add(5 * time.Second)
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
	table.note("CPU is that of all processes, the functions' among them; server is ebb's own process. Late is the moment at which a fire was handled, less that at which it was due.")
	return nil
}

// lateness is how late fires were that were due in a time, sorted.
func lateness(ctx context.Context, p *platform.Platform, from, to time.Time) ([]time.Duration, error) {
	found := make([][]time.Duration, timersActive)
	var all errgroup.Group
	all.SetLimit(eventCallers)
	for i := range timersActive {
		all.Go(func() error {
			fires, err := p.Client.Fires(ctx, fmt.Sprintf("t%05d", i), 10)
			for _, f := range fires {
				if f.Due.Before(from) || !f.Due.Before(to) {
					continue
				}
				late := f.At.Sub(f.Due)
				if f.Outcome != "fired" {
					late = math.MaxInt64
				}
				found[i] = append(found[i], late)
			}
			return err
		})
	}
	err := all.Wait()
	late := slices.Concat(found...)
	slices.Sort(late)
	return late, err
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

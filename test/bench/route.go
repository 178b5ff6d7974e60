package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

const (
	// manyRoutes is how many routes the measured one is among.
	manyRoutes = 1000
	// routeConns is how many requests are in flight.
	routeConns = 16
	// routeTurns is into how many a round is divided: what is looked for is a
	// hundredth of what a request takes.
	routeTurns = 4
)

// routes puts a route among a thousand beside the function URL of the same
// function: what is more is what finding the route costs.
func (b *bench) routes(ctx context.Context) (err error) {
	p, err := platform.Start(ctx, platform.Config{Data: filepath.Join(b.dir, "routes")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	functions := b.functions[:0:0]
	for _, f := range b.functions {
		if f.Name == "go" {
			functions = append(functions, f)
		}
	}
	if len(functions) != 1 {
		return errors.New("there is no function go")
	}
	if err := p.Create(ctx, functions[0]); err != nil {
		return err
	}
	u, err := p.URL(ctx, "go")
	if err != nil {
		return err
	}
	for i := range manyRoutes {
		progress("routes %d/%d", i, manyRoutes)
		settings, err := json.Marshal(map[string]any{
			"path": fmt.Sprintf("/v1/service%d/{kind}/items/{id}", i), "methods": []string{"POST"}, "auth": "none",
		})
		if err != nil {
			return err
		}
		if _, err := p.Client.CreateTrigger(ctx, fmt.Sprintf("route-%d", i), client.TriggerSettings{Target: "go", HTTP: settings}); err != nil {
			return err
		}
	}
	targets := []target{
		{"Go, function URL", p.PID(), post(u)},
		{"Go, a route of 1,000", p.PID(), post(p.Gateway + "/v1/service500/orders/items/4711")},
	}
	samples, more, err := b.turns(targets)
	if err != nil {
		return err
	}
	table := b.report.table("routes", "rate/s", "p50 µs", "p99 µs", "server µs", "more µs than the URL", "of rounds, from", "to")
	for i, t := range targets {
		s, of := &samples[i], more[i]
		table.add(t.name, s.rate(), s.micros(0.5), s.micros(0.99), s.cpuEach(s.own), of[len(of)/2], of[len(of)/4], of[len(of)*3/4])
	}
	table.Notes = append(table.Notes, "What a route takes more is the median of the differences within rounds, and where their middle half lies.")
	return nil
}

// turns loads targets in turns, each first as often as last, so that what changes
// in the meantime touches all alike. more is, of each and in order, the CPU of a
// request in each round beside that of the first target in the same round.
func (b *bench) turns(targets []target) (samples []sample, more [][]float64, err error) {
	samples, more = make([]sample, len(targets)), make([][]float64, len(targets))
	rounds := routeTurns * b.rounds
	for round := -1; round < rounds; round++ { // round -1 warms up
		took := make([]sample, len(targets))
		for n := range targets {
			i := n
			if round%2 != 0 {
				i = len(targets) - 1 - n
			}
			progress("routes round %d/%d  %s", max(round+1, 0), rounds, targets[i].name)
			if took[i], err = targets[i].measure(routeConns, b.each/routeTurns); err != nil {
				return nil, nil, fmt.Errorf("%s: %w", targets[i].name, err)
			}
		}
		if round < 0 {
			continue
		}
		for i := range targets {
			samples[i].add(took[i])
			more[i] = append(more[i], took[i].cpuEach(took[i].own)-took[0].cpuEach(took[0].own))
		}
	}
	for _, of := range more {
		slices.Sort(of)
	}
	return samples, more, nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"

	client "github.com/ebb-faas/ebb/sdk/go"
	"github.com/ebb-faas/ebb/test/platform"
)

const (
	// manyRoutes is how many routes the measured one is among.
	manyRoutes = 1000
	// routeConns is how many requests are in flight.
	routeConns = 16
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
	samples := make([]sample, len(targets))
	for round := -1; round < b.rounds; round++ { // round -1 warms up
		for i, t := range targets {
			progress("routes round %d/%d  %s", max(round+1, 0), b.rounds, t.name)
			s, err := t.measure(routeConns, b.each)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			if round >= 0 {
				samples[i].add(s)
			}
		}
	}
	table := b.report.table("routes", "rate/s", "p50 µs", "p99 µs", "server µs", "more µs than the URL")
	first := samples[0].cpuEach(samples[0].own)
	for i, t := range targets {
		s := &samples[i]
		table.add(t.name, s.rate(), s.micros(0.5), s.micros(0.99), s.cpuEach(s.own), s.cpuEach(s.own)-first)
	}
	return nil
}

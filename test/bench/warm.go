package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/ebb-faas/ebb/test/platform"
)

// The raw limits that every row of warm is put beside.
const (
	plainNodeEcho = "plain Node echo"
	plainGoEcho   = "plain Go echo"
)

// warm is a group: warm invocations with conns in flight, beside the raw limits.
func warm(conns int) func(*bench, context.Context) error {
	return func(b *bench, _ context.Context) (err error) {
		urls, err := b.urls()
		if err != nil {
			return err
		}
		peers, stop, err := b.peers(conns)
		if err != nil {
			return err
		}
		defer stop()
		ebb := func(name string, r func() (request, error)) target { return target{name, b.platform.PID(), r} }
		targets := []target{
			peers[0],
			ebb("Node, function URL", post(urls["node"])),
			ebb("Node, web function of 32", post(urls["web"])),
			ebb("Node, Lambda API", invokeAPI(b.platform, "node")),
			ebb("Node, 32 in one instance", post(urls["node32"])),
			ebb("Python async, 32 in one instance", post(urls["python32"])),
			ebb("Python threads, 32 in one instance", post(urls["threads32"])),
			ebb("Python, function URL", post(urls["python"])),
			ebb("Python, Lambda API", invokeAPI(b.platform, "python")),
			ebb("Go, function URL", post(urls["go"])),
			ebb("Go, Lambda API", invokeAPI(b.platform, "go")),
			peers[1], peers[2],
		}
		return b.compare(fmt.Sprintf("warm, %d in flight", conns), targets, conns)
	}
}

// peers starts what ebb is compared with: the bare front, the plain Node echo,
// the plain Go echo.
func (b *bench) peers(conns int) (all []target, stop func(), err error) {
	var running []*peer
	stop = func() {
		for _, p := range running {
			p.stop()
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, stop, err
	}
	dir := filepath.Join(b.dir, "node")
	script := filepath.Join(dir, "echo.js")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(script, []byte(plainNode), 0o644),
		os.WriteFile(filepath.Join(dir, "index.js"), []byte(nodeEcho), 0o644)); err != nil {
		return nil, stop, err
	}
	for _, p := range []struct {
		name    string
		command []string
	}{
		{"bare front + Node workers", []string{self, "-front", fmt.Sprintf("%d,%s", conns, dir)}},
		{plainNodeEcho, []string{"node", script}},
		{plainGoEcho, []string{self, "-echo"}},
	} {
		started, err := startPeer(p.command[0], p.command[1:]...)
		if err != nil {
			stop()
			return nil, stop, err
		}
		running = append(running, started)
		all = append(all, started.target(p.name))
	}
	return all, stop, nil
}

// compare loads each target in turn, several rounds, and reports the sums beside
// those of the first target and of the plain echoes.
func (b *bench) compare(name string, targets []target, conns int) error {
	if len(b.rows) > 0 {
		chosen := targets[:0]
		for _, t := range targets {
			if has(t.name, b.rows) {
				chosen = append(chosen, t)
			}
		}
		targets = chosen
	}
	samples := make([]sample, len(targets))
	for round := -1; round < b.rounds; round++ { // round -1 warms up
		for i, t := range targets {
			progress("%-28s round %d/%d  %s", name, max(round+1, 0), b.rounds, t.name)
			s, err := t.measure(conns, b.each)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			if round >= 0 {
				samples[i].add(s)
			}
		}
	}
	of := make(map[string]*sample)
	for i, t := range targets {
		of[t.name] = &samples[i]
	}
	first := &samples[0]
	table := b.report.table(name, "rate/s", "p50 µs", "p99 µs", "CPU µs", "server µs", "rate×", "p50×", "CPU×", "plain Node×", "plain Go×")
	for i, t := range targets {
		s := &samples[i]
		table.add(t.name, s.rate(), s.micros(0.5), s.micros(0.99), s.cpuEach(s.cpu), s.cpuEach(s.own),
			s.rate()/first.rate(), s.micros(0.5)/first.micros(0.5), s.cpuEach(s.cpu)/first.cpuEach(first.cpu),
			s.rate()/of[plainNodeEcho].rate(), s.rate()/of[plainGoEcho].rate())
	}
	return nil
}

// measure loads a target and reads what CPU its processes took.
func (t *target) measure(conns int, d time.Duration) (sample, error) {
	r, err := t.request()
	if err != nil {
		return sample{}, err
	}
	tree, own, err := cpu(t.pid)
	if err != nil {
		return sample{}, err
	}
	s, err := load(r, conns, d)
	if err != nil {
		return s, err
	}
	treeAfter, ownAfter, err := cpu(t.pid)
	s.cpu, s.own = treeAfter-tree, ownAfter-own
	return s, err
}

// cpu is the CPU time of a process with all below it, and its own.
func cpu(pid int) (tree, own time.Duration, err error) {
	all, err := platform.ProcessTree(pid)
	for _, p := range all {
		tree += p.CPU
		if p.PID == pid {
			own = p.CPU
		}
	}
	return tree, own, err
}

// rate is the requests a second; NaN of a sample that is not there.
func (s *sample) rate() float64 {
	if s == nil {
		return math.NaN()
	}
	return float64(s.requests) / s.elapsed.Seconds()
}

// micros is a quantile of the latencies in microseconds.
func (s *sample) micros(q float64) float64 {
	return float64(quantile(s.latencies, q)) / float64(time.Microsecond)
}

// cpuEach is CPU time for each request in microseconds.
func (s *sample) cpuEach(d time.Duration) float64 {
	return float64(d) / float64(time.Microsecond) / float64(max(s.requests, 1))
}

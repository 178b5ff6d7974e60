package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/ebb-faas/ebb/test/platform"
)

// group is a set of rows that are measured together. It reports what it finds in
// tables of its own.
type group struct {
	name  string // -only names groups by a part of it
	asked bool   // it takes long or much of the machine: only if -only names it
	run   func(b *bench, ctx context.Context) error
}

// groups are all there are, in the order in which they are measured.
func groups() []group {
	return []group{
		{name: "idle", run: (*bench).idle}, // before anything has run
		{name: "cold start", run: (*bench).cold},
		{name: "phases", asked: true, run: (*bench).coldPhases},
		{name: "made ahead", run: (*bench).spares},
		{name: "burst", run: (*bench).burst},
		{name: "density", asked: true, run: (*bench).density},
		{name: "1,000 functions", asked: true, run: (*bench).thousand},
		{name: "warm, 1 in flight", run: warm(1)},
		{name: "warm, 16 in flight", run: warm(16)},
		{name: "warm, 64 in flight", run: warm(64)},
		{name: "async, 64 callers", run: (*bench).async},
		{name: "enqueue", run: (*bench).enqueue},
		{name: "control plane", run: (*bench).controlPlane},
		{name: "objects", run: (*bench).objects},
		{name: "timers", asked: true, run: (*bench).timers},
		{name: "routes", run: (*bench).routes},
		{name: "Kafka", run: (*bench).kafka},
		{name: "workflows", run: (*bench).workflows},
		{name: "distributed Map", asked: true, run: (*bench).distributedMap},
		{name: "waiting executions", asked: true, run: (*bench).waitingExecutions},
	}
}

// bench is one run.
type bench struct {
	rounds int
	each   time.Duration
	only   []string // parts of the names of groups; none = all that need not be asked for
	rows   []string // parts of the names of rows of warm; none = all
	report *report

	dir       string
	platform  *platform.Platform // for all groups that need no other configuration
	functions []platform.Function
	urls      func() (map[string]string, error) // see deploy; done once
}

func (b *bench) run(ctx context.Context) (err error) {
	if b.dir, err = os.MkdirTemp("", "ebb-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.functions, err = functions(b.dir, memoryMB); err != nil {
		return err
	}
	b.urls = sync.OnceValues(func() (map[string]string, error) { return b.deploy(ctx) })
	if b.platform, err = platform.Start(ctx, platform.Config{Data: filepath.Join(b.dir, "data")}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.platform.Stop()) }()
	fmt.Printf("%s, functions of %d MB\n", b.report.Machine, memoryMB)
	for _, g := range groups() {
		if !b.wanted(g) {
			continue
		}
		before := len(b.report.Tables)
		err := g.run(b, ctx)
		progress("")
		for _, t := range b.report.Tables[before:] {
			t.print(os.Stdout) // what there is, also beside an error
		}
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
	}
	return nil
}

func (b *bench) wanted(g group) bool {
	if len(b.only) == 0 {
		return !g.asked
	}
	return has(g.name, b.only)
}

// has reports whether name contains one of words.
func has(name string, words []string) bool {
	for _, w := range words {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

// deploy creates the echo functions and returns their URLs.
func (b *bench) deploy(ctx context.Context) (map[string]string, error) {
	urls := make(map[string]string)
	for _, f := range b.functions {
		if err := b.platform.Create(ctx, f); err != nil {
			return nil, err
		}
		u, err := b.platform.URL(ctx, f.Name)
		if err != nil {
			return nil, err
		}
		urls[f.Name] = u
	}
	return urls, nil
}

// progress shows where a run is, on one line of a terminal; "" clears it.
func progress(format string, args ...any) {
	if term.IsTerminal(int(os.Stderr.Fd())) {
		fmt.Fprintf(os.Stderr, "\r\033[K"+format, args...)
	}
}

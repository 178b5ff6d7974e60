// outbound preprocesses a call list on a running platform. It finds the platform
// in the environment: eval "$(ebb env --data DIR)".
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	outbound "github.com/ebb-faas/ebb/examples/outbound-preprocess"
	client "github.com/ebb-faas/ebb/sdk/go"
)

func main() {
	plan := outbound.DefaultPlan()
	in := flag.String("in", "calls.csv", "the call list")
	out := flag.String("out", "result", "folder for the result")
	manifest := flag.String("manifest", "", "the generator's manifest.json, to check the result against")
	flag.IntVar(&plan.ChunkLines, "chunk", plan.ChunkLines, "lines per invocation")
	flag.IntVar(&plan.Shards, "shards", plan.Shards, "files of the result")
	flag.IntVar(&plan.Concurrency, "concurrency", plan.Concurrency, "invocations at the same time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, plan, *in, *out, *manifest); err != nil {
		fmt.Fprintln(os.Stderr, "outbound:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, plan outbound.Plan, in, out, manifest string) error {
	cfg, err := client.FromEnvironment()
	if err != nil {
		return fmt.Errorf(`%w; do: eval "$(ebb env --data DIR)"`, err)
	}
	c, err := client.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := os.Open(in)
	if err != nil {
		return err
	}
	defer func() { _ = list.Close() }()
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	report, err := outbound.Run(ctx, outbound.Through(c.Lambda()), plan, list, out)
	if err != nil {
		return err
	}
	fmt.Printf("%d lines: %d accepted (%d of them repaired), %d rejected; %d invocations in %s\n",
		report.Lines, report.Accepted, len(report.Repaired), len(report.Rejects), report.Invocations,
		report.Took.Round(time.Millisecond))
	fmt.Printf("result: %s and %d more\nrejects: %s\n", report.Files[0], len(report.Files)-1, report.RejectFile)
	if manifest == "" {
		return nil
	}
	m, err := outbound.ReadManifest(manifest)
	if err != nil {
		return err
	}
	if err := m.Check(report); err != nil {
		return fmt.Errorf("the result is wrong: %w", err)
	}
	fmt.Println("checked: exactly what the generator seeded")
	return nil
}

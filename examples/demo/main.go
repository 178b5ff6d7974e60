// demo starts a platform in a temporary directory, deploys every example, runs
// each on real input, prints what happened, and stops the platform. "make demo"
// builds ebb and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// settings of one run.
type settings struct {
	ebb         string // the binary
	examples    string // folder of the examples
	out         string // folder for what is kept: logs and results
	rows        int    // of the call list
	warm        int    // invocations of each hello function that are timed
	concurrency int    // of outbound-preprocess
}

func main() {
	var s settings
	flag.StringVar(&s.ebb, "ebb", "bin/ebb", "the ebb binary")
	flag.StringVar(&s.examples, "examples", "examples", "folder of the examples")
	flag.StringVar(&s.out, "out", "build/demo", "folder for logs and results; emptied first")
	flag.IntVar(&s.rows, "rows", 200000, "lines of the call list, and of each statement")
	flag.IntVar(&s.warm, "warm", 200, "warm invocations to time")
	flag.IntVar(&s.concurrency, "concurrency", 8, "invocations of outbound-preprocess at the same time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := demo(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo is the whole run. What it leaves behind is s.out.
func demo(ctx context.Context, s settings) (err error) {
	began := time.Now()
	if err := errors.Join(os.RemoveAll(s.out), os.MkdirAll(s.out, 0o755)); err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "ebb-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	p, err := start(ctx, s, filepath.Join(temp, "data"))
	if err != nil {
		return err
	}
	defer func() {
		if stopErr := p.stop(); err == nil {
			err = stopErr
		}
		if err == nil {
			fmt.Printf("\nStopped cleanly after %s.\n", time.Since(began).Round(100*time.Millisecond))
		}
	}()
	if err := introduce(ctx, p); err != nil {
		return err
	}
	rows, err := runExamples(ctx, s, p, temp)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return errors.Join(err, keepLogs(ctx, p.client, s.out, rows))
	}
	fmt.Println()
	printTable(rows)
	more, err := runReconciliation(ctx, s, p)
	rows = append(rows, more...)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if err != nil {
		return errors.Join(fmt.Errorf("text-reconciliation: %w", err), keepLogs(ctx, p.client, s.out, rows))
	}
	if err := keepLogs(ctx, p.client, s.out, rows); err != nil {
		return err
	}
	fmt.Printf(`
Cold start: request in to answer out with no instance there (in brackets: of this, runtime and code loading).
Warm p50:   the same with an instance at hand, through the AWS SDK.
Results:    %[1]s/outbound (standardised calls by shard, rejects.csv), %[1]s/reconciliation.csv
Logs:       %[1]s/FUNCTION.log of each function, %[1]s/ebb.log of the platform
`, s.out)
	return nil
}

// introduce says what was started.
func introduce(ctx context.Context, p *platform) error {
	n, err := p.client.Node(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("ebb %s is ready: api %s, gateway %s\n", n.Version, p.client.Config().Endpoint, p.client.Config().Gateway)
	fmt.Printf("isolation: %s, %s\n", n.Sandbox.Name, n.Sandbox.Summary)
	for _, lack := range n.Sandbox.Missing {
		fmt.Println("  lacking:", lack)
	}
	fmt.Println()
	return nil
}

// keepLogs writes the log of each function to a file, as "ebb logs" shows it.
func keepLogs(ctx context.Context, c *client.Client, out string, rows []row) error {
	for _, r := range rows {
		f, err := os.Create(filepath.Join(out, r.function+".log"))
		if err != nil {
			return err
		}
		err = c.Logs(ctx, client.LogQuery{Function: r.function}, func(l client.LogLine) error {
			_, err := fmt.Fprintf(f, "%s %s\n", l.Time.Format(time.RFC3339Nano), l.Text)
			return err
		})
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("log of %s: %w", r.function, err)
		}
	}
	return nil
}

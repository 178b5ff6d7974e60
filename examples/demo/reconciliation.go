package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"

	reconciliation "github.com/ebb-faas/ebb/examples/text-reconciliation"
)

// folderOwner is whom the functions act as in the folder of the reconciliation,
// where the demo may say so.
const folderOwner = 20000

// differencesEach is how many differences of each kind are seeded.
const differencesEach = 20

// shareFolder makes the folder that the functions of the reconciliation work in,
// and returns what the platform's configuration says of it.
func shareFolder(dir string) (config string, err error) {
	if err := errors.Join(os.Mkdir(dir, 0o777), os.Chmod(dir, 0o777)); err != nil {
		return "", err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return "", err
	}
	owner := ""
	if os.Geteuid() == 0 {
		if err := os.Chown(dir, folderOwner, folderOwner); err != nil {
			return "", err
		}
		owner = fmt.Sprintf(", owner: \"%[1]d:%[1]d\"", folderOwner)
	}
	functions, err := json.Marshal(reconciliation.Functions())
	return fmt.Sprintf("mounts:\n  - {name: %s, source: %q, functions: %s%s}\n", reconciliation.Mount, dir, functions, owner), err
}

// runReconciliation reconciles two generated statements and checks the report.
func runReconciliation(ctx context.Context, s settings, p *platform) ([]row, error) {
	var rows []row
	for _, name := range reconciliation.Functions() {
		rows = append(rows, row{function: name})
	}
	if why, err := p.lacksForReconciliation(ctx); err != nil || why != "" {
		fmt.Println("without text-reconciliation:", why)
		return nil, err
	}
	fmt.Printf("\nwriting two statements of %d lines with seeded differences\n", s.rows)
	source := filepath.Join(s.examples, "text-reconciliation")
	if err := reconciliation.Generate(ctx, source, p.shared, s.rows, differencesEach, 1); err != nil {
		return nil, err
	}
	fmt.Println("deploying and running text-reconciliation on them")
	if err := p.deploy(ctx, source); err != nil {
		return nil, err
	}
	const run = "demo"
	peak, states, err := p.reconcile(ctx, run)
	if err != nil {
		return rows, err
	}
	seeded, report, err := reconciliation.Verify(p.shared, run)
	if err != nil {
		return rows, fmt.Errorf("the report is wrong: %w", err)
	}
	printReconciliation(seeded, report, states, peak)
	text, err := os.ReadFile(filepath.Join(p.shared, "outbox", run+".csv"))
	return rows, errors.Join(err, os.WriteFile(filepath.Join(s.out, "reconciliation.csv"), text, 0o644))
}

// lacksForReconciliation says what is missing, "" if nothing.
func (p *platform) lacksForReconciliation(ctx context.Context) (string, error) {
	node, err := p.client.Node(ctx)
	if err != nil {
		return "", err
	}
	if _, err := exec.LookPath("javac"); err != nil || !slices.Contains(node.Runtimes, "java") {
		return "it takes a Java runtime (see ebb doctor) and a JDK", nil //nolint:nilerr // that is the answer
	}
	if node.Sandbox.Name != "linux" {
		return "without sandboxes functions have no folders (see ebb doctor)", nil
	}
	return "", nil
}

// state is one state of an execution, as "ebb workflow show -o json" has it.
type state struct {
	Name, Inside    string
	Entered, Exited time.Time
}

// reconcile runs the workflow under the eyes of "ebb workflow run --watch",
// approves what it asks, and counts the instances at work.
func (p *platform) reconcile(ctx context.Context, run string) (peak int, states []state, err error) {
	ctx, done := context.WithCancel(ctx)
	defer done()
	work, ctx := errgroup.WithContext(ctx)
	counting, counted := context.WithCancel(ctx)
	work.Go(func() error {
		defer counted()
		return p.workflow(ctx, nil, "run", reconciliation.Workflow+":live", "--input", "@"+filepath.Join(p.shared, "request.json"), "--name", run, "--watch")
	})
	work.Go(func() error {
		a, err := reconciliation.Asked(ctx, p.shared, run)
		if err != nil {
			return err
		}
		fmt.Printf("approving %d differences\n", a.Found.Differences)
		return a.Approve(ctx, p.client.Workflows(), "make demo")
	})
	work.Go(func() (err error) {
		peak, err = p.countInstances(counting)
		return err
	})
	if err := work.Wait(); err != nil {
		return 0, nil, err
	}
	var shown struct{ States []state }
	var text bytes.Buffer
	if err := p.workflow(context.WithoutCancel(ctx), &text, "show", reconciliation.Workflow+":"+run, "-o", "json"); err != nil {
		return 0, nil, err
	}
	err = json.Unmarshal(text.Bytes(), &shown)
	return peak, shown.States, err
}

// workflow runs "ebb workflow"; its answer goes to out.
func (p *platform) workflow(ctx context.Context, out *bytes.Buffer, args ...string) error {
	cmd := exec.CommandContext(ctx, p.ebb, append([]string{"workflow", "--data", p.data}, args...)...)
	var answer bytes.Buffer
	cmd.Stderr, cmd.Stdout = os.Stderr, &answer
	if out != nil {
		cmd.Stdout = out
	}
	if err := cmd.Run(); err != nil {
		return p.explain(fmt.Errorf("ebb workflow %s: %w", args[0], err))
	}
	return nil
}

// countInstances returns the most instances of the reconciliation's functions
// that there were at once, until ctx ends.
func (p *platform) countInstances(ctx context.Context) (peak int, err error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		all, err := p.client.Instances(ctx, "")
		if ctx.Err() != nil {
			return peak, nil
		}
		if err != nil {
			return peak, err
		}
		n := 0
		for _, i := range all.Instances {
			if i.State == "busy" && slices.Contains(reconciliation.Functions(), i.Function) {
				n++
			}
		}
		peak = max(peak, n)
		select {
		case <-ctx.Done():
			return peak, nil
		case <-tick.C:
		}
	}
}

func printReconciliation(seeded, report reconciliation.Rows, states []state, peak int) {
	names, wanted := seeded.Kinds()
	_, found := report.Kinds()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 3, ' ', 0)
	_, _ = fmt.Fprintln(w, "\nDIFFERENCE\tSEEDED\tFOUND")
	for _, name := range names {
		_, _ = fmt.Fprintf(w, "%s\t%d\t%d\n", name, wanted[name], found[name])
	}
	_, _ = fmt.Fprintf(w, "in all, row by row the same\t%d\t%d\n\nSTATE\tSECONDS\n", len(seeded), len(report))
	var whole time.Duration
	for _, s := range states {
		if s.Inside == "" {
			took := s.Exited.Sub(s.Entered)
			whole += took
			_, _ = fmt.Fprintf(w, "%s\t%s\n", s.Name, strconv.FormatFloat(took.Seconds(), 'f', 2, 64))
		}
	}
	_, _ = fmt.Fprintf(w, "in all, at most %d instances at work at once\t%s\n", peak, strconv.FormatFloat(whole.Seconds(), 'f', 2, 64))
	_ = w.Flush()
}

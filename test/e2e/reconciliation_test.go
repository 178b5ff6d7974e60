package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	reconciliation "github.com/ebb-faas/ebb/examples/text-reconciliation"
	"github.com/ebb-faas/ebb/internal/hosttest"
	"github.com/ebb-faas/ebb/test/platform"
)

// finishes runs "ebb" on a platform; it must end with the code.
func finishes(t *testing.T, p *platform.Platform, want int, args ...string) string {
	t.Helper()
	out, errs, code, err := p.CLI(t.Context(), args...)
	if err != nil || code != want {
		t.Fatalf("ebb %s: exit %d, want %d, %v\n%s%s", strings.Join(args, " "), code, want, err, out, errs)
	}
	return out + errs
}

// TestReconciliation deploys and runs examples/text-reconciliation: the report has
// exactly what was seeded, also when ebb dies while the approval is waited for;
// what is rejected does not go out.
func TestReconciliation(t *testing.T) {
	t.Parallel()
	requireLinux(t)
	hosttest.Program(t, "javac") // which builds the example
	const owner = 61235
	dir := filepath.Join(t.TempDir(), "shared")
	source := filepath.Join(hosttest.Root(), "examples", "text-reconciliation")
	must(t, os.Mkdir(dir, 0o777))
	must(t, reconciliation.Generate(t.Context(), source, dir, 3000, 6, 5))
	must(t, os.Chown(dir, owner, owner))
	config := within(t, "ebb.yaml", fmt.Sprintf("mounts:\n  - {name: reconciliation, source: %q, owner: \"%d\", functions: [\"*\"]}\n", dir, owner))
	data := place(t)
	p := start(t, data, "--config", config)
	finishes(t, p, 0, "deploy", source)
	request := "@" + filepath.Join(dir, "request.json")

	finishes(t, p, 0, "workflow", "run", reconciliation.Workflow, "--input", request, "--name", "first")
	asked := func(run string) {
		t.Helper()
		must(t, platform.Poll(t.Context(), 2*time.Minute, func() error {
			if text := finishes(t, p, 0, "workflow", "show", reconciliation.Workflow+":"+run); !strings.Contains(text, "Approve") {
				return errors.New(text)
			}
			return nil
		}))
	}
	asked("first")
	const persisted = "run first has"
	must(t, platform.Poll(t.Context(), time.Minute, func() error { return p.Logged(persisted) }))
	must(t, p.Kill())
	p = start(t, data, "--config", config)
	must(t, platform.Poll(t.Context(), time.Minute, func() error {
		out, errs, code, err := p.CLI(t.Context(), "workflow", "approve", reconciliation.Workflow+":first", "--output", `{"approvedBy":"ada"}`)
		if err != nil || code != 0 {
			return fmt.Errorf("%v\n%s%s", err, out, errs)
		}
		return nil
	}))
	must(t, platform.Poll(t.Context(), time.Minute, func() error {
		if text := finishes(t, p, 0, "workflow", "show", reconciliation.Workflow+":first"); !strings.Contains(text, "SUCCEEDED") {
			return errors.New(text)
		}
		return nil
	}))
	if _, report, err := reconciliation.Verify(dir, "first"); err != nil || len(report) < 100 {
		t.Errorf("%d rows, %v", len(report), err)
	}
	for _, line := range []string{"[reconcile-fetch] fetched inbox/core.txt", "[reconcile-compare] shard B2-3", "[reconcile-persist] " + persisted} {
		if text := finishes(t, p, 0, "workflow", "logs", reconciliation.Workflow+":first"); !strings.Contains(text, line) {
			t.Errorf("the log of the execution has no %q:\n%s", line, text)
		}
	}
	if text := finishes(t, p, 0, "workflow", "show", reconciliation.Workflow+":first", "--graph", "svg"); !strings.Contains(text, "16/16") || !strings.Contains(text, "#e6f4e7") {
		t.Errorf("the picture does not show what happened:\n%s", text)
	}

	finishes(t, p, 0, "workflow", "run", reconciliation.Workflow, "--input", request, "--name", "second")
	asked("second")
	finishes(t, p, 0, "workflow", "reject", reconciliation.Workflow+":second", "--cause", "the totals are wrong")
	finishes(t, p, 0, "workflow", "logs", reconciliation.Workflow+":second", "--follow", "--events")
	if text := finishes(t, p, 0, "workflow", "show", reconciliation.Workflow+":second"); !strings.Contains(text, "Rejected") || !strings.Contains(text, "FAILED") {
		t.Error(text)
	}
	if _, err := os.Stat(filepath.Join(dir, "outbox", "second.csv")); !os.IsNotExist(err) {
		t.Errorf("what was rejected went out: %v", err)
	}
}

const distributedWorkflow = `{"StartAt": "All", "States": {"All": {"Type": "Map", "ItemsPath": "$.n", "Label": "All", "ToleratedFailureCount": 1,
  "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "%s"}, "StartAt": "One", "States": {
    "One": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"FunctionName": "%s", "Payload.$": "$"}, "End": true}}},
  "ResultSelector": {}, "End": true}}}`

// TestDistributedFromTheCommandLine: the counts of a map run are shown while it
// runs and afterwards, and its children's log lines are in the execution's log.
func TestDistributedFromTheCommandLine(t *testing.T) {
	t.Parallel()
	function := deploy(t, python(`
def handler(event, context):
    print("item", event)
    if event == 3:
        raise ValueError("three")
    return event
`))
	for _, kind := range []string{"STANDARD", "EXPRESS"} {
		workflow := name(t) + kind
		finishes(t, shared, 0, "workflow", "deploy", within(t, "d.asl.json", fmt.Sprintf(distributedWorkflow, kind, function)), "--name", workflow)
		text := finishes(t, shared, 0, "workflow", "run", workflow, "--input", `{"n": [1, 2, 3, 4, 5]}`, "--name", "x", "--watch")
		if !strings.Contains(text, "5/5, 1 failed") {
			t.Errorf("%s: run shows no counts:\n%s", kind, text)
		}
		if text := finishes(t, shared, 0, "workflow", "show", workflow+":x"); !strings.Contains(text, "5/5, 1 failed") {
			t.Errorf("%s: show has no counts:\n%s", kind, text)
		}
		text = finishes(t, shared, 0, "workflow", "logs", workflow, "--follow")
		for i := 1; i <= 5; i++ {
			if !strings.Contains(text, fmt.Sprintf("item %d", i)) {
				t.Errorf("%s: the log has no line of item %d:\n%s", kind, i, text)
			}
		}
	}
}

// Package reconciliation is the client of the workflow text-reconciliation: it
// writes statements with seeded differences, approves what the workflow asks, and
// checks that the report has exactly what was seeded.
package reconciliation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
)

// Workflow is what ebb.yaml calls it, and Mount the folder that its functions
// ask for.
const (
	Workflow = "text-reconciliation"
	Mount    = "reconciliation"
)

// Functions are those of ebb.yaml, in the order of the steps.
func Functions() []string {
	return []string{"reconcile-fetch", "reconcile-delimited", "reconcile-fixed", "reconcile-compare", "reconcile-persist", "reconcile-ask", "reconcile-return"}
}

// Generate writes statements, the request and the list of differences into a
// folder. source is the example's own.
func Generate(ctx context.Context, source, folder string, lines, each, seed int) error {
	out, err := exec.CommandContext(ctx, "python3", "-B", filepath.Join(source, "generate.py"), "--out", folder,
		"--lines", strconv.Itoa(lines), "--each", strconv.Itoa(each), "--seed", strconv.Itoa(seed)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("generate.py: %w\n%s", err, out)
	}
	return nil
}

// Approval is what the workflow asks before the result goes out.
type Approval struct {
	Run   string `json:"run"`
	Token string `json:"token"`
	Found struct {
		Differences int            `json:"differences"`
		Kinds       map[string]int `json:"kinds"`
	} `json:"found"`
}

// Asked waits until a run asks for approval.
func Asked(ctx context.Context, folder, run string) (*Approval, error) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		text, err := os.ReadFile(filepath.Join(folder, "approvals", run+".json"))
		if err == nil {
			a := &Approval{}
			return a, json.Unmarshal(text, a)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// Approve lets the run go on.
func (a *Approval) Approve(ctx context.Context, api *sfn.Client, by string) error {
	answer, err := json.Marshal(map[string]string{"approvedBy": by})
	if err != nil {
		return err
	}
	_, err = api.SendTaskSuccess(ctx, &sfn.SendTaskSuccessInput{TaskToken: &a.Token, Output: aws.String(string(answer))})
	return err
}

// Verify checks the report of a run against what was seeded.
func Verify(folder, run string) (seeded, report Rows, err error) {
	if seeded, err = ReadRows(filepath.Join(folder, "seeded.csv")); err != nil {
		return nil, nil, err
	}
	if report, err = ReadRows(filepath.Join(folder, "outbox", run+".csv")); err != nil {
		return nil, nil, err
	}
	return seeded, report, seeded.Check(report)
}

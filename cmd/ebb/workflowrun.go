package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// ran is the result of 'ebb workflow run -o json'.
type ran struct {
	Workflow  string          `json:"workflow"`
	Execution string          `json:"execution"` // ARN
	Name      string          `json:"name"`
	Status    string          `json:"status"`
	Output    json.RawMessage `json:"output"` // null while there is none
	Error     string          `json:"error"`
	Cause     string          `json:"cause"`
}

// runOptions are the flags of run.
type runOptions struct {
	input, name       string
	wait, watch, sync bool
}

// workflowRun starts an execution.
func (a *app) workflowRun() *cobra.Command {
	var opt runOptions
	cmd := &cobra.Command{
		Use: "run WORKFLOW", Aliases: []string{"start"},
		Short: "Start an execution, and watch it",
		Long: "Run starts an execution and prints its ARN. With --wait or --watch it stays until the end and\n" +
			"prints the output; of an execution that fails, error and cause, and the exit code is 1. An\n" +
			"interrupt ends the watching, not the execution. Express workflows run with --sync.",
		Example: "  ebb workflow run hello --input '{\"name\":\"Ada\"}' --watch\n" +
			"  ebb workflow run settle:live --input @day.json --name 2026-11-22\n" +
			"  echo '{}' | ebb workflow run quick --input - --sync -o json",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.workflowNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			if opt.sync && (opt.watch || opt.wait) {
				return usagef("--sync: waits anyway, and an Express workflow has no history to watch")
			}
			return a.withWorkflows(cmd.Context(), func(w *workflows) error { return a.runWorkflow(cmd.Context(), w, given[0], opt) })
		},
	}
	f := cmd.Flags()
	f.StringVarP(&opt.input, "input", "i", "{}", "the `INPUT`: JSON, @FILE, or - for standard input")
	f.StringVarP(&opt.name, "name", "n", "", "the execution's `NAME`; the same name with the same input is the same execution")
	f.BoolVar(&opt.wait, "wait", false, "wait for the end and print the output")
	f.BoolVarP(&opt.watch, "watch", "w", false, "the same, and show the states as they are passed")
	f.BoolVar(&opt.sync, "sync", false, "run an Express workflow and print its output")
	return cmd
}

func (a *app) runWorkflow(ctx context.Context, w *workflows, ref string, opt runOptions) error {
	input, err := a.payload(opt.input)
	if err != nil {
		return err
	}
	if !json.Valid(input) {
		return usagef("--input: is not JSON")
	}
	var name *string
	if opt.name != "" {
		name = &opt.name
	}
	if opt.sync {
		out, err := w.api.StartSyncExecution(ctx, &sfn.StartSyncExecutionInput{StateMachineArn: aws.String(w.arn(ref)), Input: aws.String(string(input)), Name: name})
		if err != nil {
			return &named{ref, err}
		}
		return a.ended(&ran{Workflow: ref, Execution: aws.ToString(out.ExecutionArn), Name: aws.ToString(out.Name), Status: string(out.Status),
			Output: rawJSON([]byte(aws.ToString(out.Output))), Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause)})
	}
	out, err := w.api.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: aws.String(w.arn(ref)), Input: aws.String(string(input)), Name: name})
	if err != nil {
		return &named{ref, err}
	}
	arn := aws.ToString(out.ExecutionArn)
	if !opt.wait && !opt.watch {
		at, _ := ebb.ParseStatesARN(arn)
		return a.print(ran{Workflow: ref, Execution: arn, Name: at.Rest, Status: visitStarted, Output: rawJSON(nil)}, nil, [][]string{{arn}})
	}
	return a.attend(ctx, w, ref, arn, opt.watch)
}

// visitStarted is the status of an execution that nobody has looked at yet.
const visitStarted = "RUNNING"

// attend waits for the end of an execution, showing it or not, and prints what
// it came to.
func (a *app) attend(ctx context.Context, w *workflows, ref, arn string, show bool) error {
	var stage *stage
	if show {
		stage = newStage(a.errs)
		stage.note("%s", shortRef(arn))
	}
	err := w.follow(ctx, arn, stage)
	if stage != nil {
		stage.close()
	}
	if err != nil {
		if ctx.Err() != nil {
			a.note("%s goes on; see: ebb workflow show %s, ebb workflow stop %s", shortRef(arn), shortRef(arn), shortRef(arn))
		}
		return err
	}
	out, err := w.api.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		return err
	}
	return a.ended(&ran{Workflow: ref, Execution: arn, Name: aws.ToString(out.Name), Status: string(out.Status),
		Output: rawJSON([]byte(aws.ToString(out.Output))), Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause)})
}

// Bounds of how often a running execution is looked at.
const (
	soon  = 30 * time.Millisecond
	later = 500 * time.Millisecond
)

// follow returns when an execution has ended. What happens is told to stage,
// unless that is nil.
func (w *workflows) follow(ctx context.Context, arn string, stage *stage) error {
	t := newTimeline()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for wait := soon; ; wait = min(wait*2, later) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-pause.C:
		}
		events, err := w.client.WorkflowEvents(ctx, arn, t.last)
		if err != nil {
			return err
		}
		if len(events) > 0 {
			wait = soon
		}
		ended := t.add(events)
		if stage != nil {
			if err := w.mapRuns(ctx, t); err != nil {
				return err
			}
			stage.show(t, ended)
		}
		if t.ended {
			return nil
		}
		pause.Reset(wait)
	}
}

// mapRuns fills in how far the distributed Maps are that run.
func (w *workflows) mapRuns(ctx context.Context, t *timeline) error {
	for _, v := range t.visits {
		if v.MapRun == "" || v.counted {
			continue
		}
		v.counted = v.Status != visitRunning
		run, err := w.api.DescribeMapRun(ctx, &sfn.DescribeMapRunInput{MapRunArn: &v.MapRun})
		if _, none := errors.AsType[*types.ResourceNotFound](err); none {
			continue
		}
		if err != nil {
			return err
		}
		if c := run.ItemCounts; c != nil {
			v.Items, v.Running, v.Succeeded, v.Failed = c.Total, c.Running, c.Succeeded, c.Failed+c.TimedOut+c.Aborted
		}
	}
	return nil
}

// ended prints what an execution came to, and turns a failure into an error.
func (a *app) ended(r *ran) error {
	var err error
	if a.output == outJSON {
		err = a.print(r, nil, nil)
	} else if r.Status == string(types.ExecutionStatusSucceeded) {
		err = a.print(nil, nil, [][]string{{string(r.Output)}})
	}
	if err != nil || r.Status == string(types.ExecutionStatusSucceeded) {
		return err
	}
	return &executionError{execution: shortRef(r.Execution), status: r.Status, name: r.Error, cause: r.Cause}
}

// executionError says that an execution did not succeed.
type executionError struct{ execution, status, name, cause string }

func (e *executionError) Error() string {
	text := e.execution + ": " + e.status
	if e.name != "" {
		text += ": " + e.name
	}
	if e.cause != "" {
		text += ": " + e.cause
	}
	return text
}

package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/spf13/cobra"
)

// workflowLs lists workflows, or executions of one.
func (a *app) workflowLs() *cobra.Command {
	var status string
	var limit int
	cmd := &cobra.Command{
		Use: "ls [WORKFLOW]", Aliases: []string{"list"},
		Short: "List the workflows, or the executions of one",
		Example: "  ebb workflow ls\n  ebb workflow ls hello --status failed\n" +
			"  ebb workflow ls hello:live -n 10 -o json",
		Args:              args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.workflowNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			filter := types.ExecutionStatus(strings.ToUpper(strings.ReplaceAll(status, "-", "_")))
			switch {
			case filter != "" && !slices.Contains(filter.Values(), filter):
				return usagef("--status: must be running, succeeded, failed, timed-out, aborted or pending-redrive")
			case limit < 1:
				return usagef("--limit: must be 1 or more")
			case len(given) == 0 && filter != "":
				return usagef("--status: of which workflow's executions?")
			}
			return a.withWorkflows(cmd.Context(), func(w *workflows) error {
				if len(given) == 0 {
					return a.lsWorkflows(cmd.Context(), w)
				}
				return a.lsExecutions(cmd.Context(), w, given[0], filter, limit)
			})
		},
	}
	cmd.Flags().StringVar(&status, "status", "", "only executions with this `STATUS`: running, succeeded, failed, timed-out, aborted, pending-redrive")
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "at most `N` executions, the newest")
	_ = cmd.RegisterFlagCompletionFunc("status", cobra.FixedCompletions([]string{"running", "succeeded", "failed", "timed-out", "aborted", "pending-redrive"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// listedWorkflow is one workflow in the result of 'ebb workflow ls'.
type listedWorkflow struct {
	Name    string           `json:"name"`
	Type    string           `json:"type"`
	ARN     string           `json:"arn"`
	Created time.Time        `json:"created"`
	Running *int             `json:"running"` // executions, at most runningShown; null of Express workflows
	Last    *listedExecution `json:"last"`    // execution; null = none
}

// listedExecution is one execution in a list.
type listedExecution struct {
	Name    string     `json:"name"`
	ARN     string     `json:"arn"`
	Status  string     `json:"status"`
	Started time.Time  `json:"started"`
	Stopped *time.Time `json:"stopped"` // null = it runs
}

// runningShown is up to where running executions are counted.
const runningShown = 1000

func (a *app) lsWorkflows(ctx context.Context, w *workflows) error {
	machines, err := listWorkflows(ctx, w.api)
	if err != nil {
		return err
	}
	all := []listedWorkflow{}
	var rows [][]string
	for _, m := range machines {
		l := listedWorkflow{Name: aws.ToString(m.Name), Type: string(m.Type), ARN: aws.ToString(m.StateMachineArn), Created: aws.ToTime(m.CreationDate)}
		row := []string{l.Name, l.Type, l.Created.Local().Format(time.DateTime), "-", "-"}
		if m.Type == types.StateMachineTypeStandard {
			if err := w.recent(ctx, &l); err != nil {
				return &named{l.Name, err}
			}
			row[3] = countShown(*l.Running)
			if l.Last != nil {
				row[4] = l.Last.Status + " " + l.Last.Started.Local().Format(time.DateTime)
			}
		}
		all, rows = append(all, l), append(rows, row)
	}
	if len(all) == 0 && a.output == outTable {
		a.note("there are no workflows yet; make one with: ebb workflow init hello && ebb workflow deploy hello")
		return nil
	}
	return a.print(all, []string{"WORKFLOW", "TYPE", "CREATED", "RUNNING", "LAST EXECUTION"}, rows)
}

func countShown(n int) string {
	if n == runningShown {
		return "1000+"
	}
	return strconv.Itoa(n)
}

// recent fills in what a workflow's executions do.
func (w *workflows) recent(ctx context.Context, l *listedWorkflow) error {
	running, err := w.api.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &l.ARN, StatusFilter: types.ExecutionStatusRunning, MaxResults: runningShown})
	if err != nil {
		return err
	}
	l.Running = new(len(running.Executions))
	newest, err := w.api.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: &l.ARN, MaxResults: 1})
	if err != nil {
		return err
	}
	if len(newest.Executions) > 0 {
		l.Last = new(newListedExecution(&newest.Executions[0]))
	}
	return nil
}

func newListedExecution(x *types.ExecutionListItem) listedExecution {
	return listedExecution{Name: aws.ToString(x.Name), ARN: aws.ToString(x.ExecutionArn), Status: string(x.Status), Started: aws.ToTime(x.StartDate), Stopped: x.StopDate}
}

func (a *app) lsExecutions(ctx context.Context, w *workflows, ref string, status types.ExecutionStatus, limit int) error {
	all := []listedExecution{}
	var rows [][]string
	in := &sfn.ListExecutionsInput{StateMachineArn: aws.String(w.arn(ref)), StatusFilter: status, MaxResults: int32(min(limit, 1000))}
	for pages := sfn.NewListExecutionsPaginator(w.api, in); pages.HasMorePages() && len(all) < limit; {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return &named{ref, err}
		}
		for i := range page.Executions[:min(len(page.Executions), limit-len(all))] {
			x := newListedExecution(&page.Executions[i])
			all = append(all, x)
			rows = append(rows, []string{shortRef(x.ARN), x.Status, x.Started.Local().Format(time.DateTime), shortTime(x.took())})
		}
	}
	return a.print(all, []string{"EXECUTION", "STATUS", "STARTED", "TOOK"}, rows)
}

func (x *listedExecution) took() time.Duration {
	if x.Stopped == nil {
		return time.Since(x.Started)
	}
	return x.Stopped.Sub(x.Started)
}

package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/spf13/cobra"
)

// workflowStop ends an execution.
func (a *app) workflowStop() *cobra.Command {
	var name, cause string
	cmd := &cobra.Command{
		Use:     "stop EXECUTION",
		Short:   "Stop an execution, and what it waits for",
		Example: "  ebb workflow stop hello:2026-11-22 --cause 'wrong day'",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withWorkflows(cmd.Context(), func(w *workflows) error {
				arn, err := w.exact(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				in := &sfn.StopExecutionInput{ExecutionArn: &arn}
				if name != "" {
					in.Error = &name
				}
				if cause != "" {
					in.Cause = &cause
				}
				if _, err := w.api.StopExecution(cmd.Context(), in); err != nil {
					return &named{given[0], err}
				}
				return a.printStatus(cmd.Context(), w, arn, "stopped ")
			})
		},
	}
	cmd.Flags().StringVar(&name, "error", "", "what the execution says as its `ERROR`")
	cmd.Flags().StringVar(&cause, "cause", "", "what the execution says as its `CAUSE`")
	return cmd
}

// exact is the execution that is meant, which must be named: what stops or
// changes one does not guess.
func (w *workflows) exact(ctx context.Context, ref string) (string, error) {
	arn, err := w.execution(ctx, ref)
	if err != nil {
		return "", err
	}
	if ref != arn && ref != shortRef(arn) {
		return "", usagef("%s is no execution; its newest is %s", ref, shortRef(arn))
	}
	return arn, nil
}

// printStatus tells what an execution is now.
func (a *app) printStatus(ctx context.Context, w *workflows, arn, did string) error {
	out, err := w.api.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
	if err != nil {
		return err
	}
	r := ran{Workflow: shortRef(aws.ToString(out.StateMachineArn)), Execution: arn, Name: aws.ToString(out.Name), Status: string(out.Status),
		Output: rawJSON([]byte(aws.ToString(out.Output))), Error: aws.ToString(out.Error), Cause: aws.ToString(out.Cause)}
	return a.print(r, nil, [][]string{{did + shortRef(arn) + ": " + r.Status}})
}

// workflowRedrive has a failed execution go on.
func (a *app) workflowRedrive() *cobra.Command {
	var wait, watch bool
	cmd := &cobra.Command{
		Use:   "redrive EXECUTION",
		Short: "Have an execution that failed go on where it failed",
		Long: "Redrive goes on from the states that had not succeeded, with the definition and the input of\n" +
			"then, up to 14 days after the end.",
		Example: "  ebb workflow redrive hello:2026-11-22 --watch",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withWorkflows(cmd.Context(), func(w *workflows) error {
				arn, err := w.exact(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				if _, err := w.api.RedriveExecution(cmd.Context(), &sfn.RedriveExecutionInput{ExecutionArn: &arn}); err != nil {
					return &named{given[0], err}
				}
				if wait || watch {
					return a.attend(cmd.Context(), w, given[0], arn, watch)
				}
				return a.printStatus(cmd.Context(), w, arn, "redrives ")
			})
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for the end and print the output")
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "the same, and show the states as they are passed")
	return cmd
}

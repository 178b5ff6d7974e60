package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/asl"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// workflowApprove answers a task that waits for its token.
func (a *app) workflowApprove() *cobra.Command {
	var state, output string
	cmd := &cobra.Command{
		Use:   "approve EXECUTION|TOKEN",
		Short: "Let a task go on that waits for its token",
		Long: "Approve answers a state whose resource ends in .waitForTaskToken: the execution goes on with\n" +
			"--output as the state's result. The token is found in the execution's history, if the state hands\n" +
			"it to its task ($$.Task.Token); or give the token itself. A WORKFLOW means its newest execution.",
		Example: "  ebb workflow approve settle:2026-11-22 --output '{\"by\":\"ada\"}'\n  ebb workflow approve settle --state Approve",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			text, err := a.payload(output)
			if err != nil {
				return err
			}
			if !json.Valid(text) {
				return usagef("--output: is not JSON")
			}
			return a.answerTask(cmd.Context(), given[0], state, "approved ", func(w *workflows, token string) error {
				_, err := w.api.SendTaskSuccess(cmd.Context(), &sfn.SendTaskSuccessInput{TaskToken: &token, Output: aws.String(string(text))})
				return err
			})
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "the `STATE` that waits, where several do")
	cmd.Flags().StringVar(&output, "output", "{}", "the state's `RESULT`: JSON, @FILE, or - for standard input")
	return cmd
}

// workflowReject fails a task that waits for its token.
func (a *app) workflowReject() *cobra.Command {
	var state, name, cause string
	cmd := &cobra.Command{
		Use:     "reject EXECUTION|TOKEN",
		Short:   "Fail a task that waits for its token",
		Long:    "Reject is like approve, but the state fails with an error that the workflow may catch.",
		Example: "  ebb workflow reject settle:2026-11-22 --cause 'the totals are wrong'",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.answerTask(cmd.Context(), given[0], state, "rejected ", func(w *workflows, token string) error {
				_, err := w.api.SendTaskFailure(cmd.Context(), &sfn.SendTaskFailureInput{TaskToken: &token, Error: &name, Cause: &cause})
				return err
			})
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "the `STATE` that waits, where several do")
	cmd.Flags().StringVar(&name, "error", "Rejected", "the `ERROR` that the state fails with")
	cmd.Flags().StringVar(&cause, "cause", "", "its `CAUSE`")
	return cmd
}

// answered is the result of approve and reject.
type answered struct {
	Execution string `json:"execution"` // ARN; "" where a token was given
	State     string `json:"state"`
}

func (a *app) answerTask(ctx context.Context, ref, state, did string, send func(*workflows, string) error) error {
	return a.withWorkflows(ctx, func(w *workflows) error {
		if _, _, err := asl.ParseToken(ref); err == nil {
			if err := send(w, ref); err != nil {
				return err
			}
			return a.print(answered{}, nil, [][]string{{did + "the task"}})
		}
		arn, err := w.execution(ctx, ref)
		if err != nil {
			return err
		}
		token, at, err := w.waiting(ctx, arn, state)
		if err != nil {
			return err
		}
		err = send(w, token)
		if _, late := errors.AsType[*types.TaskTimedOut](err); late {
			return usagef("%s of %s does not wait any more", at, shortRef(arn))
		}
		if err != nil {
			return err
		}
		return a.print(answered{arn, at}, nil, [][]string{{did + at + " of " + shortRef(arn)}})
	})
}

// waiting finds the token of the state that waits for one.
func (w *workflows) waiting(ctx context.Context, arn, state string) (token, at string, err error) {
	events, err := w.client.WorkflowEvents(ctx, arn, 0)
	if err != nil {
		return "", "", err
	}
	found := waitingTasks(events)
	var names []string
	for _, f := range found {
		if state == "" || f.state == state {
			token, at = f.token, f.state
			names = append(names, f.state)
		}
	}
	slices.Sort(names)
	switch {
	case len(names) == 1:
		return token, at, nil
	case len(names) > 1:
		return "", "", usagef("%s waits for tokens of %s; name one with --state, or give the token", shortRef(arn), strings.Join(slices.Compact(names), ", "))
	case state != "":
		return "", "", usagef("%s of %s does not wait for a token, or does not hand it to its task", state, shortRef(arn))
	}
	return "", "", usagef("%s waits for no token", shortRef(arn))
}

// waitingTask is a task that waits for its token.
type waitingTask struct{ state, token string }

// waitingTasks finds the tasks that were scheduled with a token and have not
// ended.
func waitingTasks(events []client.WorkflowEvent) (all []waitingTask) {
	t := newTimeline()
	scheduled := map[*visit]string{}
	for i := range events {
		t.add(events[i : i+1])
		v := t.owner[events[i].ID]
		switch {
		case v == nil:
		case events[i].Type == "TaskScheduled":
			scheduled[v] = tokenIn(events[i].Parameters)
		case events[i].Type == "TaskSucceeded", events[i].Type == "TaskFailed", events[i].Type == "TaskTimedOut":
			delete(scheduled, v)
		}
	}
	for _, v := range t.visits {
		if token := scheduled[v]; token != "" && v.Status == visitRunning {
			all = append(all, waitingTask{v.Name, token})
		}
	}
	return all
}

// tokenIn finds a task token anywhere in a JSON text, or returns "".
func tokenIn(text string) (token string) {
	var whole any
	if json.Unmarshal([]byte(text), &whole) != nil {
		return ""
	}
	var look func(any)
	look = func(v any) {
		switch v := v.(type) {
		case string:
			if _, _, err := asl.ParseToken(v); err == nil {
				token = v
			}
		case []any:
			for _, e := range v {
				look(e)
			}
		case map[string]any:
			for _, e := range v {
				look(e)
			}
		}
	}
	look(whole)
	return token
}

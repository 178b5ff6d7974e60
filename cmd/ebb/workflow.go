package main

import (
	"context"
	"errors"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/ebb"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// workflowVerb is all about state machines and their executions.
func (a *app) workflowVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use: "workflow", Aliases: []string{"wf"},
		Short: "Write, check, try, deploy, run and watch workflows",
		Long: "A workflow is a state machine in the Amazon States Language that orchestrates functions.\n\n" +
			"WORKFLOW is the name of one, NAME:QUALIFIER for a version or an alias, or an ARN. EXECUTION is\n" +
			"WORKFLOW:NAME or an ARN; where it says so, a WORKFLOW alone means its newest execution.\n\n" +
			"Exit codes: 0 done, 1 the execution (or a test) failed, 2 wrong usage or an invalid definition,\n" +
			"3 the platform failed.",
		Example: "  ebb workflow init hello\n" +
			"  ebb workflow test hello && ebb workflow deploy hello\n" +
			"  ebb workflow run hello --input '{\"name\":\"Ada\"}' --watch\n" +
			"  ebb workflow show hello --last --graph svg > hello.svg",
		Args: args(cobra.NoArgs),
	}
	cmd.AddCommand(a.workflowInit(), a.workflowValidate(), a.workflowTest(), a.workflowDeploy(), a.workflowRun(), a.workflowLs(),
		a.workflowShow(), a.workflowLogs(), a.workflowStop(), a.workflowRedrive(), a.workflowApprove(), a.workflowReject(),
		a.workflowAlias(), a.workflowRm())
	return cmd
}

// workflows speaks about the state machines of one service.
type workflows struct {
	client  *client.Client
	api     *sfn.Client
	service ebb.ServiceID
}

// withWorkflows has fn speak about workflows.
func (a *app) withWorkflows(ctx context.Context, fn func(*workflows) error) error {
	return a.withClient(func(c *client.Client) error {
		own, err := c.Service(ctx, client.Self)
		if err != nil {
			return err
		}
		return fn(&workflows{c, c.Workflows(), ebb.ServiceID(own.ID)})
	})
}

// arn is the ARN that a WORKFLOW of the command line means.
func (w *workflows) arn(ref string) string {
	if strings.HasPrefix(ref, "arn:") {
		return ref
	}
	name, qualifier, _ := strings.Cut(ref, ":")
	return ebb.StateMachineARN(w.client.Config().Region, ebb.StateMachineKey{Service: w.service, Name: name}, qualifier)
}

// execution is the ARN that an EXECUTION of the command line means; a WORKFLOW
// means its newest one.
func (w *workflows) execution(ctx context.Context, ref string) (string, error) {
	if a, ok := ebb.ParseStatesARN(ref); ok && a.Kind != "stateMachine" {
		return ref, nil
	}
	if !strings.HasPrefix(ref, "arn:") {
		if machine, name, named := strings.Cut(ref, ":"); named {
			return ebb.StatesARN{Region: w.client.Config().Region, Service: w.service, Kind: "execution", Name: machine, Rest: name}.String(), nil
		}
	}
	out, err := w.api.ListExecutions(ctx, &sfn.ListExecutionsInput{StateMachineArn: aws.String(w.arn(ref)), MaxResults: 1})
	if err != nil {
		return "", err
	}
	if len(out.Executions) == 0 {
		return "", usagef("%s has no executions; start one with: ebb workflow run %s", ref, ref)
	}
	return aws.ToString(out.Executions[0].ExecutionArn), nil
}

// shortRef is what people call the thing an ARN names: WORKFLOW or EXECUTION.
func shortRef(arn string) string {
	a, ok := ebb.ParseStatesARN(arn)
	switch {
	case !ok:
		return arn
	case a.Rest == "":
		return a.Name
	}
	return a.Name + ":" + a.Rest
}

// workflowNames completes names of workflows for the shell.
func (a *app) workflowNames(cmd *cobra.Command, given []string, _ string) (names []string, _ cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	err := a.withClient(func(c *client.Client) error {
		all, err := listWorkflows(cmd.Context(), c.Workflows())
		for _, m := range all {
			names = append(names, aws.ToString(m.Name))
		}
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func listWorkflows(ctx context.Context, api *sfn.Client) (all []types.StateMachineListItem, err error) {
	for pages := sfn.NewListStateMachinesPaginator(api, &sfn.ListStateMachinesInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		all = append(all, page.StateMachines...)
	}
	return all, nil
}

// noWorkflow reports whether the platform says that there is no such state machine.
func noWorkflow(err error) bool {
	_, ok := errors.AsType[*types.StateMachineDoesNotExist](err)
	return ok
}

// workflowRm deletes a state machine.
func (a *app) workflowRm() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "rm WORKFLOW", Aliases: []string{"remove", "delete"},
		Short:             "Delete a workflow; executions that run are stopped",
		Example:           "  ebb workflow rm hello --yes",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.workflowNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withWorkflows(cmd.Context(), func(w *workflows) error {
				arn := w.arn(given[0])
				if _, err := w.api.DescribeStateMachine(cmd.Context(), &sfn.DescribeStateMachineInput{StateMachineArn: &arn}); err != nil {
					return err // the API would not say that there is none
				}
				if !yes {
					if !terminal(a.in) {
						return usagef("would delete %s; say --yes if that is right", given[0])
					}
					if !a.confirm("delete " + given[0] + "?") {
						return usagef("nothing was deleted")
					}
				}
				if err := w.remove(cmd.Context(), arn); err != nil {
					return err
				}
				return a.print(deployed{Workflow: given[0], Action: actionDeleted, Changed: []string{}, ARN: arn}, nil, [][]string{{"deleted " + given[0]}})
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// remove deletes a state machine or, of an ARN with a number, one version.
func (w *workflows) remove(ctx context.Context, arn string) error {
	if a, ok := ebb.ParseStatesARN(arn); ok && a.Version() > 0 {
		_, err := w.api.DeleteStateMachineVersion(ctx, &sfn.DeleteStateMachineVersionInput{StateMachineVersionArn: &arn})
		return err
	} else if ok && a.Rest != "" {
		_, err := w.api.DeleteStateMachineAlias(ctx, &sfn.DeleteStateMachineAliasInput{StateMachineAliasArn: &arn})
		return err
	}
	_, err := w.api.DeleteStateMachine(ctx, &sfn.DeleteStateMachineInput{StateMachineArn: &arn})
	return err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/spf13/cobra"
)

// showOptions are the flags of show.
type showOptions struct {
	last, definition bool
	graph            string
}

// workflowShow prints a workflow or an execution.
func (a *app) workflowShow() *cobra.Command {
	var opt showOptions
	cmd := &cobra.Command{
		Use:   "show WORKFLOW|EXECUTION|FILE",
		Short: "Print all about a workflow or an execution, or draw it",
		Long: "Show prints a workflow with its versions and aliases, or an execution with its states. With\n" +
			"--graph it draws the definition, coloured by the execution if one is meant; of a definition's\n" +
			"file it does so without a platform.",
		Example: "  ebb workflow show hello\n" +
			"  ebb workflow show hello:2026-11-22\n" +
			"  ebb workflow show hello --last --graph svg > hello.svg\n" +
			"  ebb workflow show hello.asl.yaml --graph mermaid",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.workflowNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			if opt.graph != "" && graphFormats[opt.graph] == nil {
				return usagef("--graph: must be mermaid, dot or svg")
			}
			if done, err := a.drawFile(given[0], opt); done {
				return err
			}
			return a.withWorkflows(cmd.Context(), func(w *workflows) error { return a.show(cmd.Context(), w, given[0], opt) })
		},
	}
	f := cmd.Flags()
	f.BoolVar(&opt.last, "last", false, "of a workflow: its newest execution")
	f.BoolVar(&opt.definition, "definition", false, "print only the definition")
	f.StringVar(&opt.graph, "graph", "", "draw it, as `FORMAT`: mermaid, dot or svg")
	_ = cmd.RegisterFlagCompletionFunc("graph", cobra.FixedCompletions([]string{"mermaid", "dot", "svg"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) show(ctx context.Context, w *workflows, ref string, opt showOptions) error {
	if opt.last || strings.Contains(ref, ":") {
		arn, err := w.execution(ctx, ref)
		if err != nil {
			return err
		}
		out, err := w.api.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &arn})
		_, none := errors.AsType[*types.ExecutionDoesNotExist](err)
		if err == nil {
			return a.showExecution(ctx, w, out, opt)
		}
		if !none || opt.last {
			return &named{ref, err}
		}
	}
	out, err := w.api.DescribeStateMachine(ctx, &sfn.DescribeStateMachineInput{StateMachineArn: aws.String(w.arn(ref))})
	if err != nil {
		return &named{ref, err}
	}
	return a.showWorkflow(ctx, w, ref, out, opt)
}

// shownWorkflow is the result of 'ebb workflow show WORKFLOW -o json'.
type shownWorkflow struct {
	Name       string          `json:"name"`
	Type       string          `json:"type"`
	ARN        string          `json:"arn"`
	Role       string          `json:"role"`
	Changed    time.Time       `json:"changed"`
	Revision   string          `json:"revision"`
	LogLevel   string          `json:"logLevel"`
	Versions   []string        `json:"versions"`
	Aliases    []shownAlias    `json:"aliases"`
	Definition json.RawMessage `json:"definition"`
}

func (a *app) showWorkflow(ctx context.Context, w *workflows, ref string, m *sfn.DescribeStateMachineOutput, opt showOptions) error {
	if opt.graph != "" {
		return a.draw([]byte(aws.ToString(m.Definition)), nil, opt.graph)
	}
	if opt.definition {
		return a.answer([]byte(aws.ToString(m.Definition)))
	}
	r := shownWorkflow{Name: aws.ToString(m.Name), Type: string(m.Type), ARN: aws.ToString(m.StateMachineArn), Role: aws.ToString(m.RoleArn),
		Changed: aws.ToTime(m.CreationDate), Revision: aws.ToString(m.RevisionId), LogLevel: string(types.LogLevelOff),
		Versions: []string{}, Aliases: []shownAlias{}, Definition: rawJSON([]byte(aws.ToString(m.Definition)))}
	if m.LoggingConfiguration != nil {
		r.LogLevel = string(m.LoggingConfiguration.Level)
	}
	if err := w.published(ctx, w.arn(r.Name), &r); err != nil {
		return &named{ref, err}
	}
	rows := [][]string{
		{"workflow", r.Name}, {"type", r.Type}, {"arn", r.ARN}, {"role", r.Role}, {"changed", r.Changed.Local().Format(time.DateTime)},
		{"log level", r.LogLevel}, {"versions", noneIfEmpty(strings.Join(r.Versions, ", "))},
	}
	for _, alias := range r.Aliases {
		rows = append(rows, []string{"alias " + alias.Name, strings.TrimSpace(alias.Leads + "  " + alias.Description)})
	}
	return a.print(r, nil, rows)
}

func noneIfEmpty(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// published fills in a workflow's versions and aliases.
func (w *workflows) published(ctx context.Context, arn string, r *shownWorkflow) error {
	for in := (&sfn.ListStateMachineVersionsInput{StateMachineArn: &arn}); ; {
		page, err := w.api.ListStateMachineVersions(ctx, in)
		if err != nil {
			return err
		}
		for _, v := range page.StateMachineVersions {
			r.Versions = append(r.Versions, versionOf(v.StateMachineVersionArn))
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			break
		}
	}
	for in := (&sfn.ListStateMachineAliasesInput{StateMachineArn: &arn}); ; {
		page, err := w.api.ListStateMachineAliases(ctx, in)
		if err != nil {
			return err
		}
		for _, item := range page.StateMachineAliases {
			one, err := w.api.DescribeStateMachineAlias(ctx, &sfn.DescribeStateMachineAliasInput{StateMachineAliasArn: item.StateMachineAliasArn})
			if err != nil {
				return err
			}
			r.Aliases = append(r.Aliases, shownAlias{aws.ToString(one.Name), aws.ToString(one.Description), routesText(one.RoutingConfiguration)})
		}
		if in.NextToken = page.NextToken; in.NextToken == nil {
			return nil
		}
	}
}

// shownExecution is the result of 'ebb workflow show EXECUTION -o json'.
type shownExecution struct {
	ran
	Started  time.Time       `json:"started"`
	Stopped  *time.Time      `json:"stopped"` // null = it runs
	Redrives int32           `json:"redrives"`
	Input    json.RawMessage `json:"input"`
	States   []*visit        `json:"states"`
}

func (a *app) showExecution(ctx context.Context, w *workflows, x *sfn.DescribeExecutionOutput, opt showOptions) error {
	arn := aws.ToString(x.ExecutionArn)
	events, err := w.client.WorkflowEvents(ctx, arn, 0)
	if err != nil {
		return err
	}
	t := newTimeline()
	t.add(events)
	if err := w.mapRuns(ctx, t); err != nil {
		return err
	}
	if opt.graph != "" || opt.definition {
		of, err := w.api.DescribeStateMachineForExecution(ctx, &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: &arn})
		if err != nil {
			return err
		}
		if opt.graph == "" {
			return a.answer([]byte(aws.ToString(of.Definition)))
		}
		return a.draw([]byte(aws.ToString(of.Definition)), t, opt.graph)
	}
	r := shownExecution{
		ran: ran{Workflow: shortRef(aws.ToString(x.StateMachineArn)), Execution: arn, Name: aws.ToString(x.Name), Status: string(x.Status),
			Output: rawJSON([]byte(aws.ToString(x.Output))), Error: aws.ToString(x.Error), Cause: aws.ToString(x.Cause)},
		Started: aws.ToTime(x.StartDate), Stopped: x.StopDate, Redrives: aws.ToInt32(x.RedriveCount),
		Input: rawJSON([]byte(aws.ToString(x.Input))), States: t.visits,
	}
	if r.States == nil {
		r.States = []*visit{}
	}
	return a.printExecution(&r)
}

// shownText is how much of an input or an output a table shows.
const shownText = 400

func (a *app) printExecution(r *shownExecution) error {
	if a.output == outJSON {
		return a.print(r, nil, nil)
	}
	until := time.Now()
	if r.Stopped != nil {
		until = *r.Stopped
	}
	rows := [][]string{{"execution", shortRef(r.Execution)}, {"status", r.Status}, {"started", r.Started.Local().Format(time.DateTime)},
		{"took", shortTime(until.Sub(r.Started))}, {"input", cutText(string(r.Input))}}
	if r.Redrives > 0 {
		rows = append(rows, []string{"redrives", fmt.Sprint(r.Redrives)})
	}
	if r.Error != "" {
		rows = append(rows, []string{"error", r.Error}, []string{"cause", cutText(r.Cause)})
	} else if string(r.Output) != "null" {
		rows = append(rows, []string{"output", cutText(string(r.Output))})
	}
	if err := a.print(nil, nil, rows); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(a.out)
	rows = nil
	for _, s := range summary(r.States) {
		rows = append(rows, s.row(until))
	}
	return a.print(nil, []string{"STATE", "TYPE", "STATUS", "STARTED", "TOOK", "DETAIL"}, rows)
}

func cutText(s string) string {
	if s = strings.ReplaceAll(s, "\n", " "); len(s) > shownText {
		return strings.ToValidUTF8(s[:shownText], "") + "…"
	}
	return s
}

// summed is a state in the table: one visit, or all those of a Map's iterations.
type summed struct {
	*visit
	depth, times, failed int
	longest              time.Duration
}

// summary puts the visits of iterations together, state by state.
func summary(visits []*visit) (all []*summed) {
	within := map[string]*summed{}
	for _, v := range visits {
		depth := 0
		for p := v.parent; p != nil; p = p.parent {
			depth++
		}
		one := &summed{visit: v, depth: depth, times: 1}
		if v.inMap {
			key := v.Inside + "\x00" + v.Name
			if first := within[key]; first != nil {
				one = first
				one.times++
			} else {
				within[key] = one
				all = append(all, one)
			}
			if v.Status == visitFailed {
				one.failed++
			}
			one.longest = max(one.longest, v.took(time.Now()))
			continue
		}
		all = append(all, one)
	}
	return all
}

func (s *summed) row(now time.Time) []string {
	status, took, details := s.Status, shortTime(s.took(now)), s.details()
	if s.times > 1 {
		status = fmt.Sprintf("%d times", s.times)
		took = "≤ " + shortTime(s.longest)
		if details = nil; s.failed > 0 {
			details = []string{fmt.Sprintf("%d failed", s.failed)}
		}
	}
	return []string{strings.Repeat("  ", s.depth) + s.Name, s.Type, status, s.Entered.Local().Format("15:04:05.000"), took, strings.Join(details, ", ")}
}

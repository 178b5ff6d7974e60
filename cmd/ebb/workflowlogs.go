package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/ebb"
	client "github.com/ebb-faas/ebb/sdk/go"
)

// workflowLogs prints what happened in an execution, its functions' lines among
// it.
func (a *app) workflowLogs() *cobra.Command {
	var follow, eventsOnly bool
	cmd := &cobra.Command{
		Use:   "logs EXECUTION",
		Short: "Print an execution's events and what its functions wrote, in order",
		Long: "Logs prints the history of an execution as lines, and between them what its functions wrote for\n" +
			"it, those of distributed Maps too. A WORKFLOW means its newest execution.",
		Example:           "  ebb workflow logs hello\n  ebb workflow logs hello:2026-11-22 --follow",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.workflowNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withWorkflows(cmd.Context(), func(w *workflows) error {
				arn, err := w.execution(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				l := &executionLog{w: w, arn: arn, follow: follow, functions: !eventsOnly, seen: map[string]bool{}, prefixes: map[string]bool{ebb.InvocationPrefix(arn): true}}
				err = l.run(cmd.Context(), a.logPrinter())
				if follow && errors.Is(err, context.Canceled) {
					return nil // interrupted by the person who follows
				}
				return err
			})
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the execution ends")
	cmd.Flags().BoolVar(&eventsOnly, "events", false, "only the events, not what functions wrote")
	return cmd
}

// logged is one line of an execution's log.
type logged struct {
	Time     time.Time             `json:"time"`
	Event    *client.WorkflowEvent `json:"event,omitempty"`
	Function string                `json:"function,omitempty"`
	Line     *client.LogLine       `json:"line,omitempty"`
}

// executionLog reads an execution's events and its functions' lines together.
type executionLog struct {
	w         *workflows
	arn       string
	follow    bool
	functions bool

	last     int64
	ended    bool
	started  time.Time
	names    []string        // of functions that it may call
	prefixes map[string]bool // of the ids of its invocations
	seen     map[string]bool // function's lines that were printed
}

// settle is how long a function's line may take to be found.
const settle = time.Second

func (l *executionLog) run(ctx context.Context, show func(*logged) error) error {
	x, err := l.w.api.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: &l.arn})
	if err != nil {
		return err
	}
	l.started = aws.ToTime(x.StartDate)
	if l.functions {
		of, err := l.w.api.DescribeStateMachineForExecution(ctx, &sfn.DescribeStateMachineForExecutionInput{ExecutionArn: &l.arn})
		if err != nil {
			return err
		}
		l.names = functionsIn(aws.ToString(of.Definition))
	}
	tick := time.NewTicker(later)
	defer tick.Stop()
	var last time.Time
	for {
		lines, err := l.read(ctx)
		if err != nil {
			return err
		}
		for i := range lines {
			if err := show(&lines[i]); err != nil {
				return err
			}
		}
		if !l.follow || l.ended && !last.IsZero() && time.Since(last) > settle {
			return nil
		}
		if last.IsZero() && l.ended {
			last = time.Now() // what functions wrote last may not be there yet
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// read returns what is new, in order.
func (l *executionLog) read(ctx context.Context) (all []logged, err error) {
	events, err := l.w.client.WorkflowEvents(ctx, l.arn, l.last)
	if err != nil {
		return nil, err
	}
	for i := range events {
		e := &events[i]
		l.last, l.ended = e.ID, endOfExecution(e.Type)
		if e.MapRunARN != "" {
			l.prefixes[ebb.InvocationPrefix(e.MapRunARN)] = true
		}
		if l.functions {
			l.names = append(l.names, functionsIn(e.Parameters)...)
		}
		all = append(all, logged{Time: e.Time, Event: e})
	}
	slices.Sort(l.names)
	l.names = slices.Compact(l.names)
	for _, name := range l.names {
		lines, err := l.lines(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	slices.SortStableFunc(all, func(a, b logged) int {
		return a.Time.Truncate(time.Millisecond).Compare(b.Time.Truncate(time.Millisecond))
	})
	return all, nil
}

// lines are what a function wrote for the execution and was not printed yet.
func (l *executionLog) lines(ctx context.Context, function string) (all []logged, err error) {
	err = l.w.client.Logs(ctx, client.LogQuery{Function: function, Since: l.started}, func(line client.LogLine) error {
		if !l.mine(line.Request) {
			return nil
		}
		key := fmt.Sprint(function, line.Request, line.Time.UnixNano(), line.Text)
		if !l.seen[key] {
			l.seen[key] = true
			all = append(all, logged{Time: line.Time, Function: function, Line: &line})
		}
		return nil
	})
	if e, ok := client.ErrorOf(err); ok && e.Status == 404 {
		return nil, nil // a function that was never there, or is not any more
	}
	return all, err
}

func (l *executionLog) mine(request string) bool {
	for prefix := range maps.Keys(l.prefixes) {
		if strings.HasPrefix(request, prefix) {
			return true
		}
	}
	return false
}

func endOfExecution(kind string) bool {
	return slices.Contains([]string{"ExecutionSucceeded", "ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted"}, kind)
}

// functionsIn lists the functions that a definition or parameters name outright.
func functionsIn(text string) (names []string) {
	var whole any
	if json.Unmarshal([]byte(text), &whole) != nil {
		return nil
	}
	var look func(key string, v any)
	look = func(key string, v any) {
		switch v := v.(type) {
		case string:
			if key != "Resource" && key != "FunctionName" || key == "Resource" && !strings.Contains(v, ":lambda:") {
				return
			}
			if ref, err := ebb.ParseFunctionRef(v); err == nil {
				names = append(names, ref.Name)
			}
		case []any:
			for _, e := range v {
				look("", e)
			}
		case map[string]any:
			for k, e := range v {
				look(k, e)
			}
		}
	}
	look("", whole)
	return names
}

// logPrinter writes the lines of an execution's log.
func (a *app) logPrinter() func(*logged) error {
	onTerminal := terminal(a.out)
	colour := onTerminal && colourWanted()
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	return func(l *logged) error {
		if a.output == outJSON {
			return encoder.Encode(l)
		}
		var text string
		if l.Event != nil {
			text = l.Time.Local().Format("2006-01-02 15:04:05.000") + " " + eventText(l.Event)
		} else {
			line := *l.Line
			line.Text = "    [" + l.Function + "] " + line.Text
			text = logText(line, onTerminal, colour)
		}
		_, err := io.WriteString(a.out, text+"\n")
		return err
	}
}

// eventText is an event for people.
func eventText(e *client.WorkflowEvent) string {
	parts := []string{e.Type}
	if strings.HasPrefix(e.Type, "MapIteration") {
		parts = append(parts, fmt.Sprintf("%s[%d]", e.Name, e.Index))
	} else if e.Name != "" {
		parts = append(parts, e.Name)
	}
	for _, s := range []string{strings.TrimSuffix(e.ResourceType+":"+e.Resource, ":"), e.Error, e.Cause, e.MapRunARN} {
		if s = strings.TrimPrefix(s, ":"); s != "" {
			parts = append(parts, cutText(s))
		}
	}
	if data := cmp.Or(e.Parameters, e.Input, e.Output); data != "" && !strings.HasPrefix(e.Type, "MapIteration") {
		parts = append(parts, cutText(data))
	}
	if e.Length > 0 {
		parts = append(parts, fmt.Sprintf("%d items", e.Length))
	}
	return strings.Join(parts, "  ")
}

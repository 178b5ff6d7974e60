package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// taskVerb looks after asynchronous invocations.
func (a *app) taskVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "task",
		Short: "List, show, stop and redrive asynchronous invocations",
		Long: "A task is one asynchronous invocation (ebb invoke --async). It is tried until it succeeds or\n" +
			"has failed as often as its function's configuration says, and is remembered for a while.",
		Example: "  ebb task ls --function hello --state Failed\n  ebb task redrive order-4711",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.taskLs(), a.taskShow(),
		a.taskChange("stop", "Stop a task that is not over; one that runs loses its instance", (*client.Client).StopTask),
		a.taskChange("redrive", "Try a failed task as if it were new", (*client.Client).RedriveTask))
	return cmd
}

func (a *app) taskLs() *cobra.Command {
	var f client.TaskFilter
	var limit int
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List tasks, the newest ids first",
		Example: "  ebb task ls --function hello --state Failed\n  ebb task ls --prefix order- --limit 0",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usagef("--limit: must not be negative")
			}
			return a.listTasks(cmd.Context(), f, limit)
		},
	}
	a.functionFlag(cmd, &f.Function)
	cmd.Flags().StringVar(&f.State, "state", "", "only those in this `STATE`: Queued, Running, Retrying, Succeeded, Failed or Stopped")
	cmd.Flags().StringVar(&f.Prefix, "prefix", "", "only those whose id begins with `TEXT`")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most `N`; 0 = all")
	return cmd
}

func (a *app) listTasks(ctx context.Context, f client.TaskFilter, limit int) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	list := []client.Task{}
	var rows [][]string
	err = c.Tasks(ctx, f, limit, func(t client.Task) error {
		list = append(list, t)
		rows = append(rows, []string{t.ID, t.Function, t.State, clock(t.Accepted), strconv.Itoa(len(t.Attempts)), t.Reason})
		return nil
	})
	if err != nil {
		return err
	}
	return a.print(list, []string{"ID", "FUNCTION", "STATE", "ACCEPTED", "ATTEMPTS", "REASON"}, rows)
}

func (a *app) taskShow() *cobra.Command {
	var result bool
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   "Show a task with its attempts, or its result",
		Example: "  ebb task show order-4711\n  ebb task show order-4711 --result",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			if result {
				text, err := c.TaskResult(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				return a.answer(text)
			}
			t, err := c.Task(cmd.Context(), given[0])
			if err != nil {
				return err
			}
			return a.print(t, nil, taskRows(t))
		},
	}
	cmd.Flags().BoolVar(&result, "result", false, "print what the function answered")
	return cmd
}

// taskRows is a task for people.
func taskRows(t *client.Task) [][]string {
	rows := [][]string{
		{"task", t.ID}, {"request", t.Request}, {"function", t.Function, t.Qualifier}, {"state", t.State, t.Reason},
		{"accepted", clock(t.Accepted)},
	}
	if t.Next != nil {
		rows = append(rows, []string{"next try", clock(*t.Next)})
	}
	if t.Ended != nil {
		rows = append(rows, []string{"ended", clock(*t.Ended)})
	}
	for i, at := range t.Attempts {
		rows = append(rows, []string{fmt.Sprintf("attempt %d", i+1), clock(at.At),
			fmt.Sprintf("%s in %.3f s", at.Outcome, at.Duration), at.Error, at.Message})
	}
	return rows
}

func (a *app) taskChange(verb, short string, change func(*client.Client, context.Context, string) (*client.Task, error)) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " ID",
		Short:   short,
		Example: "  ebb task " + verb + " order-4711",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			t, err := change(c, cmd.Context(), given[0])
			if err != nil {
				return err
			}
			return a.print(t, nil, [][]string{{"task " + t.ID + " is " + t.State}})
		},
	}
}

// clock is a moment for people.
func clock(t time.Time) string { return t.Local().Format(time.DateTime) }

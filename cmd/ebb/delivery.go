package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// deliveryVerb looks after what destinations have not taken.
func (a *app) deliveryVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "delivery",
		Short: "List deliveries that destinations have not taken, and redrive those given up",
		Long: "A delivery is the record of an asynchronous invocation, or a trigger's event, on its way to a\n" +
			"destination that is no function. It is tried until it is taken, and given up after a day.",
		Example: "  ebb delivery ls --state Failed\n  ebb delivery redrive --all --function hello",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.deliveryLs(), a.deliveryRedrive())
	return cmd
}

func (a *app) deliveryLs() *cobra.Command {
	var f client.TaskFilter
	var limit int
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List deliveries that were not taken, the newest ids first",
		Example: "  ebb delivery ls --function hello --state Failed",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 0 {
				return usagef("--limit: must not be negative")
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			list := []client.Delivery{}
			var rows [][]string
			err = c.Deliveries(cmd.Context(), f, limit, func(d client.Delivery) error {
				list = append(list, d)
				rows = append(rows, []string{d.ID, d.Function, d.Target, d.State, clock(d.Accepted), strconv.Itoa(d.Attempts), d.Reason})
				return nil
			})
			if err != nil {
				return err
			}
			return a.print(list, []string{"ID", "FUNCTION", "TARGET", "STATE", "ACCEPTED", "ATTEMPTS", "REASON"}, rows)
		},
	}
	a.functionFlag(cmd, &f.Function)
	cmd.Flags().StringVar(&f.State, "state", "", "only those in this `STATE`: Queued, Running, Retrying, Failed or Stopped")
	cmd.Flags().IntVar(&limit, "limit", 100, "at most `N`; 0 = all")
	return cmd
}

// functionFlag is the flag that chooses a function.
func (a *app) functionFlag(cmd *cobra.Command, function *string) {
	cmd.Flags().StringVarP(function, "function", "f", "", "only those of this `FUNCTION`")
	_ = cmd.RegisterFlagCompletionFunc("function", a.functionNames)
}

func (a *app) deliveryRedrive() *cobra.Command {
	all := false
	f := client.TaskFilter{State: "Failed"}
	cmd := &cobra.Command{
		Use:     "redrive [ID...]",
		Short:   "Try deliveries that were given up as if they were new",
		Example: "  ebb delivery redrive 019a8b7c-1d2e-7f30-8a4b-5c6d7e8f9012\n  ebb delivery redrive --all",
		Args:    args(cobra.ArbitraryArgs),
		RunE: func(cmd *cobra.Command, ids []string) error {
			switch {
			case all == (len(ids) > 0):
				return usagef("name the deliveries, or say --all")
			case !all && f.Function != "":
				return usagef("--function goes with --all")
			}
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			if all {
				if ids, err = failedDeliveries(cmd.Context(), c, f); err != nil {
					return err
				}
			}
			for n, id := range ids {
				if err := c.RedriveDelivery(cmd.Context(), id); err != nil {
					a.note("%d of %d deliveries are tried again", n, len(ids))
					return err
				}
			}
			return a.print(ids, nil, [][]string{{strconv.Itoa(len(ids)) + " deliveries are tried again"}})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all that were given up")
	a.functionFlag(cmd, &f.Function)
	return cmd
}

func failedDeliveries(ctx context.Context, c *client.Client, f client.TaskFilter) ([]string, error) {
	ids := []string{}
	err := c.Deliveries(ctx, f, 0, func(d client.Delivery) error {
		ids = append(ids, d.ID)
		return nil
	})
	return ids, err
}

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// runtimeVerb manages what functions can be written in.
func (a *app) runtimeVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "runtime",
		Short: "List, add and remove runtimes",
		Long: "A runtime is what runs functions of a language: the interpreter that the host has, or that of\n" +
			"a container image, which need not be installed on the host and can be newer or older.",
		Example: "  ebb runtime ls\n  ebb runtime add python3.13 --image registry.bank.example/base/python:3.13",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.runtimeLs(), a.runtimeAdd(), a.runtimeRm())
	return cmd
}

func (a *app) runtimeLs() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the runtimes that functions may name",
		Example: "  ebb runtime ls",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			all, err := c.Runtimes(cmd.Context())
			if err != nil {
				return err
			}
			var rows [][]string
			for _, r := range all.Runtimes {
				rows = append(rows, []string{r.ID, r.Version, r.Source, r.Image})
			}
			for _, m := range all.Missing {
				a.note(m.Family + " is not there: " + m.Reason)
			}
			return a.print(all, []string{"RUNTIME", "VERSION", "SOURCE", "IMAGE"}, rows)
		},
	}
}

func (a *app) runtimeAdd() *cobra.Command {
	var image, family string
	cmd := &cobra.Command{
		Use:   "add RUNTIME --image URI",
		Short: "Make the interpreter of a container image a runtime",
		Long: "Add fetches the image, asks its interpreter what it is, and lets functions name the runtime.\n" +
			"What was added under the name before is replaced. Functions that run keep what they started\n" +
			"with until their instances end.",
		Example: "  ebb runtime add python3.13 --image registry.bank.example/base/python:3.13\n" +
			"  ebb runtime add risk-python --family python --image docker-archive:/srv/images/risk.tar",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if image == "" {
				return usagef("--image: missing")
			}
			return a.addRuntime(cmd.Context(), client.NewRuntime{ID: given[0], Family: family, Image: image})
		},
	}
	cmd.Flags().StringVar(&image, "image", "", "`URI` of the image: a registry's, oci:/DIR or docker-archive:/FILE on the platform's host")
	cmd.Flags().StringVar(&family, "family", "", "`NAME` of the language, if the runtime's own name does not begin with it")
	return cmd
}

// slowAdd is after how long a person is told what is waited for.
const slowAdd = time.Second

func (a *app) addRuntime(ctx context.Context, n client.NewRuntime) error {
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	told := time.AfterFunc(slowAdd, func() { a.note("fetching " + n.Image + " …") })
	r, err := c.AddRuntime(ctx, n)
	told.Stop()
	if err != nil {
		return err
	}
	return a.print(r, nil, [][]string{{"added " + r.ID + " (" + r.Family + " " + r.Version + ") from " + r.Resolved}})
}

func (a *app) runtimeRm() *cobra.Command {
	return &cobra.Command{
		Use:     "rm RUNTIME",
		Aliases: []string{"remove", "delete"},
		Short:   "Remove a runtime that was added from an image",
		Example: "  ebb runtime rm python3.13",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			defer c.Close()
			if err := c.RemoveRuntime(cmd.Context(), given[0]); err != nil {
				return err
			}
			return a.print(struct {
				Runtime string `json:"runtime"`
				Removed bool   `json:"removed"`
			}{given[0], true}, nil, [][]string{{"removed " + given[0]}})
		},
	}
}

package main

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// publisherVerb manages whose signature on code counts.
func (a *app) publisherVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "publisher",
		Short: "Add, list and remove those whose signature on code counts",
		Long: "A publisher is a name with ed25519 public keys. A code signing configuration (aws lambda\n" +
			"create-code-signing-config) names publishers by their ARN, one for each key, and functions\n" +
			"that have it take code only, or with a warning, that one of them signed with: ebb sign",
		Example: "  ebb publisher add ci --key ci.pub.pem\n  ebb publisher ls",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.publisherAdd(), a.publisherLs(), a.publisherRm())
	return cmd
}

func (a *app) publisherAdd() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Register a public key under a name, which may have several",
		Long: "Add reads the PEM of an ed25519 public key:\n\n" +
			"  openssl genpkey -algorithm ed25519 -out ci.pem\n" +
			"  openssl pkey -in ci.pem -pubout -out ci.pub.pem",
		Example: "  ebb publisher add ci --key ci.pub.pem",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			key, err := os.ReadFile(file)
			if err != nil {
				return usagef("--key: %w", err)
			}
			return a.withClient(func(c *client.Client) error {
				p, err := c.AddPublisher(cmd.Context(), given[0], string(key))
				if err != nil {
					return err
				}
				return a.print(p, nil, [][]string{{p.ARN}})
			})
		},
	}
	cmd.Flags().StringVar(&file, "key", "", "PEM `FILE` of the public key")
	_ = cmd.MarkFlagRequired("key")
	_ = cmd.MarkFlagFilename("key", "pem")
	return cmd
}

func (a *app) publisherLs() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the publishers of the service",
		Example: "  ebb publisher ls",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(func(c *client.Client) error {
				all, err := c.Publishers(cmd.Context())
				if err != nil {
					return err
				}
				var rows [][]string
				for _, p := range all {
					rows = append(rows, []string{p.Name, p.Version, p.CreatedAt.Local().Format(time.DateTime), p.ARN})
				}
				if all == nil {
					all = []client.Publisher{}
				}
				return a.print(all, []string{"NAME", "KEY", "ADDED", "ARN"}, rows)
			})
		},
	}
}

func (a *app) publisherRm() *cobra.Command {
	var yes bool
	var version string
	cmd := &cobra.Command{
		Use:     "rm NAME...",
		Aliases: []string{"remove", "delete"},
		Short:   "Remove publishers; code that they signed is not trusted from then on",
		Example: "  ebb publisher rm ci --version k3jx7q2m4d   # one key of several",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.delete(cmd.Context(), "publisher", given, yes, func(c *client.Client, ctx context.Context, name string) error {
				return c.RemovePublisher(ctx, name, version)
			})
		},
	}
	cmd.Flags().StringVar(&version, "version", "", "only the key with this `VERSION`, as ls shows it")
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

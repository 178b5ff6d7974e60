package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// roleVerb manages the permission sets of functions.
func (a *app) roleVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "role",
		Short: "Put, list, show and delete the roles that functions act with",
		Long: "A role says what a function may do through the platform's own APIs (AWS_ENDPOINT_URL in its\n" +
			"environment): statements that allow or deny actions on resources, in the shape of an IAM\n" +
			"policy, with * and ? as wildcards. A role that is not defined may invoke and read the\n" +
			"functions of its service.",
		Example: "  ebb role put worker --policy policy.json\n  ebb role show worker",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.rolePut(), a.roleLs(), a.roleShow(), a.roleRm())
	return cmd
}

func (a *app) rolePut() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "put NAME",
		Short: "Make a role, or replace its policy",
		Long: "Put reads a policy in JSON or YAML from a file, or from the standard input:\n\n" +
			"  Statement:\n" +
			"  - {Effect: Allow, Action: lambda:InvokeFunction, Resource: \"arn:aws:lambda:*:*:function:pay-*\"}",
		Example: "  ebb role put worker --policy policy.yaml\n  ebb role put worker < policy.json",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			policy, err := a.policy(file)
			if err != nil {
				return err
			}
			return a.withClient(func(c *client.Client) error {
				r, err := c.PutRole(cmd.Context(), given[0], policy)
				if err != nil {
					return err
				}
				return a.print(r, nil, [][]string{{"put " + r.Name, r.ARN}})
			})
		},
	}
	cmd.Flags().StringVar(&file, "policy", "", "read the policy from `FILE` instead of the standard input")
	_ = cmd.MarkFlagFilename("policy", "json", "yaml", "yml")
	return cmd
}

// maxPolicy bounds what is read as a policy, in bytes.
const maxPolicy = 1 << 20

// policy reads a policy and returns it as JSON. JSON is YAML too.
func (a *app) policy(file string) (json.RawMessage, error) {
	from, in := "standard input", a.in
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usagef("--policy: %w", err)
		}
		defer func() { _ = f.Close() }()
		from, in = file, f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxPolicy))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	policy, err := yaml.YAMLToJSON(text)
	if err != nil {
		return nil, usagef("%s: %s", from, yaml.FormatError(err, false, true))
	}
	if len(policy) == 0 || policy[0] != '{' {
		return nil, usagef("%s: is not a policy: it has no Statement", from)
	}
	return policy, nil
}

func (a *app) roleLs() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the roles of the service",
		Example: "  ebb role ls",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(func(c *client.Client) error {
				all, err := c.Roles(cmd.Context())
				if err != nil {
					return err
				}
				var rows [][]string
				for _, r := range all {
					rows = append(rows, []string{r.Name, r.ARN, whenText(&r.LastModified, "")})
				}
				if all == nil {
					all = []client.Role{}
				}
				return a.print(all, []string{"NAME", "ARN", "MODIFIED"}, rows)
			})
		},
	}
}

func (a *app) roleShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a role's policy, as put reads it",
		Example: "  ebb role show reports",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				r, err := c.Role(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				if a.output == outJSON {
					return a.print(r, nil, nil)
				}
				text, err := yaml.JSONToYAML(r.Policy)
				if err != nil {
					return err
				}
				_, err = a.out.Write(text)
				return err
			})
		},
	}
}

func (a *app) roleRm() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "rm NAME...",
		Aliases: []string{"remove", "delete"},
		Short:   "Delete roles; functions that name them have the default permission set then",
		Example: "  ebb role rm reports",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.delete(cmd.Context(), "role", given, yes, (*client.Client).DeleteRole)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

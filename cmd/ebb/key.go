package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// keyVerb manages access keys.
func (a *app) keyVerb() *cobra.Command {
	var node bool
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Create, list, rotate, disable and delete access keys",
		Long: "An access key proves who calls: to AWS tools by its secret, to /v1 also by its token. It\n" +
			"belongs to a service, or with --node to the platform as a whole, and has a role:\n" +
			"admin (everything), developer (deploy and run), operator (keep running), auditor (see),\n" +
			"invoker (run).",
		Example: "  ebb --service payments key create ci --role developer\n  ebb key rotate AKIA… --overlap 24h",
		Args:    args(cobra.NoArgs),
	}
	cmd.PersistentFlags().BoolVar(&node, "node", false, "keys that act for any service")
	cmd.AddCommand(a.keyCreate(&node), a.keyLs(&node), a.keyShow(&node), a.keyRotate(&node),
		a.keySwitch(&node, "disable", "Refuse a key from now on; on all nodes within a second", false),
		a.keySwitch(&node, "enable", "Accept a disabled key again", true), a.keyRm(&node))
	return cmd
}

func (a *app) keyCreate(node *bool) *cobra.Command {
	var role string
	var expires time.Duration
	cmd := &cobra.Command{
		Use:   "create NAME --role ROLE",
		Short: "Make an access key; its secret and token are shown this once",
		Example: "  ebb --service payments key create ci --role developer --expires 2160h\n" +
			"  ebb key create ops --node --role auditor -o json",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if role == "" {
				return usagef("--role: missing; one of admin, developer, operator, auditor, invoker")
			}
			var until *time.Time
			if expires > 0 {
				until = new(time.Now().Add(expires))
			}
			return a.withClient(func(c *client.Client) error {
				k, err := c.CreateKey(cmd.Context(), *node, given[0], role, until)
				if err != nil {
					return err
				}
				return a.printNewKey(k)
			})
		},
	}
	cmd.Flags().StringVar(&role, "role", "", "what its holder may do: `ROLE` is admin, developer, operator, auditor or invoker")
	cmd.Flags().DurationVar(&expires, "expires", 0, "it ends after this `DURATION`, for example 720h; 0 = never")
	_ = cmd.RegisterFlagCompletionFunc("role", cobra.FixedCompletions(
		[]string{"admin", "developer", "operator", "auditor", "invoker"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) keyLs(node *bool) *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the access keys of the service",
		Example: "  ebb key ls",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(func(c *client.Client) error {
				all, err := c.Keys(cmd.Context(), *node)
				if err != nil {
					return err
				}
				var rows [][]string
				for _, k := range all {
					rows = append(rows, []string{k.ID, k.Name, k.Role, keyState(&k), whenText(k.LastUsedAt, "never")})
				}
				if all == nil {
					all = []client.Key{}
				}
				return a.print(all, []string{"KEY", "NAME", "ROLE", "STATE", "LAST USED"}, rows)
			})
		},
	}
}

func (a *app) keyShow(node *bool) *cobra.Command {
	return &cobra.Command{
		Use:     "show KEY",
		Short:   "Show an access key, without what proves it",
		Example: "  ebb key show AKIA…",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				k, err := c.Key(cmd.Context(), *node, given[0])
				if err != nil {
					return err
				}
				return a.printKey(k)
			})
		},
	}
}

func (a *app) keyRotate(node *bool) *cobra.Command {
	var overlap time.Duration
	cmd := &cobra.Command{
		Use:     "rotate KEY",
		Short:   "Make a key in the place of another, which goes on to work for a while",
		Example: "  ebb key rotate AKIA… --overlap 24h",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				k, err := c.RotateKey(cmd.Context(), *node, given[0], overlap)
				if err != nil {
					return err
				}
				return a.printNewKey(k)
			})
		},
	}
	cmd.Flags().DurationVar(&overlap, "overlap", 24*time.Hour, "for this `DURATION` the old key goes on")
	return cmd
}

func (a *app) keySwitch(node *bool, verb, short string, on bool) *cobra.Command {
	return &cobra.Command{
		Use:     verb + " KEY",
		Short:   short,
		Example: "  ebb key " + verb + " AKIA…",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				k, err := c.UpdateKey(cmd.Context(), *node, given[0], client.KeyChange{Enabled: &on})
				if err != nil {
					return err
				}
				return a.print(k, nil, [][]string{{verb + "d " + k.ID + " (" + k.Name + ")"}})
			})
		},
	}
}

func (a *app) keyRm(node *bool) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "rm KEY...",
		Aliases: []string{"remove", "delete"},
		Short:   "Delete access keys for good",
		Example: "  ebb key rm AKIA…",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.delete(cmd.Context(), "key", given, yes, func(c *client.Client, ctx context.Context, id string) error {
				return c.DeleteKey(ctx, *node, id)
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

func (a *app) printNewKey(k *client.NewKey) error {
	if err := a.print(k, nil, [][]string{
		{"AWS_ACCESS_KEY_ID", k.ID}, {"AWS_SECRET_ACCESS_KEY", k.SecretAccessKey}, {"EBB_TOKEN", k.Token},
	}); err != nil {
		return err
	}
	a.note("the secret and the token are not shown again")
	return nil
}

func (a *app) printKey(k *client.Key) error {
	owner := k.Service
	if k.Node {
		owner = "the node"
	}
	return a.print(k, nil, [][]string{
		{"key", k.ID}, {"name", k.Name}, {"of", owner}, {"role", k.Role}, {"state", keyState(k)},
		{"created", k.CreatedAt.Local().Format(time.DateTime)}, {"expires", whenText(k.ExpiresAt, "never")},
		{"last used", whenText(k.LastUsedAt, "never")}, {"replaced by", k.ReplacedBy},
	})
}

// keyState is whether a key proves anything now.
func keyState(k *client.Key) string {
	switch {
	case !k.Enabled:
		return "disabled"
	case k.ExpiresAt != nil && !time.Now().Before(*k.ExpiresAt):
		return "expired"
	case k.ExpiresAt != nil:
		return "until " + k.ExpiresAt.Local().Format(time.DateTime)
	}
	return "enabled"
}

func whenText(t *time.Time, never string) string {
	if t == nil {
		return never
	}
	return t.Local().Format(time.DateTime)
}

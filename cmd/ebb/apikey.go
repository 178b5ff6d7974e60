package main

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// apiKeyVerb manages the API keys of routes.
func (a *app) apiKeyVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "api-key",
		Short:   "Create, list, disable and delete the API keys of HTTP routes",
		Long:    "An API key lets its holder call the routes of the service that take keys (--auth key), by the\nheader X-Api-Key.",
		Example: "  ebb api-key create shop\n  ebb api-key disable shop",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.apiKeyCreate(), a.apiKeyLs(),
		a.apiKeySwitch("disable", "Refuse a key from now on; on all nodes within a second", false),
		a.apiKeySwitch("enable", "Accept a disabled key again", true), a.apiKeyRm())
	return cmd
}

func (a *app) apiKeyCreate() *cobra.Command {
	var triggers []string
	var expires time.Duration
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Make an API key; it is shown this once",
		Example: "  ebb api-key create shop\n  ebb api-key create partner --trigger orders --trigger returns --expires 2160h",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			var until *time.Time
			if expires > 0 {
				until = new(time.Now().Add(expires))
			}
			return a.withClient(func(c *client.Client) error {
				k, err := c.CreateAPIKey(cmd.Context(), given[0], triggers, until)
				if err != nil {
					return err
				}
				if err := a.print(k, nil, [][]string{{k.Key}}); err != nil {
					return err
				}
				a.note("the key is not shown again")
				return nil
			})
		},
	}
	cmd.Flags().StringArrayVar(&triggers, "trigger", nil, "only for the route of this `TRIGGER`; may be given again")
	cmd.Flags().DurationVar(&expires, "expires", 0, "it ends after this `DURATION`, for example 720h; 0 = never")
	return cmd
}

func (a *app) apiKeyLs() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Aliases: []string{"list"}, Short: "List the API keys of the service",
		Example: "  ebb api-key ls", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(func(c *client.Client) error {
				all, err := c.APIKeys(cmd.Context())
				if err != nil {
					return err
				}
				var rows [][]string
				for _, k := range all {
					routes := "all"
					if len(k.Triggers) > 0 {
						routes = strings.Join(k.Triggers, ",")
					}
					rows = append(rows, []string{k.Name, routes, keyState(&client.Key{Enabled: k.Enabled, ExpiresAt: k.ExpiresAt}), whenText(k.LastUsedAt, "never")})
				}
				if all == nil {
					all = []client.APIKey{}
				}
				return a.print(all, []string{"NAME", "ROUTES", "STATE", "LAST USED"}, rows)
			})
		},
	}
}

func (a *app) apiKeySwitch(verb, short string, on bool) *cobra.Command {
	return &cobra.Command{
		Use: verb + " NAME", Short: short, Example: "  ebb api-key " + verb + " shop", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				k, err := c.UpdateAPIKey(cmd.Context(), given[0], client.APIKeyChange{Enabled: &on})
				if err != nil {
					return err
				}
				return a.print(k, nil, [][]string{{verb + "d " + k.Name}})
			})
		},
	}
}

func (a *app) apiKeyRm() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "rm NAME...", Aliases: []string{"remove", "delete"}, Short: "Delete API keys for good",
		Example: "  ebb api-key rm shop", Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.delete(cmd.Context(), "API key", given, yes, (*client.Client).DeleteAPIKey)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

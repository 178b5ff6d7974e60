package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// serviceVerb manages groups of functions with what they share.
func (a *app) serviceVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Create, list, show, change and delete services",
		Long: "A service is a group of functions with a shared environment, limits, access keys, roles and\n" +
			"secrets. Its 12-digit id stands in ARNs as the account. Nothing of one service is seen or\n" +
			"run from another without a policy. All verbs take --service NAME.",
		Example: "  ebb service create payments --concurrency 50 --env STAGE=prod\n  ebb --service payments deploy",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.serviceCreate(), a.serviceLs(), a.serviceShow(), a.serviceSet(), a.serviceRm())
	return cmd
}

// serviceFlags are the settings that create and set share.
type serviceFlags struct {
	description, egress string
	env, unset          []string
	retention           int
	quota               client.Quota
}

func (f *serviceFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.description, "description", "", "what it is for, `TEXT`")
	flags.StringArrayVar(&f.env, "env", nil, "`NAME=VALUE` of the shared environment; several times")
	flags.StringArrayVar(&f.unset, "unset", nil, "take the variable `NAME` out of the shared environment; several times")
	flags.IntVar(&f.retention, "log-retention", 0, "`DAYS` that logs are kept; 0 = as the node does")
	flags.StringVar(&f.egress, "egress", "", "`RULES` (tcp/10.0.0.0/8:5432,…) that bound where functions may connect to; any = no bound")
	flags.IntVar(&f.quota.Concurrency, "concurrency", 0, "`N` invocations at once; 0 = no limit")
	flags.IntVar(&f.quota.MemoryMB, "memory", 0, "`MB` of memory of invocations at once; 0 = no limit")
	flags.IntVar(&f.quota.RequestsPerSecond, "rate", 0, "`N` invocations that may begin in a second; 0 = no limit")
	flags.IntVar(&f.quota.Functions, "functions", 0, "`N` functions; 0 = no limit")
	flags.IntVar(&f.quota.Events, "events", 0, "`N` asynchronous events that may wait; 0 = the node's limit")
	flags.Int64Var(&f.quota.CodeStorageMB, "code-storage", 0, "`MB` of packages; 0 = the node's limit")
}

// change is what the flags that were given set; have is the service as it is.
func (f *serviceFlags) change(cmd *cobra.Command, have *client.Service) (client.ServiceChange, error) {
	var c client.ServiceChange
	given := cmd.Flags().Changed
	if given("description") {
		c.Description = &f.description
	}
	if given("log-retention") {
		c.LogRetentionDays = &f.retention
	}
	if given("egress") {
		c.Egress = &f.egress
	}
	if given("env") || given("unset") {
		c.Env = maps.Clone(have.Env)
		if c.Env == nil {
			c.Env = map[string]string{}
		}
		for _, name := range f.unset {
			delete(c.Env, name)
		}
		for _, pair := range f.env {
			name, value, ok := strings.Cut(pair, "=")
			if !ok {
				return c, usagef("--env: %q is not NAME=VALUE", pair)
			}
			c.Env[name] = value
		}
	}
	quota, changed := have.Quota, false
	for name, set := range map[string]func(){
		"concurrency":  func() { quota.Concurrency = f.quota.Concurrency },
		"memory":       func() { quota.MemoryMB = f.quota.MemoryMB },
		"rate":         func() { quota.RequestsPerSecond = f.quota.RequestsPerSecond },
		"functions":    func() { quota.Functions = f.quota.Functions },
		"events":       func() { quota.Events = f.quota.Events },
		"code-storage": func() { quota.CodeStorageMB = f.quota.CodeStorageMB },
	} {
		if given(name) {
			set()
			changed = true
		}
	}
	if changed {
		c.Quota = &quota
	}
	return c, nil
}

func (a *app) serviceCreate() *cobra.Command {
	var f serviceFlags
	var id string
	cmd := &cobra.Command{
		Use:     "create NAME",
		Short:   "Make a service",
		Example: "  ebb service create payments --id 123456789012 --rate 200",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := f.change(cmd, &client.Service{})
			if err != nil {
				return err
			}
			c.ID, c.Name = id, &given[0]
			return a.withClient(func(api *client.Client) error {
				s, err := api.CreateService(cmd.Context(), c)
				if err != nil {
					return err
				}
				return a.print(s, nil, [][]string{{"created " + s.Name + " (" + s.ID + ")"}})
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&id, "id", "", "its 12-digit `ID` (default any that is free)")
	return cmd
}

func (a *app) serviceLs() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the services",
		Example: "  ebb service ls",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(func(api *client.Client) error {
				all, err := api.Services(cmd.Context())
				if err != nil {
					return err
				}
				var rows [][]string
				for _, s := range all {
					rows = append(rows, []string{s.Name, s.ID, quotaText(s.Quota), s.Description})
				}
				return a.print(all, []string{"NAME", "ID", "QUOTA", "DESCRIPTION"}, rows)
			})
		},
	}
}

func (a *app) serviceShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show [NAME]",
		Short:   "Show a service, without a name the one that you act for",
		Example: "  ebb service show payments",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			name := client.Self
			if len(given) > 0 {
				name = given[0]
			}
			return a.withClient(func(api *client.Client) error {
				s, err := api.Service(cmd.Context(), name)
				if err != nil {
					return err
				}
				return a.printService(s)
			})
		},
	}
}

func (a *app) serviceSet() *cobra.Command {
	var f serviceFlags
	var name string
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change a service; what is not named stays",
		Long: "Set changes a service. A new environment is what instances that start from then on find;\n" +
			"those that run leave when they are idle. Quotas hold at once.",
		Example: "  ebb service set payments --env STAGE=prod --unset DEBUG --concurrency 100",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(api *client.Client) error {
				have, err := api.Service(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				c, err := f.change(cmd, have)
				if err != nil {
					return err
				}
				if name != "" {
					c.Name = &name
				}
				s, err := api.UpdateService(cmd.Context(), given[0], c)
				if err != nil {
					return err
				}
				return a.printService(s)
			})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&name, "name", "", "give it the new `NAME`")
	return cmd
}

func (a *app) serviceRm() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:     "rm NAME",
		Aliases: []string{"remove", "delete"},
		Short:   "Delete a service that has no functions, with its keys, roles and secrets",
		Example: "  ebb service rm payments",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.delete(cmd.Context(), "service", given, yes, (*client.Client).DeleteService)
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// delete deletes things of a kind by name, after asking on a terminal.
func (a *app) delete(ctx context.Context, kind string, names []string, yes bool, each func(*client.Client, context.Context, string) error) error {
	if !yes && terminal(a.in) && !a.confirm("delete "+kind+" "+strings.Join(names, ", ")+"?") {
		return usagef("nothing was deleted")
	}
	return a.withClient(func(c *client.Client) (err error) {
		gone := []map[string]any{}
		var rows [][]string
		for _, name := range names {
			if err = each(c, ctx, name); err != nil {
				err = &named{name, err}
				break
			}
			gone = append(gone, map[string]any{kind: name, "removed": true})
			rows = append(rows, []string{"deleted " + name})
		}
		if perr := a.print(gone, nil, rows); err == nil {
			err = perr
		}
		return err
	})
}

func (a *app) printService(s *client.Service) error {
	rows := [][]string{
		{"name", s.Name}, {"id", s.ID}, {"description", s.Description}, {"quota", quotaText(s.Quota)},
		{"egress", s.Egress}, {"logs", retentionText(s.LogRetentionDays)}, {"created", s.CreatedAt.Local().Format(time.DateTime)},
	}
	for _, name := range slices.Sorted(maps.Keys(s.Env)) {
		rows = append(rows, []string{"env", name + "=" + s.Env[name]})
	}
	return a.print(s, nil, rows)
}

func retentionText(days int) string {
	if days == 0 {
		return "kept as the node does"
	}
	return fmt.Sprintf("kept %d days", days)
}

func quotaText(q client.Quota) string {
	var parts []string
	for _, p := range []struct {
		n    int64
		what string
	}{
		{int64(q.Concurrency), " at once"}, {int64(q.MemoryMB), " MB"}, {int64(q.RequestsPerSecond), "/s"},
		{int64(q.Functions), " functions"}, {int64(q.Events), " events"}, {q.CodeStorageMB, " MB of code"},
	} {
		if p.n > 0 {
			parts = append(parts, strconv.FormatInt(p.n, 10)+p.what)
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// secretVerb manages secrets.
func (a *app) secretVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "secret",
		Short: "Put, list, rotate, reveal and delete secrets",
		Long: "A secret is a value that functions find in their environment and nobody reads back. A\n" +
			"function refers to it as secret://NAME, or secret://NAME#3 to stay with version 3, in its\n" +
			"env. Instances that have an old value are replaced when there is a new one; nothing needs\n" +
			"to be deployed.",
		Example: "  ebb secret put db-password\n  ebb secret put tls-key --file key.pem",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.secretPut(), a.secretLs(), a.secretShow(), a.secretRotate(), a.secretReveal(), a.secretRm())
	return cmd
}

// maxSecret bounds a value, in bytes.
const maxSecret = 64 << 10

func (a *app) secretPut() *cobra.Command {
	var file, description string
	cmd := &cobra.Command{
		Use:   "put NAME",
		Short: "Make a secret, or give it a new value",
		Long: "Put reads the value from the standard input, without the newline at its end, or from a file,\n" +
			"as it is. On a terminal it asks for it, unseen. There is no flag for the value: every user of\n" +
			"the machine sees command lines.",
		Example: "  ebb secret put db-password\n  pass show db | ebb secret put db-password\n  ebb secret put tls-key --file key.pem",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			value, err := a.secretValue(file)
			if err != nil {
				return err
			}
			var about *string
			if cmd.Flags().Changed("description") {
				about = &description
			}
			return a.withClient(func(c *client.Client) error {
				s, err := c.PutSecret(cmd.Context(), given[0], value, about)
				if err != nil {
					return err
				}
				return a.printPut("put", s)
			})
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "read the value from `FILE`")
	cmd.Flags().StringVar(&description, "description", "", "`TEXT` for people")
	return cmd
}

// secretValue reads a value from a file, a terminal or the standard input.
func (a *app) secretValue(file string) ([]byte, error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, usagef("--file: %w", err)
		}
		defer func() { _ = f.Close() }()
		return limited(f)
	}
	if in, ok := a.in.(*os.File); ok && terminal(a.in) {
		_, _ = fmt.Fprint(a.errs, "value: ")
		value, err := term.ReadPassword(int(in.Fd()))
		_, _ = fmt.Fprintln(a.errs)
		return value, err
	}
	value, err := limited(a.in)
	return bytes.TrimSuffix(value, []byte("\n")), err
}

func limited(r io.Reader) ([]byte, error) {
	value, err := io.ReadAll(io.LimitReader(r, maxSecret+2))
	if err == nil && len(value) > maxSecret+1 {
		err = usagef("the value is larger than %d bytes", maxSecret)
	}
	return value, err
}

func (a *app) secretLs() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the secrets of the service, without their values",
		Example: "  ebb secret ls",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(func(c *client.Client) error {
				all, err := c.Secrets(cmd.Context())
				if err != nil {
					return err
				}
				var rows [][]string
				for _, s := range all {
					rows = append(rows, []string{s.Name, strconv.FormatInt(s.Current, 10), whenText(&s.LastModified, ""), s.Description})
				}
				if all == nil {
					all = []client.Secret{}
				}
				return a.print(all, []string{"NAME", "VERSION", "MODIFIED", "DESCRIPTION"}, rows)
			})
		},
	}
}

func (a *app) secretShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show NAME",
		Short:   "Show a secret and its versions, without values",
		Example: "  ebb secret show db-password",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				s, err := c.Secret(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				rows := [][]string{{"name", s.Name}, {"reference", s.Reference}, {"description", s.Description}}
				for _, v := range s.Versions {
					current := ""
					if v.Number == s.Current {
						current = "  current"
					}
					rows = append(rows, []string{"version", fmt.Sprintf("%d  %s  %d bytes%s", v.Number, whenText(&v.CreatedAt, ""), v.Size, current)})
				}
				return a.print(s, nil, rows)
			})
		},
	}
}

func (a *app) secretRotate() *cobra.Command {
	var length int
	var master bool
	cmd := &cobra.Command{
		Use:   "rotate NAME | --master-key",
		Short: "Give a secret a random value, or the platform a new master key",
		Long: "Rotate gives a secret a random value of letters and digits, for secrets whose other side takes\n" +
			"its value from ebb too. To give it a value of your own, put it again.\n" +
			"With --master-key every value of the platform is put under a new master key. A backup made\n" +
			"before needs the old one: keep a copy of both.",
		Example: "  ebb secret rotate session-key --length 64\n  ebb secret rotate --master-key",
		Args:    args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if master == (len(given) == 1) {
				return usagef("either the name of a secret or --master-key")
			}
			return a.withClient(func(c *client.Client) error {
				if master {
					id, err := c.RotateMasterKey(cmd.Context())
					if err != nil {
						return err
					}
					return a.print(map[string]string{"id": id}, nil, [][]string{{"new master key " + id}})
				}
				s, err := c.RotateSecret(cmd.Context(), given[0], length)
				if err != nil {
					return err
				}
				return a.printPut("rotated", s)
			})
		},
	}
	cmd.Flags().IntVar(&length, "length", 0, "`N` letters and digits, 16 to 1024 (default 40)")
	cmd.Flags().BoolVar(&master, "master-key", false, "replace the platform's master key")
	return cmd
}

func (a *app) secretReveal() *cobra.Command {
	var version int64
	cmd := &cobra.Command{
		Use:     "reveal NAME",
		Short:   "Print the value of a secret; the platform writes down who asked",
		Example: "  ebb secret reveal db-password",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				value, number, err := c.RevealSecret(cmd.Context(), given[0], version)
				if err != nil {
					return err
				}
				if a.output == outJSON {
					return a.print(map[string]any{"name": given[0], "version": number, "valueBase64": value}, nil, nil)
				}
				if terminal(a.out) {
					value = append(value, '\n')
				}
				_, err = a.out.Write(value)
				return err
			})
		},
	}
	cmd.Flags().Int64Var(&version, "version", 0, "the value of version `N` instead of the current one")
	return cmd
}

func (a *app) secretRm() *cobra.Command {
	var yes, force bool
	cmd := &cobra.Command{
		Use:     "rm NAME...",
		Aliases: []string{"remove", "delete"},
		Short:   "Delete secrets that nothing refers to",
		Example: "  ebb secret rm db-password",
		Args:    args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.delete(cmd.Context(), "secret", given, yes, func(c *client.Client, ctx context.Context, name string) error {
				return c.DeleteSecret(ctx, name, force)
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	cmd.Flags().BoolVar(&force, "force", false, "also if a function refers to it, which then cannot start any more")
	return cmd
}

func (a *app) printPut(done string, s *client.Secret) error {
	return a.print(s, nil, [][]string{{fmt.Sprintf("%s %s, version %d: %s", done, s.Name, s.Current, s.Reference)}})
}

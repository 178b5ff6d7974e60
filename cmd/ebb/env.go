package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// variable is one line of 'ebb env'.
type variable struct{ name, value string }

// envVerb prints what other tools need to find the platform.
func (a *app) envVerb() *cobra.Command {
	var shell string
	cmd := &cobra.Command{
		Use:   "env",
		Short: "Print the variables that point AWS tools at the platform",
		Long: "Env prints lines for a shell to run, after which the AWS CLI, the AWS SDKs, curl and ebb\n" +
			"itself find the platform and have credentials. They contain the root secret.",
		Example: "  eval \"$(ebb env --data DIR)\"\n" +
			"  ebb env --shell fish | source\n" +
			"  ebb env --shell powershell | Invoke-Expression",
		Args: args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			cfg, err := a.where()
			if err != nil {
				return err
			}
			vars := variables(cfg)
			if a.output == outJSON {
				object := map[string]string{}
				for _, v := range vars {
					object[v.name] = v.value
				}
				return a.print(object, nil, nil)
			}
			if shell == "" {
				shell = shellOf(os.Getenv("SHELL"))
			}
			for _, v := range vars {
				line, err := export(shell, v)
				if err != nil {
					return err
				}
				if _, err := fmt.Fprintln(a.out, line); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&shell, "shell", "", "`SHELL` to write for: bash, zsh, fish or powershell (default from $SHELL)")
	_ = cmd.RegisterFlagCompletionFunc("shell", cobra.FixedCompletions(shells(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

// shells is what completion and env write for.
func shells() []string { return []string{"bash", "zsh", "fish", "powershell"} }

// variables are the names that AWS tools read, and ebb's own two.
func variables(cfg client.Config) []variable {
	vars := []variable{
		{"AWS_ACCESS_KEY_ID", cfg.AccessKeyID},
		{"AWS_SECRET_ACCESS_KEY", cfg.SecretAccessKey},
		{"AWS_REGION", cfg.Region},
		{"AWS_DEFAULT_REGION", cfg.Region},
		{"AWS_ENDPOINT_URL", cfg.Endpoint},
	}
	// An older session's token would spoil every signature made with these keys.
	for _, v := range []variable{
		{"AWS_SESSION_TOKEN", cfg.SessionToken}, {"EBB_TOKEN", cfg.Token}, {"EBB_GATEWAY", cfg.Gateway}, {"EBB_SERVICE", cfg.Service},
	} {
		if v.value != "" {
			vars = append(vars, v)
		}
	}
	return vars
}

// shellOf guesses the kind of shell from $SHELL; bash's syntax is the one that
// most understand.
func shellOf(path string) string {
	switch filepath.Base(path) {
	case "fish":
		return "fish"
	case "pwsh", "powershell", "powershell.exe":
		return "powershell"
	}
	return "bash"
}

// export is one line that sets a variable in a shell.
func export(shell string, v variable) (string, error) {
	switch shell {
	case "bash", "zsh":
		return "export " + v.name + "='" + strings.ReplaceAll(v.value, "'", `'\''`) + "'", nil
	case "fish":
		return "set -gx " + v.name + " '" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(v.value) + "'", nil
	case "powershell":
		return "$env:" + v.name + " = '" + strings.ReplaceAll(v.value, "'", "''") + "'", nil
	}
	return "", usagef("--shell: %q is none of %s", shell, strings.Join(shells(), ", "))
}

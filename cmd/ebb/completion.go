package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// completionVerb prints a script that teaches a shell ebb's verbs and flags.
func (a *app) completionVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the completion script of a shell",
		Example: "  source <(ebb completion bash)\n" +
			"  ebb completion zsh > \"${fpath[1]}/_ebb\"\n" +
			"  ebb completion fish | source\n" +
			"  ebb completion powershell | Out-String | Invoke-Expression",
		Args:                  args(cobra.ExactArgs(1)),
		ValidArgs:             shells(),
		DisableFlagsInUseLine: true,
		RunE: func(cmd *cobra.Command, given []string) error {
			root := cmd.Root()
			switch given[0] {
			case "bash":
				return root.GenBashCompletionV2(a.out, true)
			case "zsh":
				return root.GenZshCompletion(a.out)
			case "fish":
				return root.GenFishCompletion(a.out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.out)
			}
			return usagef("%q is none of %s", given[0], strings.Join(shells(), ", "))
		},
	}
}

package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/ebb"
)

// workflowInit writes a small workflow with its tests and a function.
func (a *app) workflowInit() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "init NAME",
		Short: "Write a small workflow: a definition, its tests, a function, ebb.yaml",
		Long:  "Init writes a workflow that can be tested, deployed and run at once into the new folder NAME (or\n--into). It never overwrites a file.",
		Example: "  ebb workflow init hello\n" +
			"  ebb workflow init settle --into workflows/settle",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, given []string) error {
			name := given[0]
			// Its function is called like it, and a little longer.
			if !ebb.ValidFunctionName(name + "-greet") {
				return usagef("%q is no name for a workflow and its function: 1 to 58 letters, digits, - or _", name)
			}
			p := project{Name: name, Runtime: "python3", Dir: dir}
			if p.Dir == "" {
				p.Dir = name
			}
			if err := p.write("workflow"); err != nil {
				return err
			}
			a.note("next: ebb workflow test %s && ebb deploy %s && ebb workflow run %s --input @%s --watch", p.Dir, p.Dir, name, filepath.Join(p.Dir, "event.json"))
			rows := make([][]string, len(p.Files))
			for i, f := range p.Files {
				rows[i] = []string{filepath.Join(p.Dir, f)}
			}
			return a.print(p, nil, rows)
		},
	}
	cmd.Flags().StringVar(&dir, "into", "", "`DIR` to write to (default the workflow's name)")
	_ = cmd.MarkFlagDirname("into")
	return cmd
}

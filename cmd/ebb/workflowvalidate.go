package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/asl"
)

// workflowValidate checks definitions without a platform.
func (a *app) workflowValidate() *cobra.Command {
	var strict bool
	var kind string
	cmd := &cobra.Command{
		Use: "validate [FOLDER|FILE]...", Aliases: []string{"lint"},
		Short: "List all that is wrong with definitions, without a platform",
		Long: "Validate reads definitions in JSON or YAML, or those of an ebb.yaml, and prints every problem of\n" +
			"each with file, line, column and path. It needs no platform.\n\n" +
			"Exit codes: 0 valid (warnings are shown), 2 not valid, or with --strict a warning.",
		Example: "  ebb workflow validate hello.asl.json\n  ebb workflow validate services/* --strict -o json",
		RunE: func(_ *cobra.Command, given []string) error {
			if kind != "" && kind != "STANDARD" && kind != "EXPRESS" {
				return usagef("--type: must be STANDARD or EXPRESS")
			}
			if len(given) == 0 {
				given = []string{"."}
			}
			return a.validateWorkflows(given, kind, strict)
		},
	}
	cmd.Flags().BoolVar(&strict, "strict", false, "take warnings for errors")
	cmd.Flags().StringVar(&kind, "type", "", "check for this `TYPE`, STANDARD or EXPRESS (default what ebb.yaml says, else STANDARD)")
	return cmd
}

// validated is the result for one definition.
type validated struct {
	Workflow string    `json:"workflow"`
	File     string    `json:"file"`
	Valid    bool      `json:"valid"`
	Problems []finding `json:"problems"`
}

func (a *app) validateWorkflows(paths []string, kind string, strict bool) error {
	results, bad := []validated{}, 0
	var rows [][]string
	for _, path := range paths {
		all, err := sourcesOf(path)
		if err != nil {
			return err
		}
		for _, s := range all {
			if kind != "" {
				s.Type = kind
			}
			_, problems := s.check()
			r := validated{Workflow: s.Name, File: s.definition.File, Problems: problems}
			r.Valid = !slices.ContainsFunc(problems, func(f finding) bool { return strict || f.Severity == string(asl.SeverityError) })
			if !r.Valid {
				bad++
			}
			if r.Problems == nil {
				r.Problems = []finding{}
			}
			results = append(results, r)
			for _, f := range problems {
				rows = append(rows, []string{f.text()})
			}
			if len(problems) == 0 {
				rows = append(rows, []string{r.File + ": " + s.Name + " is valid"})
			}
		}
	}
	if err := a.print(results, nil, rows); err != nil {
		return err
	}
	if bad > 0 {
		return usagef("%s not valid", count(bad, "workflow is", "workflows are"))
	}
	return nil
}

// count is a number with the word that goes with it.
func count(n int, one, many string) string {
	if n == 1 {
		return fmt.Sprint(n, " ", one)
	}
	return fmt.Sprint(n, " ", many)
}

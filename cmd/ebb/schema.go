package main

import (
	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/manifest"
)

// schemaVerb prints the JSON Schema of ebb.yaml.
func (a *app) schemaVerb() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of ebb.yaml, for editors",
		Long: "Schema prints what may stand in an ebb.yaml. Editors that know YAML complete and check by it:\n" +
			"put '# yaml-language-server: $schema=ebb.schema.json' into the first line.",
		Example: "  ebb schema > ebb.schema.json",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(manifest.Schema())
			return err
		},
	}
}

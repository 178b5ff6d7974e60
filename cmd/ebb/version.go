package main

import (
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/ebb-faas/ebb/internal/server"
)

// build is the result of 'ebb version'.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// versionVerb says which ebb this is.
func (a *app) versionVerb() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of this program",
		Example: "  ebb version\n  ebb version -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			b := build{Version: server.Version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
			if about, ok := debug.ReadBuildInfo(); ok {
				for _, s := range about.Settings {
					if s.Key == "vcs.revision" {
						b.Commit = s.Value
					}
				}
			}
			line := "ebb " + b.Version + " " + b.Platform + " " + b.Go
			if b.Commit != "" {
				line += " commit " + b.Commit
			}
			return a.print(b, nil, [][]string{{line}})
		},
	}
}

package main

import (
	"encoding/json"
	"strings"

	"github.com/spf13/cobra"
)

// directorySettings are what triggerDirectory sets.
type directorySettings struct {
	Path      string `json:"path"`
	Recursive bool   `json:"recursive,omitempty"`
	Prefix    string `json:"prefix,omitempty"`
	Suffix    string `json:"suffix,omitempty"`
	Glob      string `json:"glob,omitempty"`
	Complete  string `json:"complete,omitempty"`
	StableFor int    `json:"stableFor,omitempty"`
	Marker    string `json:"marker,omitempty"`
	Every     int    `json:"every,omitempty"`
	After     string `json:"after,omitempty"`
	Archive   string `json:"archive,omitempty"`
	Failed    string `json:"failed,omitempty"`
}

// triggerDirectory makes a trigger on the files of a folder without writing JSON.
func (a *app) triggerDirectory() *cobra.Command {
	var s directorySettings
	var t triggerFlags
	cmd := &cobra.Command{
		Use:   "directory TRIGGER TARGET --path FOLDER",
		Short: "Make or change a trigger that takes the files of a folder",
		Long: "Directory makes a trigger on files that appear in a folder of the host, when they are complete,\n" +
			"or changes the one of that name. The node's configuration says which folders there are.",
		Example: "  ebb trigger directory drop import --path /srv/drop --suffix .csv --complete rename --archive done --failed error",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if s.Path == "" {
				return usagef("--path: missing")
			}
			if s.Archive != "" && s.After == "" {
				s.After = "archive"
			}
			settings, err := t.read(given[1])
			if err != nil {
				return err
			}
			if settings.Directory, err = json.Marshal(s); err != nil {
				return err
			}
			return a.putTrigger(cmd.Context(), given[0], settings)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.Path, "path", "", "the `FOLDER`, absolute")
	f.BoolVar(&s.Recursive, "recursive", false, "also files of the folders in it")
	f.StringVar(&s.Prefix, "prefix", "", "`TEXT` that paths from the folder on begin with")
	f.StringVar(&s.Suffix, "suffix", "", "`TEXT` that they end in")
	f.StringVar(&s.Glob, "glob", "", "`PATTERN` of names, with *, ? and [a-z]")
	f.StringVar(&s.Complete, "complete", "", "`HOW` it is seen that a file is complete: stable, rename or marker (default stable)")
	f.IntVar(&s.StableFor, "stable-for", 0, "`SECONDS` without a change (default 5)")
	f.StringVar(&s.Marker, "marker", "", "`ENDING` of the file that says that another is complete (default .ok)")
	f.IntVar(&s.Every, "every", 0, "`SECONDS` after which the folder is looked at in any case (default 10)")
	f.StringVar(&s.After, "after", "", "`WHAT` becomes of a file whose task succeeded: keep, delete or archive (default keep)")
	f.StringVar(&s.Archive, "archive", "", "`FOLDER` within for files whose task succeeded; implies --after archive")
	f.StringVar(&s.Failed, "failed", "", "`FOLDER` within for files whose task was given up")
	for flag, words := range map[string]string{"complete": "stable rename marker", "after": "keep delete archive"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(strings.Fields(words), cobra.ShellCompDirectiveNoFileComp))
	}
	t.add(cmd, true)
	return cmd
}

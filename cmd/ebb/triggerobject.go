package main

import (
	"encoding/json"

	"github.com/spf13/cobra"
)

// objectSettings are what triggerObject sets; ebb trigger put takes all there is.
type objectSettings struct {
	Bucket string   `json:"bucket"`
	Events []string `json:"events,omitempty"`
	Prefix string   `json:"prefix,omitempty"`
	Suffix string   `json:"suffix,omitempty"`
}

// triggerObject makes a trigger on the objects of a bucket without writing JSON.
func (a *app) triggerObject() *cobra.Command {
	var s objectSettings
	var t triggerFlags
	cmd := &cobra.Command{
		Use:   "object TRIGGER TARGET --bucket BUCKET",
		Short: "Make or change a trigger that takes the events of a bucket's objects",
		Long: "Object makes a trigger on objects that are created or removed in a bucket of the platform's own\n" +
			"S3 endpoint, or changes the one of that name. Buckets of other stores, by webhook, topic or\n" +
			"looking, are set with ebb trigger put.",
		Example: "  ebb trigger object incoming import:prod --bucket inbox --prefix 2026/ --suffix .csv\n" +
			"  ebb trigger object gone audit --bucket inbox --event 's3:ObjectRemoved:*'",
		Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if s.Bucket == "" {
				return usagef("--bucket: missing")
			}
			settings, err := t.read(given[1])
			if err != nil {
				return err
			}
			if settings.Object, err = json.Marshal(s); err != nil {
				return err
			}
			return a.putTrigger(cmd.Context(), given[0], settings)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.Bucket, "bucket", "", "the `BUCKET`")
	f.StringSliceVar(&s.Events, "event", nil, "`EVENT` as S3 names it; may be given again (default s3:ObjectCreated:*)")
	f.StringVar(&s.Prefix, "prefix", "", "`TEXT` that keys begin with")
	f.StringVar(&s.Suffix, "suffix", "", "`TEXT` that keys end in")
	t.add(cmd, true)
	return cmd
}

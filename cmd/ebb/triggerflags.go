package main

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// triggerFlags are what all kinds of triggers have whose events become tasks.
type triggerFlags struct {
	settings client.TriggerSettings
	retries  int
	age      time.Duration
	filters  []string
	flags    *pflag.FlagSet
}

// add has a verb take the flags; filters only where events differ.
func (t *triggerFlags) add(cmd *cobra.Command, filters bool) {
	t.flags = cmd.Flags()
	t.flags.StringVar(&t.settings.Description, "description", "", "`TEXT` for people")
	t.flags.IntVar(&t.retries, "retries", 0, "a delivery that failed is tried again `N` times (default as the function says)")
	t.flags.DurationVar(&t.age, "max-age", 0, "deliveries older than this `DURATION` are given up (default as the function says)")
	t.flags.StringVar(&t.settings.OnFailure, "on-failure", "", "a function or an `ARN` for what was given up")
	t.flags.BoolVar(&t.settings.Paused, "paused", false, "take no events yet")
	if filters {
		t.flags.StringArrayVar(&t.filters, "filter", nil, "event `PATTERN` that events must match; may be given again")
	}
}

// read is what the flags say of a trigger.
func (t *triggerFlags) read(target string) (client.TriggerSettings, error) {
	s := t.settings
	s.Target, s.MaxAge = target, int(t.age/time.Second)
	if t.flags.Changed("retries") {
		s.MaxRetries = &t.retries
	}
	var err error
	s.Filters, err = readFilters(t.filters)
	return s, err
}

// readFilters reads what --filter was given.
func readFilters(given []string) (filters []json.RawMessage, err error) {
	for _, f := range given {
		if !json.Valid([]byte(f)) {
			return nil, usagef("--filter: not JSON: %s", f)
		}
		filters = append(filters, json.RawMessage(f))
	}
	return filters, nil
}

package main

import (
	"encoding/json"

	"github.com/spf13/cobra"
)

// triggerEvent makes a rule of the event bus without writing JSON.
func (a *app) triggerEvent() *cobra.Command {
	var pattern string
	var t triggerFlags
	cmd := &cobra.Command{
		Use:   "event TRIGGER TARGET --pattern PATTERN",
		Short: "Make or change a rule of the event bus",
		Long: "Event makes a rule that has the events of the bus that match a pattern delivered, or changes the\n" +
			"one of that name. Patterns are EventBridge's. What the target gets in place of the event is set\n" +
			"with ebb trigger put.",
		Example: `  ebb trigger event orders ship --pattern '{"source": ["shop.orders"], "detail": {"total": [{"numeric": [">", 100]}]}}'`,
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			switch {
			case pattern == "":
				return usagef("--pattern: missing")
			case !json.Valid([]byte(pattern)):
				return usagef("--pattern: not JSON")
			}
			settings, err := t.read(given[1])
			if err != nil {
				return err
			}
			if settings.Event, err = json.Marshal(map[string]json.RawMessage{"pattern": json.RawMessage(pattern)}); err != nil {
				return err
			}
			return a.putTrigger(cmd.Context(), given[0], settings)
		},
	}
	cmd.Flags().StringVar(&pattern, "pattern", "", "`PATTERN` of the events that it asks for, JSON")
	t.add(cmd, false)
	return cmd
}

package main

import (
	"encoding/json"
	"strconv"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// eventVerb puts events on the event bus.
func (a *app) eventVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "event",
		Short: "Put events on the event bus",
		Long: "Every service has an event bus. Rules, which are triggers of kind event, have the events that\n" +
			"they ask for delivered to functions and workflows.",
		Example: "  ebb event put shop.orders OrderPlaced --data '{\"total\": 5}'",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.eventPut())
	return cmd
}

func (a *app) eventPut() *cobra.Command {
	e := client.CloudEvent{}
	var data string
	cmd := &cobra.Command{
		Use:   "put SOURCE TYPE",
		Short: "Put one event, a CloudEvent, on the bus",
		Long: "Put sends one event and says how many rules asked for it. With --id, the same event again is\n" +
			"recognised and not delivered again.",
		Example: "  ebb event put shop.orders OrderPlaced --data '{\"total\": 5}'\n  ebb event put shop.orders OrderPlaced --id 4711 --subject order/4711",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			e.Source, e.Type = given[0], given[1]
			if data != "" {
				e.Data = json.RawMessage(data)
				if !json.Valid(e.Data) {
					return usagef("--data: not JSON")
				}
			}
			if e.ID == "" {
				e.ID = uuid.NewString()
			}
			return a.withClient(func(c *client.Client) error {
				put, err := c.PutEvents(cmd.Context(), []client.CloudEvent{e})
				if err != nil {
					return err
				}
				line := "put " + put[0].ID + "; rules that asked for it: " + strconv.Itoa(put[0].Matched)
				if put[0].Duplicate {
					line = put[0].ID + " was put before; nothing is delivered again"
				}
				return a.print(put[0], nil, [][]string{{line}})
			})
		},
	}
	cmd.Flags().StringVar(&data, "data", "", "what happened, as `JSON`")
	cmd.Flags().StringVar(&e.ID, "id", "", "`ID` of the event for its source (default a new one)")
	cmd.Flags().StringVar(&e.Subject, "subject", "", "`SUBJECT`: what it is about")
	return cmd
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// triggerVerb manages what starts functions and workflows.
func (a *app) triggerVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trigger",
		Short: "Make, change, try and watch what starts functions by itself",
		Long: "A trigger has events delivered to a function or a workflow: by the clock, from Kafka, when a\n" +
			"file or an object arrives, from the event bus or from an HTTP route.",
		Example: "  ebb trigger ls\n  ebb trigger timer nightly report --schedule 'cron(0 2 * * ? *)' --timezone Asia/Shanghai",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.triggerLs(), a.triggerShow(), a.triggerTimer(), a.triggerHTTP(), a.triggerObject(), a.triggerDirectory(), a.triggerEvent(), a.triggerPut(), a.triggerPause(), a.triggerResume(),
		a.triggerTest(), a.triggerFires(), a.triggerRm(), a.triggerKafka(), a.triggerSeek())
	return cmd
}

func (a *app) triggerLs() *cobra.Command {
	var kind, target string
	cmd := &cobra.Command{
		Use: "ls", Aliases: []string{"list"},
		Short:   "List the triggers and what they have done",
		Example: "  ebb trigger ls --target report\n  ebb trigger ls --kind kafka",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(func(c *client.Client) error {
				all, err := c.Triggers(cmd.Context(), kind, target)
				if err != nil {
					return err
				}
				if all == nil {
					all = []client.Trigger{}
				}
				var rows [][]string
				for _, t := range all {
					rows = append(rows, []string{t.Name, t.Kind, shortTarget(t.Target), triggerHealth(&t), moment(t.State.NextAt), moment(t.State.LastAt), lag(&t),
						decimal(t.State.Counts.Taken), decimal(t.State.Counts.Delivered), decimal(t.State.Counts.Retried), decimal(t.State.Counts.Failed + t.State.Counts.Dead)})
				}
				return a.print(all, []string{"TRIGGER", "KIND", "TARGET", "STATE", "NEXT", "LAST", "LAG", "TAKEN", "DELIVERED", "RETRIED", "GIVEN UP"}, rows)
			})
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "only this `KIND`: timer, kafka, object, directory, event or http")
	cmd.Flags().StringVar(&target, "target", "", "only with this `TARGET`: a function or an ARN")
	return cmd
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// lag is how many events wait, where that is known.
func lag(t *client.Trigger) string {
	if t.State.Lag == nil {
		return "-"
	}
	return decimal(*t.State.Lag)
}

// shortTarget is a target for people: what its ARN says at the end.
func shortTarget(arn string) string {
	if p := strings.SplitN(arn, ":", 7); len(p) == 7 && p[0] == "arn" {
		return p[6]
	}
	return arn
}

// triggerHealth is a trigger's state, and since when it is failing.
func triggerHealth(t *client.Trigger) string {
	if t.State.Since != nil && !t.Paused {
		return t.State.Status + " since " + moment(t.State.Since)
	}
	return t.State.Status
}

func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}

func (a *app) triggerShow() *cobra.Command {
	return &cobra.Command{
		Use:     "show TRIGGER",
		Short:   "Print all about a trigger, as JSON",
		Example: "  ebb trigger show nightly",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				t, err := c.Trigger(cmd.Context(), given[0])
				if err != nil {
					return err
				}
				text, err := json.MarshalIndent(t, "", "  ")
				if err != nil {
					return err
				}
				return a.print(t, nil, [][]string{{string(text)}})
			})
		},
	}
}

func (a *app) triggerPut() *cobra.Command {
	return &cobra.Command{
		Use:   "put TRIGGER FILE",
		Short: "Make or change a trigger of any kind from a JSON file; - is standard input",
		Long: "Put reads what a user says of a trigger: target, one of timer, kafka, object, directory, event\n" +
			"and http with its settings, and perhaps filters, maxRetries, maxAge, onFailure, paused.",
		Example: "  ebb trigger put payments payments.json",
		Args:    args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			text, err := a.readInput(given[1])
			if err != nil {
				return err
			}
			var s client.TriggerSettings
			if err := json.Unmarshal(text, &s); err != nil {
				return usagef("%s: %v", given[1], err)
			}
			return a.putTrigger(cmd.Context(), given[0], s)
		},
	}
}

// readInput reads a file, or standard input for "-".
func (a *app) readInput(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(a.in)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usagef("%v", err)
	}
	return text, nil
}

// putTrigger makes a trigger, or changes the one of its name.
func (a *app) putTrigger(ctx context.Context, name string, s client.TriggerSettings) error {
	return a.withClient(func(c *client.Client) error {
		did := "changed"
		t, err := c.UpdateTrigger(ctx, name, s, 0)
		if said, ok := errors.AsType[*client.Error](err); ok && said.Status == http.StatusNotFound && strings.HasPrefix(said.Message, "Trigger not found") {
			did = "made"
			t, err = c.CreateTrigger(ctx, name, s)
		}
		if err != nil {
			return err
		}
		line := did + " " + name
		if t.State.NextAt != nil {
			line += ", due " + moment(t.State.NextAt)
		}
		return a.print(t, nil, [][]string{{line}})
	})
}

func (a *app) triggerPause() *cobra.Command {
	return a.triggerSwitch("pause", "Stop a trigger taking events; nothing that its source keeps is lost", "paused",
		(*client.Client).PauseTrigger)
}

func (a *app) triggerResume() *cobra.Command {
	return a.triggerSwitch("resume", "Let a trigger take events again", "resumed", (*client.Client).ResumeTrigger)
}

func (a *app) triggerSwitch(verb, short, did string, do func(*client.Client, context.Context, string) (*client.Trigger, error)) *cobra.Command {
	return &cobra.Command{
		Use: verb + " TRIGGER", Short: short, Example: "  ebb trigger " + verb + " nightly", Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				t, err := do(c, cmd.Context(), given[0])
				if err != nil {
					return err
				}
				return a.print(t, nil, [][]string{{did + " " + given[0]}})
			})
		},
	}
}

func (a *app) triggerTest() *cobra.Command {
	var event string
	cmd := &cobra.Command{
		Use:     "test TRIGGER",
		Short:   "Deliver one event now: a sample, or one of your own",
		Example: "  ebb trigger test nightly\n  ebb trigger test payments --event '{\"amount\": 5}'",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if event != "" && !json.Valid([]byte(event)) {
				return usagef("--event: not JSON")
			}
			return a.withClient(func(c *client.Client) error {
				task, err := c.TestTrigger(cmd.Context(), given[0], json.RawMessage(event))
				if err != nil {
					return err
				}
				return a.print(map[string]string{"task": task}, nil, [][]string{{"became task " + task}})
			})
		},
	}
	cmd.Flags().StringVar(&event, "event", "", "the event, as `JSON`")
	return cmd
}

func (a *app) triggerFires() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:     "fires TRIGGER",
		Short:   "List when a timer was due and what became of it",
		Example: "  ebb trigger fires nightly --limit 30",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				fires, err := c.Fires(cmd.Context(), given[0], limit)
				if err != nil {
					return err
				}
				var rows [][]string
				for _, f := range fires {
					rows = append(rows, []string{moment(&f.Due), moment(&f.At), f.Outcome, f.Task})
				}
				return a.print(fires, []string{"DUE", "HANDLED", "OUTCOME", "TASK"}, rows)
			})
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 20, "at most `N`, the latest first")
	return cmd
}

func (a *app) triggerRm() *cobra.Command {
	return &cobra.Command{
		Use: "rm TRIGGER", Aliases: []string{"remove", "delete"},
		Short: "Delete a trigger; what it has handed over runs on", Example: "  ebb trigger rm nightly",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				if err := c.DeleteTrigger(cmd.Context(), given[0]); err != nil {
					return err
				}
				return a.print(map[string]any{"trigger": given[0], "removed": true}, nil, [][]string{{fmt.Sprintf("deleted %s", given[0])}})
			})
		},
	}
}

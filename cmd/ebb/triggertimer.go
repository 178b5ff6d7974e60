package main

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// timerSettings are a timer's settings.
type timerSettings struct {
	Schedule    string          `json:"schedule"`
	Timezone    string          `json:"timezone,omitempty"`
	Start       *time.Time      `json:"start,omitempty"`
	End         *time.Time      `json:"end,omitempty"`
	Calendar    string          `json:"calendar,omitempty"`
	Days        string          `json:"days,omitempty"`
	Roll        string          `json:"roll,omitempty"`
	BusinessDay int             `json:"businessDay,omitempty"`
	Misfire     string          `json:"misfire,omitempty"`
	Grace       int             `json:"grace,omitempty"`
	CatchUp     int             `json:"catchUp,omitempty"`
	Overlap     string          `json:"overlap,omitempty"`
	Jitter      int             `json:"jitter,omitempty"`
	DeleteAfter bool            `json:"deleteAfter,omitempty"`
	Input       json.RawMessage `json:"input,omitempty"`
}

// timerFlags are the flags that say them, and what all triggers have.
type timerFlags struct {
	timerSettings
	triggerFlags

	start, end, input      string
	jitter, grace, catchUp time.Duration
}

// triggerTimer makes the most common trigger without writing JSON.
func (a *app) triggerTimer() *cobra.Command {
	var t timerFlags
	cmd := &cobra.Command{
		Use:   "timer TRIGGER TARGET --schedule EXPRESSION",
		Short: "Make or change a timer",
		Long: "Timer makes a trigger that fires by the clock, or changes the one of that name. Expressions:\n\n" +
			"  cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR)          as EventBridge has it; Sunday is 1, one day field is ?\n" +
			"  cron(SECOND MINUTE HOUR DAY MONTH WEEKDAY YEAR)   the same with seconds\n" +
			"  SECOND MINUTE HOUR DAY MONTH WEEKDAY [YEAR]       as Quartz and XXL-JOB have it\n" +
			"  rate(5 minutes)                                   seconds, minutes, hours or days\n" +
			"  at(2026-11-22T18:30:00)                           once",
		Example: "  ebb trigger timer nightly report:prod --schedule 'cron(0 2 * * ? *)' --timezone Asia/Shanghai\n" +
			"  ebb trigger timer month-end close --schedule 'cron(0 22 * * ? *)' --calendar cn --days month-end-1",
		Args: args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			settings, err := t.read(given[1])
			if err != nil {
				return err
			}
			return a.putTrigger(cmd.Context(), given[0], settings)
		},
	}
	t.add(cmd)
	return cmd
}

// add has a verb take the flags.
func (t *timerFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&t.Schedule, "schedule", "", "when it is due: an `EXPRESSION`")
	f.StringVar(&t.Timezone, "timezone", "", "`ZONE` of the expression (default UTC)")
	f.StringVar(&t.Calendar, "calendar", "", "`CALENDAR` of --days and the business date")
	f.StringVar(&t.Days, "days", "", "`RULE`: working, holiday, or month-end-2 and the like")
	f.StringVar(&t.Roll, "roll", "", "`WAY` to move what is due on a day off: following or preceding (default it is dropped)")
	f.StringVar(&t.Misfire, "misfire", "", "`POLICY` for what was missed: once, skip or all (default once)")
	f.StringVar(&t.Overlap, "overlap", "", "`POLICY` while the one before runs: allow, skip, queue or cancel (default allow)")
	f.DurationVar(&t.jitter, "jitter", 0, "spread fires over this `DURATION`")
	f.IntVar(&t.BusinessDay, "business-day", 0, "shift the business date by `N` working days, -1 = the one before")
	f.StringVar(&t.start, "start", "", "nothing is due before this `TIME`, RFC 3339")
	f.StringVar(&t.end, "end", "", "nothing is due after this `TIME`, RFC 3339")
	f.DurationVar(&t.grace, "grace", 0, "what is later than this `DURATION` was missed (default 1m)")
	f.DurationVar(&t.catchUp, "catch-up", 0, "with --misfire all: only what was missed for no longer than this `DURATION` (default 24h)")
	f.BoolVar(&t.DeleteAfter, "delete-after", false, "remove the trigger when it is never due again")
	f.StringVar(&t.input, "input", "", "`JSON` that the target gets instead of the event; <ebb.business-date> and the like are filled in")
	t.triggerFlags.add(cmd, false)
}

// read is what the flags say of a trigger.
func (t *timerFlags) read(target string) (settings client.TriggerSettings, err error) {
	if t.Schedule == "" {
		return settings, usagef("--schedule: missing")
	}
	if t.input != "" {
		if t.Input = json.RawMessage(t.input); !json.Valid(t.Input) {
			return settings, usagef("--input: not JSON")
		}
	}
	t.Jitter, t.Grace, t.CatchUp = int(t.jitter/time.Second), int(t.grace/time.Second), int(t.catchUp/time.Second)
	if t.Start, err = momentFlag("--start", t.start); err != nil {
		return settings, err
	}
	if t.End, err = momentFlag("--end", t.end); err != nil {
		return settings, err
	}
	if settings, err = t.triggerFlags.read(target); err != nil {
		return settings, err
	}
	settings.Timer, err = json.Marshal(t.timerSettings)
	return settings, err
}

// momentFlag is a time that a flag was given, or nil.
func momentFlag(flag, text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, usagef("%s: %q is not a time like 2026-11-22T18:30:00Z", flag, text)
	}
	return &at, nil
}

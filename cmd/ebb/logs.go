package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// logOptions are the flags of logs.
type logOptions struct {
	since, until string
	query        client.LogQuery
}

// logsVerb prints a function's log.
func (a *app) logsVerb() *cobra.Command {
	var opt logOptions
	var workflow bool
	cmd := &cobra.Command{
		Use:   "logs FUNCTION",
		Short: "Print a function's log",
		Long: "Logs prints what a function wrote and what ebb noted about its invocations, oldest first.\n" +
			"Times are this machine's. With -o json each line is one JSON object, times in UTC.\n\n" +
			"With --workflow the name is a workflow's, and the lines are what its logging configuration\n" +
			"asks for: events of all its executions, Express ones too. Request ids are names of executions.",
		Example: "  ebb logs hello -f --since 10m\n" +
			"  ebb logs hello --request 8f2d6c1e-3f0a-4c52-9a3e-0d6f5f5b8a10\n" +
			"  ebb logs hello --since 2026-11-22T08:00:00Z --until 1h --grep timeout -o json",
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.functionNames,
		RunE: func(cmd *cobra.Command, given []string) error {
			opt.query.Function = given[0]
			if workflow {
				opt.query.Function, opt.query.Workflow = "", given[0]
			}
			return a.logs(cmd.Context(), opt)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&workflow, "workflow", false, "the log of a workflow")
	f.BoolVarP(&opt.query.Follow, "follow", "f", false, "go on with new lines until interrupted")
	f.StringVar(&opt.since, "since", "", "not before `WHEN`: 10m, 2h, 3d ago, or a time such as 2026-11-22T08:00:00Z")
	f.StringVar(&opt.until, "until", "", "before `WHEN`, spelled like --since")
	f.StringVar(&opt.query.Request, "request", "", "only the invocation with this request `ID`")
	f.StringVar(&opt.query.Contains, "grep", "", "only lines that contain `TEXT`")
	f.IntVarP(&opt.query.Limit, "limit", "n", 0, "only the newest `N` lines (0 = all)")
	return cmd
}

func (a *app) logs(ctx context.Context, opt logOptions) error {
	now := time.Now()
	for _, t := range []struct {
		flag, text string
		dst        *time.Time
	}{{"since", opt.since, &opt.query.Since}, {"until", opt.until, &opt.query.Until}} {
		if t.text == "" {
			continue
		}
		when, err := parseWhen(t.text, now)
		if err != nil {
			return usagef("--%s: %w", t.flag, err)
		}
		*t.dst = when
	}
	if opt.query.Limit < 0 {
		return usagef("--limit: must not be negative")
	}
	c, err := a.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	onTerminal := terminal(a.out)
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	err = c.Logs(ctx, opt.query, func(l client.LogLine) error {
		if a.output == outJSON {
			return encoder.Encode(l)
		}
		_, err := fmt.Fprintln(a.out, logText(l, onTerminal, onTerminal && colourWanted()))
		return err
	})
	if opt.query.Follow && errors.Is(err, context.Canceled) {
		return nil // interrupted by the person who follows: that is how it ends
	}
	return err
}

// parseWhen reads a time, or how long before now it was.
func parseWhen(s string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is neither a time such as 2026-11-22T08:00:00Z nor an age such as 10m, 2h or 3d", s)
}

// Colours of log lines.
const (
	dim    = "\x1b[2m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	reset  = "\x1b[0m"
)

// colourWanted follows no-color.org and terminals that cannot.
func colourWanted() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// controls are the bytes that could make a terminal do things; colours (SGR) are
// let through.
var controls = regexp.MustCompile(`\x1b\[[0-9;]*m|[\x00-\x08\x0b-\x1f\x7f\x{80}-\x{9f}]`)

// logText is a line for people. What a function wrote in several is moved in, so
// that none of them looks like one of ebb's.
func logText(l client.LogLine, onTerminal, colour bool) string {
	text := strings.ReplaceAll(strings.TrimRight(l.Text, "\r\n"), "\n", "\n    ")
	if onTerminal {
		text = controls.ReplaceAllStringFunc(text, func(s string) string {
			if len(s) > 2 && colour {
				return s
			}
			if len(s) > 2 {
				return ""
			}
			return "\uFFFD"
		})
	}
	at := l.Time.Local().Format("2006-01-02 15:04:05.000")
	if !colour {
		return at + " " + text
	}
	paint := ""
	switch {
	case l.Kind == "platform":
		paint = dim
	case l.Level == "ERROR" || l.Level == "FATAL":
		paint = red
	case l.Level == "WARN":
		paint = yellow
	}
	return dim + at + reset + " " + paint + text + reset
}

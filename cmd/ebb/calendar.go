package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	client "github.com/ebb-faas/ebb/sdk/go"
)

// calendarVerb manages the calendars that timers name.
func (a *app) calendarVerb() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "calendar",
		Short:   "Manage calendars: working days, holidays, business dates",
		Example: "  ebb calendar put cn --days holidays.ics --cut-over 17:00 --timezone Asia/Shanghai\n  ebb calendar ls",
		Args:    args(cobra.NoArgs),
	}
	cmd.AddCommand(a.calendarLs(), a.calendarPut(), a.calendarRm())
	return cmd
}

func (a *app) calendarLs() *cobra.Command {
	return &cobra.Command{
		Use: "ls", Aliases: []string{"list"}, Short: "List the calendars", Example: "  ebb calendar ls -o json", Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withClient(func(c *client.Client) error {
				all, err := c.Calendars(cmd.Context())
				if err != nil {
					return err
				}
				var rows [][]string
				for _, k := range all {
					weekend := strings.Join(k.Weekend, ",")
					if weekend == "" {
						weekend = "saturday,sunday"
					}
					rows = append(rows, []string{k.Name, weekend, strconv.Itoa(len(k.Holidays)), strconv.Itoa(len(k.Workdays)), k.CutOver, k.Timezone})
				}
				return a.print(all, []string{"CALENDAR", "WEEKEND", "HOLIDAYS", "WORKED", "CUT-OVER", "TIMEZONE"}, rows)
			})
		},
	}
}

func (a *app) calendarPut() *cobra.Command {
	var n client.NewCalendar
	var days string
	cmd := &cobra.Command{
		Use:   "put CALENDAR",
		Short: "Make or replace a calendar; timers follow it at once",
		Long: "Put makes a calendar, or replaces it as a whole. Days come from a file: iCalendar (.ics), or CSV\n" +
			"with lines of DATE,holiday|workday,NAME.",
		Example: "  ebb calendar put cn --days holidays.ics --cut-over 17:00 --timezone Asia/Shanghai\n" +
			"  ebb calendar put gulf --weekend friday,saturday --days holidays.csv",
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if days != "" {
				text, err := a.readInput(days)
				if err != nil {
					return err
				}
				if strings.HasPrefix(strings.TrimLeft(string(text), "\ufeff \r\n"), "BEGIN:VCALENDAR") {
					n.ICalendar = string(text)
				} else {
					n.CSV = string(text)
				}
			}
			return a.withClient(func(c *client.Client) error {
				k, err := c.PutCalendar(cmd.Context(), given[0], n)
				if err != nil {
					return err
				}
				return a.print(k, nil, [][]string{{"calendar " + k.Name + ": " + strconv.Itoa(len(k.Holidays)) + " holidays, " +
					strconv.Itoa(len(k.Workdays)) + " worked days of weekends"}})
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&days, "days", "", "`FILE` with holidays and worked days; - is standard input")
	f.StringSliceVar(&n.Weekend, "weekend", nil, "`DAYS` off of a week (default saturday,sunday)")
	f.StringVar(&n.CutOver, "cut-over", "", "`TIME` of day from when on it is the next business day's work")
	f.StringVar(&n.Timezone, "timezone", "", "`ZONE` of --cut-over (default UTC)")
	return cmd
}

func (a *app) calendarRm() *cobra.Command {
	return &cobra.Command{
		Use: "rm CALENDAR...", Aliases: []string{"remove", "delete"}, Short: "Delete calendars that no timer names",
		Example: "  ebb calendar rm cn", Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			return a.withClient(func(c *client.Client) error {
				for _, name := range slices.Clone(given) {
					if err := c.DeleteCalendar(cmd.Context(), name); err != nil {
						return err
					}
				}
				return a.print(map[string]any{"removed": given}, nil, [][]string{{"deleted " + strings.Join(given, ", ")}})
			})
		},
	}
}

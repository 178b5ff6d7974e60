package schedule

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// Days are the days of a calendar on which a schedule may be due. The zero value
// is every day.
type Days struct {
	Calendar *Calendar
	// Rule is "" or "any" (every day), "working", "holiday" (every day that is
	// not working), or a working day counted from an end of a period:
	// "month-start", "month-end", "quarter-start", "quarter-end", "year-start",
	// "year-end", with "+N" working days later or "-N" earlier.
	Rule string
	// Roll moves what the expression has on a day that is not working: "" drops
	// it, "following" and "preceding" move it to that working day at the same time
	// of day. It goes with Rule "working" only.
	Roll string
}

var periodRE = regexp.MustCompile(`^(month|quarter|year)-(start|end)(?:([+-])([0-9]{1,3}))?$`)

func (d *Days) validate() error {
	if d.Calendar == nil && (d.limits() || d.Roll != "") {
		return errors.New("days: they need a calendar")
	}
	switch d.Rule {
	case "", "any", "working", "holiday":
	default:
		if !periodRE.MatchString(d.Rule) {
			return fmt.Errorf("days: %q is none of any, working, holiday and month-, quarter- or year-start or -end with +N or -N", d.Rule)
		}
	}
	switch d.Roll {
	case "", "following", "preceding":
	default:
		return fmt.Errorf("roll: %q is none of following and preceding", d.Roll)
	}
	if d.Roll != "" && d.Rule != "working" {
		return errors.New(`roll: goes with days "working" only`)
	}
	return nil
}

// limits reports whether not every day is as good.
func (d *Days) limits() bool { return d.Rule != "" && d.Rule != "any" }

// fires reports whether day itself may have fires.
func (d *Days) fires(day Date) bool {
	switch d.Rule {
	case "", "any":
		return true
	case "working":
		return d.Calendar.Working(day)
	case "holiday":
		return !d.Calendar.Working(day)
	}
	return d.isPeriodDay(day)
}

// sources are the days whose fires are due on day.
func (d *Days) sources(day Date) []Date {
	if !d.fires(day) {
		return nil
	}
	all := []Date{day}
	step := map[string]int{"following": -1, "preceding": 1}[d.Roll]
	if step == 0 {
		return all
	}
	for s := day.next(step); len(all) <= search && !d.Calendar.Working(s); s = s.next(step) {
		all = append(all, s)
	}
	return all
}

// isPeriodDay reports whether day is the one that a rule like month-end-2 names
// in some period: because working days are counted, that may be another one than
// the period day falls into.
func (d *Days) isPeriodDay(day Date) bool {
	if !d.Calendar.Working(day) {
		return false
	}
	m := periodRE.FindStringSubmatch(d.Rule)
	n, _ := strconv.Atoi(m[4]) // digits, or nothing
	if m[3] == "-" {
		n = -n
	}
	// The end of the period from which day is n working days away is n working
	// days from day the other way.
	origin, ok := day, true
	if n != 0 {
		origin, ok = d.Calendar.Add(day, -n)
	}
	if !ok {
		return false
	}
	first := periodStart(origin, m[1])
	if m[2] == "start" {
		start, ok := d.Calendar.Add(first, 0)
		return ok && start == origin
	}
	end := nextPeriod(first, m[1])
	last, ok := d.Calendar.Add(end, -1)
	return ok && last == origin
}

func months(period string) int {
	return map[string]int{"month": 1, "quarter": 3, "year": 12}[period]
}

// periodStart is the first day of the period that d is in.
func periodStart(d Date, period string) Date {
	n := months(period)
	return Date{d.Year, time.Month((int(d.Month)-1)/n*n + 1), 1}
}

func nextPeriod(first Date, period string) Date {
	return dateOf(time.Date(first.Year, first.Month+time.Month(months(period)), 1, 0, 0, 0, 0, time.UTC))
}

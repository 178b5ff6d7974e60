package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/netresearch/go-cron"
)

// Years that a cron expression may name.
const (
	minYear = 1970
	maxYear = 2199
)

// searchYears is how far the library looks: 29 February on a given weekday comes
// at least every 40 years.
const searchYears = 45

// horizon is how many days are looked at for one that a calendar allows.
const horizon = 366 * searchYears

var parser = cron.MustNewParser(cron.Second | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Year | cron.Extended).
	WithMaxSearchYears(searchYears)

// fieldNames in the order of an expression.
var fieldNames = [...]string{"second", "minute", "hour", "day", "month", "weekday", "year"}

// parseCron reads the fields of a cron expression; wrapped says that they stood
// in cron(), where six of them begin with the minute.
func parseCron(fields []string, wrapped bool, opt Options) (func(time.Time) (time.Time, bool), error) {
	fields = slices.Clone(fields)
	switch {
	case wrapped && len(fields) == 6:
		fields = append([]string{"0"}, fields...)
	case !wrapped && len(fields) == 6:
		fields = append(fields, "*")
	case len(fields) == 7:
	case wrapped:
		return nil, fmt.Errorf("cron() takes six fields (minute hour day month weekday year) or seven (second first), not %d", len(fields))
	default:
		return nil, fmt.Errorf("is none of cron(…), rate(…), at(…) and a cron expression of six or seven fields (second minute hour day month weekday [year])")
	}
	if (fields[3] == "?") == (fields[5] == "?") {
		return nil, errors.New("one of day and weekday must be ?, and the other not")
	}
	weekdays, err := weekdayField(strings.ToUpper(fields[5]))
	if err != nil {
		return nil, err
	}
	fields[5] = weekdays
	for i, f := range fields {
		fields[i] = strings.ToUpper(f)
		if strings.ContainsAny(fields[i], "@H") || f == "?" && i != 3 {
			return nil, fmt.Errorf("%s: %q is not understood", fieldNames[i], f)
		}
	}
	if err := yearField(fields[6]); err != nil {
		return nil, err
	}
	s, err := parser.Parse(strings.Join(fields, " "))
	if err != nil {
		return nil, explain(err)
	}
	c := &cronSchedule{spec: s, loc: opt.Location, days: opt.Days}
	// Looked at from before all years that can be named: one fire there must be.
	for year := minYear; year <= maxYear; year += searchYears {
		if !s.Next(time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Second)).IsZero() {
			return c.next, nil
		}
	}
	return nil, errors.New("never comes: there is no such day")
}

// explain turns the library's words into ours.
func explain(err error) error {
	return fmt.Errorf("is not understood: %w", err)
}

func yearField(f string) error {
	for part := range strings.FieldsFuncSeq(f, func(r rune) bool { return r == ',' || r == '-' }) {
		part, _, _ = strings.Cut(part, "/")
		if part == "*" {
			continue
		}
		if y, err := strconv.Atoi(part); err != nil || y < minYear || y > maxYear {
			return fmt.Errorf("year: %q is not between %d and %d", f, minYear, maxYear)
		}
	}
	return nil
}

// cronSchedule finds fires of a cron expression.
type cronSchedule struct {
	spec cron.Schedule
	loc  *time.Location
	days Days
}

func (c *cronSchedule) next(after time.Time) (time.Time, bool) {
	find := c.onAnyDay
	if c.days.limits() {
		find = c.onDays
	}
	wall := wallOf(after, c.loc)
	for {
		var ok bool
		if wall, ok = find(wall); !ok {
			return time.Time{}, false
		}
		// After a clock was put back the wall shows earlier times again: those
		// that were due already are passed over here.
		if t, exists := onWall(wall, c.loc); exists && t.After(after) {
			return t, true
		}
	}
}

func (c *cronSchedule) onAnyDay(wall time.Time) (time.Time, bool) {
	t := c.spec.Next(wall)
	return t, !t.IsZero()
}

// onDays goes through the calendar's days. What is due on a day is what the
// expression has on the days that were moved to it.
func (c *cronSchedule) onDays(wall time.Time) (time.Time, bool) {
	day, clock := dateOf(wall), wall.Sub(dateOf(wall).midnight(time.UTC))
	for range horizon {
		found := time.Time{}
		for _, source := range c.days.sources(day) {
			midnight := source.midnight(time.UTC)
			t := c.spec.Next(midnight.Add(clock))
			if t.IsZero() || dateOf(t) != source {
				continue
			}
			if moved := day.midnight(time.UTC).Add(t.Sub(midnight)); found.IsZero() || moved.Before(found) {
				found = moved
			}
		}
		if !found.IsZero() {
			return found, true
		}
		day, clock = day.next(1), -time.Second
	}
	return time.Time{}, false
}

// weekday names, in the order in which Quartz and EventBridge count from 1.
var weekdayNames = [...]string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}

// weekdayField translates a field that counts Sunday as 1 into the library's,
// which counts it as 0. Ranges and steps are written out.
func weekdayField(f string) (string, error) {
	if f == "*" || f == "?" {
		return "*", nil
	}
	var out []string
	for part := range strings.SplitSeq(f, ",") {
		if day, nth, ok := strings.Cut(part, "#"); ok {
			d, err := weekday(day)
			if err != nil || len(nth) != 1 || nth < "1" || nth > "5" {
				return "", badWeekday(part)
			}
			out = append(out, fmt.Sprintf("%d#%s", d, nth))
			continue
		}
		if last, ok := strings.CutSuffix(part, "L"); ok {
			if last == "" {
				out = append(out, "6") // the last day of the week
				continue
			}
			d, err := weekday(last)
			if err != nil {
				return "", err
			}
			out = append(out, fmt.Sprintf("%d#L", d))
			continue
		}
		days, err := weekdayRange(part)
		if err != nil {
			return "", err
		}
		for _, d := range days {
			out = append(out, strconv.Itoa(d))
		}
	}
	return strings.Join(out, ","), nil
}

// weekdayRange writes out A, A-B, A/STEP, A-B/STEP and */STEP. A range may go
// over the end of the week.
func weekdayRange(part string) ([]int, error) {
	span, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		var err error
		if step, err = strconv.Atoi(stepText); err != nil || step < 1 || step > 7 {
			return nil, badWeekday(part)
		}
	}
	from, to := 0, 6
	if span != "*" {
		first, last, ranged := strings.Cut(span, "-")
		var err error
		if from, err = weekday(first); err != nil {
			return nil, err
		}
		switch {
		case ranged:
			if to, err = weekday(last); err != nil {
				return nil, err
			}
		case !stepped:
			to = from
		}
	}
	if to < from {
		to += 7
	}
	var days []int
	for d := from; d <= to; d += step {
		days = append(days, d%7)
	}
	slices.Sort(days)
	return days, nil
}

// weekday reads 1 to 7 or a name; Sunday is 0.
func weekday(s string) (int, error) {
	if i := slices.Index(weekdayNames[:], s); i >= 0 {
		return i, nil
	}
	if len(s) == 1 && s >= "1" && s <= "7" {
		return int(s[0] - '1'), nil
	}
	return 0, badWeekday(s)
}

func badWeekday(s string) error {
	return fmt.Errorf("weekday: %q is not understood; Sunday is 1 or SUN, Saturday 7 or SAT", s)
}

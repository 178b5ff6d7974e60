package schedule

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of an imported calendar.
const (
	maxImport   = 1 << 20 // bytes
	maxDays     = 10_000  // days in one calendar
	repeatYears = 10      // how far an event that comes every year is written out
)

// ImportCSV adds the days of a table to c: a date, "holiday" or "workday", and a
// name; the kind may be missing and is holiday then. A first line without a date
// is a heading. Errors name the line; c is unchanged then.
func (c *Calendar) ImportCSV(r io.Reader) error {
	t := csv.NewReader(io.LimitReader(r, maxImport+1))
	t.FieldsPerRecord, t.TrimLeadingSpace, t.Comment = -1, true, '#'
	in := newImport(c)
	for first := true; ; first = false {
		row, err := t.Read()
		if errors.Is(err, io.EOF) {
			return in.finish()
		}
		if err != nil {
			return fmt.Errorf("csv: %w", err)
		}
		line, _ := t.FieldPos(0)
		d, err := ParseDate(strings.TrimPrefix(strings.TrimSpace(row[0]), "\ufeff"))
		if err != nil {
			if first {
				continue
			}
			return fmt.Errorf("csv: line %d: %w", line, err)
		}
		kind, name := "holiday", ""
		if len(row) > 1 {
			kind = strings.ToLower(strings.TrimSpace(row[1]))
		}
		if len(row) > 2 {
			name = strings.TrimSpace(row[2])
		}
		if kind != "holiday" && kind != "workday" && len(row) == 2 {
			kind, name = "holiday", strings.TrimSpace(row[1])
		}
		if kind != "holiday" && kind != "workday" {
			return fmt.Errorf("csv: line %d: %q is neither holiday nor workday", line, row[1])
		}
		if err := in.add(d, kind == "workday", name); err != nil {
			return fmt.Errorf("csv: line %d: %w", line, err)
		}
	}
}

// imported are days that become c's all at once.
type imported struct {
	calendar           *Calendar
	holidays, workdays map[Date]string
}

func newImport(c *Calendar) *imported {
	return &imported{c, make(map[Date]string), make(map[Date]string)}
}

func (in *imported) add(d Date, work bool, name string) error {
	if len(in.holidays)+len(in.workdays) >= maxDays {
		return fmt.Errorf("more than %d days", maxDays)
	}
	if work {
		in.workdays[d] = name
	} else {
		in.holidays[d] = name
	}
	return nil
}

func (in *imported) finish() error {
	if len(in.holidays)+len(in.workdays) == 0 {
		return errors.New("there is not one day in it")
	}
	c := in.calendar
	for _, m := range [...]struct {
		into *map[Date]string
		from map[Date]string
	}{{&c.Holidays, in.holidays}, {&c.Workdays, in.workdays}} {
		if *m.into == nil {
			*m.into = make(map[Date]string)
		}
		for d, name := range m.from {
			(*m.into)[d] = name
		}
	}
	return nil
}

// ImportICalendar adds the days of an iCalendar (RFC 5545) to c: of each event
// all days from DTSTART to before DTEND. An event is a worked day if it says so
// (X-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY, CATEGORIES:WORKDAY, or a summary that
// ends in 班), else a holiday. Events that come every year (RRULE:FREQ=YEARLY) are
// written out for ten years or as their rule says; other rules are refused. Errors
// name the line; c is unchanged then.
func (c *Calendar) ImportICalendar(r io.Reader) error {
	in := newImport(c)
	var e *event
	number := 0
	err := unfold(io.LimitReader(r, maxImport+1), func(line int, text string) error {
		number = line
		name, params, value := property(text)
		switch {
		case name == "BEGIN" && value == "VEVENT":
			e = &event{days: 1, times: 1}
		case e == nil:
		case name == "END" && value == "VEVENT":
			err := e.into(in)
			e = nil
			return err
		default:
			return e.property(name, params, value)
		}
		return nil
	})
	if err == nil && e != nil {
		err = errors.New("an event does not end")
	}
	if err == nil {
		err = in.finish()
	}
	if err != nil {
		return fmt.Errorf("icalendar: line %d: %w", number, err)
	}
	return nil
}

// unfold joins lines that were broken: those that begin with a space go on with
// the one before.
func unfold(r io.Reader, each func(line int, text string) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxImport)
	text, n := "", 0
	for lines.Scan() {
		next := strings.TrimRight(lines.Text(), "\r")
		if rest, more := strings.CutPrefix(next, " "); more {
			text += rest
			n++
			continue
		}
		if text != "" {
			if err := each(n, text); err != nil {
				return err
			}
		}
		text, n = next, n+1
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if text == "" {
		return nil
	}
	return each(n, text)
}

// property splits NAME;PARAMETERS:VALUE.
func property(text string) (name, params, value string) {
	head, value, _ := strings.Cut(text, ":")
	name, params, _ = strings.Cut(head, ";")
	return strings.ToUpper(name), strings.ToUpper(params), value
}

// event is one VEVENT.
type event struct {
	begin, end Date
	days       int
	summary    string
	work       bool
	times      int // years that it comes in
}

func (e *event) property(name, _, value string) (err error) {
	switch name {
	case "DTSTART":
		e.begin, err = calendarDate(value)
	case "DTEND":
		e.end, err = calendarDate(value)
	case "SUMMARY":
		e.summary = strings.NewReplacer(`\,`, ",", `\;`, ";", `\n`, " ", `\\`, `\`).Replace(value)
		bare := strings.TrimRight(e.summary, "）)] 】")
		e.work = e.work || strings.HasSuffix(bare, "班")
	case "X-APPLE-SPECIAL-DAY":
		e.work = e.work || value == "ALTERNATE-WORKDAY"
	case "CATEGORIES":
		e.work = e.work || slices.Contains(strings.Split(strings.ToUpper(value), ","), "WORKDAY")
	case "RRULE":
		e.times, err = yearly(value)
	}
	return err
}

// calendarDate reads 20261001 or the date of 20261001T000000Z.
func calendarDate(value string) (Date, error) {
	day, _, _ := strings.Cut(value, "T")
	return ParseDate(day)
}

// yearly reads FREQ=YEARLY[;COUNT=n][;INTERVAL=1] and so on.
func yearly(rule string) (times int, err error) {
	times = repeatYears
	freq := ""
	for part := range strings.SplitSeq(strings.ToUpper(rule), ";") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "FREQ":
			freq = value
		case "COUNT":
			if times, err = strconv.Atoi(value); err != nil || times < 1 || times > 200 {
				return 0, fmt.Errorf("RRULE: COUNT=%s is not between 1 and 200", value)
			}
		case "INTERVAL", "BYMONTH", "BYMONTHDAY", "WKST": // as DTSTART has it
			if name == "INTERVAL" && value != "1" {
				return 0, fmt.Errorf("RRULE: %q is not understood; write the days out", rule)
			}
		default:
			return 0, fmt.Errorf("RRULE: %q is not understood; write the days out", rule)
		}
	}
	if freq != "YEARLY" {
		return 0, fmt.Errorf("RRULE: %q is not understood: only FREQ=YEARLY is", rule)
	}
	return times, nil
}

// into adds the event's days.
func (e *event) into(in *imported) error {
	if e.begin == (Date{}) {
		return errors.New("the event has no DTSTART")
	}
	if e.end != (Date{}) {
		e.days = int(e.end.midnight(time.UTC).Sub(e.begin.midnight(time.UTC)) / (24 * time.Hour))
		e.days = max(e.days, 1) // DTEND on the same day: hours of it
		if e.days > search {
			return fmt.Errorf("the event is %d days long", e.days)
		}
	}
	for year := range e.times {
		first := Date{e.begin.Year + year, e.begin.Month, e.begin.Day}
		if first.next(0) != first {
			continue // 29 February
		}
		for n := range e.days {
			if err := in.add(first.next(n), e.work, e.summary); err != nil {
				return err
			}
		}
	}
	return nil
}

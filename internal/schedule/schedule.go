package schedule

import (
	"fmt"
	"strings"
	"time"
)

// Options of Parse. The zero value means UTC, no bounds, every day.
type Options struct {
	Location   *time.Location // of cron and at expressions; nil = UTC
	Anchor     time.Time      // what a rate counts from, itself not due; zero = Start, which is due, else the beginning of 1970
	Start, End time.Time      // due is what is neither before Start nor after End; zero = no bound
	Days       Days           // which days of a calendar; the zero value = every day
}

// Schedule tells when something is due. It is immutable.
type Schedule struct {
	text       string
	start, end time.Time
	next       func(after time.Time) (time.Time, bool)
	once       bool
}

// Error says what is wrong with an expression.
type Error struct{ Expression, Reason string }

func (e *Error) Error() string { return fmt.Sprintf("%q: %s", e.Expression, e.Reason) }

// Parse reads an expression:
//
//	cron(MINUTE HOUR DAY MONTH WEEKDAY YEAR)          EventBridge: Sunday is 1, one day field is ?
//	cron(SECOND MINUTE HOUR DAY MONTH WEEKDAY YEAR)   the same with seconds
//	SECOND MINUTE HOUR DAY MONTH WEEKDAY [YEAR]       Quartz, as XXL-JOB has it: without cron()
//	rate(5 minutes)                                   seconds, minutes, hours or days
//	at(2026-11-22T18:30:00)                           once
//
// The error is an *Error.
func Parse(expression string, opt Options) (*Schedule, error) {
	if opt.Location == nil {
		opt.Location = time.UTC
	}
	s := &Schedule{text: expression, start: opt.Start, end: opt.End}
	name, inner, call := strings.Cut(strings.TrimSpace(expression), "(")
	inner, closed := strings.CutSuffix(inner, ")")
	wrong := func(err error) error { return &Error{expression, err.Error()} }
	if call && !closed {
		return nil, wrong(fmt.Errorf("has no closing parenthesis"))
	}
	if err := opt.Days.validate(); err != nil {
		return nil, wrong(err)
	}
	var err error
	switch {
	case call && name == "cron":
		s.next, err = parseCron(strings.Fields(inner), true, opt)
	case call && name == "rate":
		s.next, err = parseRate(inner, opt)
	case call && name == "at":
		s.once = true
		s.next, err = parseAt(inner, opt)
	case call:
		err = fmt.Errorf("%s() is none of cron(), rate() and at()", name)
	default:
		s.next, err = parseCron(strings.Fields(name), false, opt)
	}
	if err == nil && !opt.Start.IsZero() && !opt.End.IsZero() && opt.End.Before(opt.Start) {
		err = fmt.Errorf("ends before it starts")
	}
	if err != nil {
		return nil, wrong(err)
	}
	return s, nil
}

// Next is when it is due after a moment; false if never again. The answer is
// whole seconds, in the schedule's location.
func (s *Schedule) Next(after time.Time) (time.Time, bool) {
	if s.start.After(after) {
		after = s.start.Add(-time.Nanosecond)
	}
	t, ok := s.next(after)
	if !ok || !s.end.IsZero() && t.After(s.end) {
		return time.Time{}, false
	}
	return t, true
}

// Once reports whether it is due once only, by its kind.
func (s *Schedule) Once() bool { return s.once }

// String is the expression.
func (s *Schedule) String() string { return s.text }

// parseAt reads a moment of the wall clock.
func parseAt(text string, opt Options) (func(time.Time) (time.Time, bool), error) {
	if opt.Days.limits() {
		return nil, fmt.Errorf("at() is one moment and takes no days of a calendar")
	}
	wall, err := time.Parse("2006-01-02T15:04:05", text)
	if err != nil {
		return nil, fmt.Errorf("at() takes a time like 2026-11-22T18:30:00")
	}
	at, exists := onWall(wall, opt.Location)
	if !exists {
		return nil, fmt.Errorf("this time does not exist in %s: the clock skips it", opt.Location)
	}
	return func(after time.Time) (time.Time, bool) { return at, at.After(after) }, nil
}

// onWall is the first moment at which the wall clock in loc shows what wall says
// in UTC; false if it never does.
func onWall(wall time.Time, loc *time.Location) (time.Time, bool) {
	y, m, d := wall.Date()
	t := time.Date(y, m, d, wall.Hour(), wall.Minute(), wall.Second(), 0, loc)
	if !showsSame(t, wall) {
		return t, false
	}
	// Of two moments that show the same, time.Date may give either. They are an
	// offset change apart, which was never more than a day.
	for _, by := range [...]time.Duration{30 * time.Minute, time.Hour, 2 * time.Hour, 24 * time.Hour} {
		if earlier := t.Add(-by); showsSame(earlier, wall) {
			return earlier, true
		}
	}
	return t, true
}

func showsSame(t, wall time.Time) bool {
	y, m, d := t.Date()
	wy, wm, wd := wall.Date()
	return y == wy && m == wm && d == wd && t.Hour() == wall.Hour() && t.Minute() == wall.Minute() && t.Second() == wall.Second()
}

// wallOf is what the wall clock shows at t, as a time in UTC.
func wallOf(t time.Time, loc *time.Location) time.Time {
	t = t.In(loc)
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

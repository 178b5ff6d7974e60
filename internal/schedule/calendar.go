package schedule

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Calendar is a market's working days. The zero value works from Monday to
// Friday.
type Calendar struct {
	Weekend  []time.Weekday // days off; nil = Saturday and Sunday
	Holidays map[Date]string
	Workdays map[Date]string // days of a weekend that are worked, swapped for others; they win over Holidays
	// CutOver is the time of day from which on it is the next business day's
	// work; zero = midnight.
	CutOver  time.Duration
	Location *time.Location // of CutOver; nil = UTC
}

// Validate says what is wrong, naming the field.
func (c *Calendar) Validate() error {
	if c.CutOver < 0 || c.CutOver >= 24*time.Hour {
		return fmt.Errorf("cutOver: %v is not a time of day", c.CutOver)
	}
	week := 0
	for d := time.Sunday; d <= time.Saturday; d++ {
		if !c.weekend(d) {
			week++
		}
	}
	if week == 0 {
		return errors.New("weekend: no day of the week is left to work on")
	}
	return nil
}

func (c *Calendar) weekend(d time.Weekday) bool {
	if c.Weekend == nil {
		return d == time.Saturday || d == time.Sunday
	}
	return slices.Contains(c.Weekend, d)
}

// Working reports whether d is a working day.
func (c *Calendar) Working(d Date) bool {
	if _, ok := c.Workdays[d]; ok {
		return true
	}
	_, holiday := c.Holidays[d]
	return !holiday && !c.weekend(d.Weekday())
}

// search is how many days off may follow each other.
const search = 400

// Add is the n-th working day after d, or before it if n is negative. With 0 it
// is d, or the working day after it. false if the calendar has no such day
// within reach.
func (c *Calendar) Add(d Date, n int) (Date, bool) {
	step := 1
	if n < 0 {
		step = -1
	}
	off := 0
	for n != 0 || !c.Working(d) {
		d = d.next(step)
		if !c.Working(d) {
			if off++; off > search {
				return d, false
			}
			continue
		}
		off = 0
		if n == 0 {
			break
		}
		n -= step
	}
	return d, true
}

// BusinessDate is the date whose work is done at t: that of t, or after CutOver
// the next one; moved to the following working day; and then shifted by so many
// working days.
func (c *Calendar) BusinessDate(t time.Time, shift int) (Date, bool) {
	loc := c.Location
	if loc == nil {
		loc = time.UTC
	}
	wall := wallOf(t, loc)
	d := dateOf(wall)
	if c.CutOver > 0 && wall.Sub(d.midnight(time.UTC)) >= c.CutOver {
		d = d.next(1)
	}
	d, ok := c.Add(d, 0)
	if !ok || shift == 0 {
		return d, ok
	}
	return c.Add(d, shift)
}
